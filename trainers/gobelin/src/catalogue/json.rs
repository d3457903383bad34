//! JSON by hand, for numbers that serde_json has no text for.

use std::fmt::Debug;

/// The shortest text that reads back as this number; NaN, Infinity and -Infinity where it is not finite.
pub fn number<T: Copy + Debug + Into<f64>>(value: T) -> String {
    match value.into() {
        wide if wide.is_finite() => format!("{value:?}"),
        wide if wide.is_nan() => "NaN".into(),
        wide if wide > 0.0 => "Infinity".into(),
        _ => "-Infinity".into(),
    }
}

/// Items between brackets.
pub fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A number, or lists within lists, one level an axis.
pub fn values(shape: &[usize], data: &[f32]) -> String {
    match *shape {
        [] => number(data[0]),
        [length, ref inner @ ..] => {
            let size = data.len() / length;
            list((0..length).map(|i| values(inner, &data[i * size..][..size])))
        }
    }
}

/// An object on one line, of names without anything to escape.
pub fn line(fields: &[(&str, String)]) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_as_they_were() {
        for value in [0.0, -0.0, 0.1, 1e-38, 1e-45, 3.402_823_5e38, -16_777_217.0, 1.0e7] {
            let text = number(value);
            let read: f64 = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((read as f32).to_bits(), f32::to_bits(value), "{text}");
        }
        assert_eq!((number(0.1f32), number(0.1f64)), ("0.1".into(), "0.1".into()));
        let ends = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(number);
        assert_eq!(ends, ["NaN", "Infinity", "-Infinity"]);
    }

    #[test]
    fn axes_are_lists() {
        let data = [1.0, 2.0, 3.0, 4.0, 5.0, f32::NAN];
        assert_eq!(values(&[2, 1, 3], &data), "[[[1.0, 2.0, 3.0]], [[4.0, 5.0, NaN]]]");
        assert_eq!(values(&[], &data), "1.0");
    }

    #[test]
    fn objects_are_lines() {
        let fields = [("loss", "\"mse\"".to_owned()), ("value", number(0.5f32))];
        assert_eq!(line(&fields), r#"{"loss": "mse", "value": 0.5}"#);
    }
}
