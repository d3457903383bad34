//! Keeping the colours of the content: only its luminance is painted.
//!
//! Gatys et al., "Preserving color in neural artistic style transfer", 2016, section 3.2: style transfer between luminances, the
//! style's matched in mean and deviation to the content's (equation 10), then the content's colours put back. Their
//! other way, matching the style's colours first (section 3.1), lets the colours of one part of the content appear in another; this
//! one cannot.

use gobelin_autograd::Tensor;

/// ITU-R BT.601: the shares of red, green and blue, whose sum is 1.
const SHARES: [f32; 3] = [0.299, 0.587, 0.114];

/// The luminance of a picture `(1, H, W, 3)`: `(1, H, W, 1)`.
pub fn luminance(picture: &Tensor) -> Tensor {
    let &[n, height, width, 3] = picture.shape() else { panic!("luminance: shape {:?}", picture.shape()) };
    let of = |rgb: &[f32]| rgb.iter().zip(SHARES).map(|(value, share)| value * share).sum();
    let values: Vec<f32> = picture.data().chunks_exact(3).map(of).collect();
    Tensor::new(&[n, height, width, 1], values)
}

/// A luminance with the mean and the deviation of another.
pub fn matched(luminance: &Tensor, to: &Tensor) -> Tensor {
    let ([mean, deviation], [to_mean, to_deviation]) = (moments(luminance), moments(to));
    // A style of one grey has nothing to stretch.
    let factor = if deviation > 1e-6 { to_deviation / deviation } else { 1.0 };
    luminance.map(|value| (f64::from(value) - mean).mul_add(factor, to_mean) as f32)
}

/// A picture `(1, H, W, 3)` with another luminance: the difference is added to all three, which leaves the chrominance of
/// YIQ as it is.
pub fn with_luminance(picture: &Tensor, painted: &Tensor) -> Tensor {
    let own = luminance(picture);
    let differences = painted.zip(&own, |painted, own| painted - own);
    let values: Vec<f32> = picture
        .data()
        .chunks_exact(3)
        .zip(differences.data())
        .flat_map(|(rgb, difference)| [rgb[0] + difference, rgb[1] + difference, rgb[2] + difference])
        .collect();
    Tensor::new(picture.shape(), values)
}

fn moments(x: &Tensor) -> [f64; 2] {
    let count = x.len() as f64;
    let mean = x.data().iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = x.data().iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    [mean, variance.sqrt()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_the_luminance_is_the_painted_one() {
        let picture = Tensor::new(&[1, 1, 2, 3], [0.1, 0.5, 0.3, 0.6, 0.4, 0.2]);
        let painted = Tensor::new(&[1, 1, 2, 1], [0.9, 0.1]);
        let found = with_luminance(&picture, &painted);
        for (found, painted) in luminance(&found).data().iter().zip(painted.data()) {
            assert!((found - painted).abs() < 1e-6);
        }
        for (found, own) in found.data().chunks_exact(3).zip(picture.data().chunks_exact(3)) {
            assert!((found[0] - found[2] - (own[0] - own[2])).abs() < 1e-6);
            assert!((found[0] - found[1] - (own[0] - own[1])).abs() < 1e-6);
        }
    }

    #[test]
    fn moments_are_matched() {
        let style = Tensor::new(&[1, 1, 4, 1], [0.0, 0.5, 0.25, 1.0]);
        let content = Tensor::new(&[1, 2, 1, 1], [0.4, 0.6]);
        let [mean, deviation] = moments(&matched(&style, &content));
        assert!((mean - 0.5).abs() < 1e-6 && (deviation - 0.1).abs() < 1e-6, "{mean} {deviation}");
        let grey = matched(&Tensor::full(&[1, 2, 2, 1], 0.2), &content);
        assert!(grey.data().iter().all(|value| (value - 0.5).abs() < 1e-6));
    }
}
