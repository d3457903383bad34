//! Curves as a picture in SVG.

use std::fmt::Write;

use super::escaped;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers beside and below the curves, and for the title.
const LEFT: f64 = 58.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 30.0;
const RIGHT: f64 = 8.0;
/// More points than pixels across show nothing: each stands for the mean of its neighbours.
const POINTS: usize = 400;
const COLOURS: [&str; 6] = ["#1f6fb2", "#d1622b", "#2c8a4b", "#8a4bb0", "#b0324f", "#6b6b6b"];

/// Numbers over steps.
pub struct Curve {
    pub label: String,
    /// Step and value, by step.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    pub fn new(label: &str) -> Self {
        Self { label: label.to_owned(), points: Vec::new() }
    }

    fn thinned(&self) -> Vec<(f64, f64)> {
        let size = self.points.len().div_ceil(POINTS).max(1);
        let mean = |part: &[(f64, f64)]| {
            let count = part.len() as f64;
            let sum = part.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            (sum.0 / count, sum.1 / count)
        };
        self.points.chunks(size).map(mean).collect()
    }
}

/// Curves under one title.
pub struct Chart {
    pub title: String,
    pub curves: Vec<Curve>,
}

impl Chart {
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), curves: Vec::new() }
    }

    pub fn svg(&self) -> String {
        let curves: Vec<Vec<(f64, f64)>> = self.curves.iter().map(Curve::thinned).collect();
        let all = || curves.iter().flatten();
        let (steps, values) = (range(all().map(|point| point.0)), range(all().map(|point| point.1)));
        let across = |step: f64| LEFT + (step - steps.0) / (steps.1 - steps.0) * (WIDTH - LEFT - RIGHT);
        let down = |value: f64| {
            HEIGHT - BOTTOM - (value - values.0) / (values.1 - values.0) * (HEIGHT - BOTTOM - TOP)
        };
        let mut svg = format!(
            "<svg viewBox='0 0 {WIDTH} {HEIGHT}' font-size=11 fill='#777'>\
             <text x={LEFT} y=16 fill='#222' font-size=13>{}</text>",
            escaped(&self.title)
        );
        for (value, anchor) in [(values.0, 0.0), (f64::midpoint(values.0, values.1), 4.0), (values.1, 8.0)] {
            let y = down(value);
            let _ = write!(
                svg,
                "<path d='M{LEFT} {y:.1}H{}' stroke='#ddd'/><text x={} y={:.1} text-anchor=end>{}</text>",
                WIDTH - RIGHT,
                LEFT - 5.0,
                y + anchor,
                number(value)
            );
        }
        for (step, anchor) in [(steps.0, "start"), (steps.1, "end")] {
            let _ = write!(
                svg,
                "<text x={:.1} y={} text-anchor={anchor}>{}</text>",
                across(step),
                HEIGHT - 7.0,
                number(step)
            );
        }
        let mut legend = WIDTH - RIGHT;
        for (index, (curve, points)) in self.curves.iter().zip(&curves).enumerate().rev() {
            let colour = COLOURS[index % COLOURS.len()];
            if !curve.label.is_empty() {
                let label = escaped(&curve.label);
                let _ =
                    write!(svg, "<text x={legend:.0} y=16 text-anchor=end fill='{colour}'>{label}</text>");
                legend -= 7.0 * curve.label.len() as f64 + 12.0;
            }
            let line: Vec<String> = points
                .iter()
                .map(|&(step, value)| format!("{:.1} {:.1}", across(step), down(value)))
                .collect();
            let _ = write!(
                svg,
                "<polyline points='{}' fill=none stroke='{colour}' stroke-width=1.5 stroke-linecap=round/>",
                line.join(" ")
            );
        }
        svg + "</svg>"
    }
}

/// From the least to the largest, never empty: what is drawn divides by its length.
fn range(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (least, most) =
        (numbers.clone().fold(f64::INFINITY, f64::min), numbers.fold(f64::NEG_INFINITY, f64::max));
    if most > least { (least, most) } else { (least - 0.5, least + 0.5) }
}

/// Four digits, as a person writes them.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (0.01..100_000.0).contains(&magnitude) {
        let decimals = if magnitude >= 1000.0 || value == value.round() { 0 } else { 3 };
        let text = format!("{value:.decimals$}");
        if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
    } else {
        format!("{value:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (2400.0, "2400"),
            (0.25, "0.25"),
            (-1.5, "-1.5"),
            (1e-4, "1.00e-4"),
            (3e6, "3.00e6"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn curves_span_the_chart_and_long_ones_are_thinned() {
        let mut curve = Curve::new("d");
        curve.points = (0..2000).map(|step| (f64::from(step), f64::from(step % 2))).collect();
        assert_eq!(curve.thinned().len(), POINTS);
        assert!((curve.thinned()[7].1 - 0.5).abs() < 0.11);
        let chart = Chart {
            title: "loss".into(),
            curves: vec![Curve { label: "g".into(), points: vec![(1.0, 2.0), (3.0, 4.0)] }],
        };
        assert!(chart.svg().contains("points='58.0 196.0 432.0 30.0'"), "{}", chart.svg());
        // A single point, and a constant, have a place too.
        let chart = Chart {
            title: "loss".into(),
            curves: vec![Curve { label: String::new(), points: vec![(1.0, 2.0)] }],
        };
        assert!(chart.svg().contains("points='245.0 113.0'"), "{}", chart.svg());
    }
}
