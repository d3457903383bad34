//! How near restored pictures are to the true ones, as the papers on super-resolution measure it.

use std::sync::Arc;

use gobelin_autograd::Tensor;
use gobelin_datasets::{DataError, Dataset, skip_limit};
use gobelin_losses::metrics::{Pictures, psnr, ssim};

use crate::degrade::to_byte;

/// What equal pictures count as: their ratio is infinite, and would be the mean's.
const MOST_DECIBELS: f64 = 120.0;

/// Means over pictures of what each picture measures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Peak signal-to-noise ratio in decibels.
    pub psnr: f64,
    /// Structural similarity (Wang et al. 2004).
    pub ssim: f64,
}

impl Quality {
    /// Measures `made` against `truth`, both `(N, H, W, 3)` in [-1, 1], on luma, without `border` pixels at each edge,
    /// which interpolation had to guess.
    ///
    /// Both are rounded to bytes first, as a file would hold them. Luma is BT.601's with values from 16 to 235, and the
    /// peak 255: MATLAB's, which the papers' numbers are in.
    pub fn of(made: &Tensor, truth: &Tensor, border: usize) -> Self {
        let ((made, shape), (truth, _)) = (luma(made, border), luma(truth, border));
        let (made, truth) = (Pictures::new(&made, shape), Pictures::new(&truth, shape));
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let decibels = psnr(made, truth, 1.0).into_iter().map(|value| value.min(MOST_DECIBELS)).collect();
        Self { psnr: mean(decibels), ssim: mean(ssim(made, truth, 1.0)) }
    }
}

/// The luma of pictures in [-1, 1] without `border` pixels at each edge, divided by 255.
fn luma(pictures: &Tensor, border: usize) -> (Vec<f32>, [usize; 4]) {
    let &[count, height, width, 3] = pictures.shape() else {
        panic!("luma: shape {:?}, expected (N, H, W, 3)", pictures.shape())
    };
    let inside = |length: usize| border..length - border;
    let mut values = Vec::with_capacity(count * height * width);
    for picture in pictures.data().chunks_exact(height * width * 3) {
        for row in inside(height) {
            for pixel in picture[row * width * 3..][..width * 3].chunks_exact(3).take(width - border).skip(border) {
                let [red, green, blue] =
                    [0, 1, 2].map(|channel| f64::from(to_byte(pixel[channel])) * 0.5 + 0.5);
                values.push(((65.481 * red + 128.553 * green + 24.966 * blue + 16.0) / 255.0) as f32);
            }
        }
    }
    (values, [count, height - 2 * border, width - 2 * border, 1])
}

/// The middle of `count` held-out pictures, evenly spread over the data, as they are: `(N, S, S, 3)` in [-1, 1].
///
/// `S` is the largest multiple of `multiple` that all of them have, at least `least` and at most `most`; pictures that are
/// smaller or do not decode are passed over, as a loader does.
///
/// # Errors
/// If too many pictures do not serve.
pub fn middles(
    data: &Arc<dyn Dataset>,
    count: usize,
    [least, most]: [usize; 2],
    multiple: usize,
) -> Result<Tensor, DataError> {
    let count = count.min(data.len());
    let (mut pictures, mut skipped) = (Vec::new(), Vec::new());
    for number in 0..count {
        match data.sample(number * data.len() / count) {
            Ok(sample) => pictures.push(sample.picture.into_channels(3)),
            Err(error @ DataError::Picture { .. }) => skipped.push(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(first) = skipped.first()
        && (pictures.is_empty() || skipped.len() > skip_limit(data.len()))
    {
        return Err(DataError::TooManySkipped {
            source_name: data.describe(),
            skipped: skipped.len(),
            limit: skip_limit(data.len()),
            pictures: data.len(),
            first: Box::new(first.clone()),
        });
    }
    let shorter = pictures.iter().map(|picture| picture.height.min(picture.width)).min().unwrap_or(least);
    let side = shorter.min(most) / multiple * multiple;
    let middle = |picture: &gobelin_datasets::Picture| {
        picture.centre_crop(side).pixels.iter().map(|byte| f32::from(*byte) / 127.5 - 1.0).collect::<Vec<_>>()
    };
    let values: Vec<f32> = pictures.iter().flat_map(middle).collect();
    Ok(Tensor::new(&[pictures.len(), side, side, 3], values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-image's `rgb2ycbcr`, `peak_signal_noise_ratio` and `structural_similarity` (Gaussian weights, sigma 1.5,
    /// population covariance) of the same bytes.
    #[test]
    fn metrics_are_scikit_images_on_luma() {
        let picture = |seed: usize| {
            Tensor::build(&[2, 20, 18, 3], |values| {
                for (i, value) in values.iter_mut().enumerate() {
                    let byte = (i * 7 + i / 54 * 13 + (i * i * seed) % 23) % 256;
                    *value = byte as f32 / 127.5 - 1.0;
                }
            })
        };
        let (made, truth) = (picture(3), picture(5));
        for (border, psnr, ssim) in [(0, 19.953_354, 0.901_025), (3, 20.876_830, 0.831_499)] {
            let found = Quality::of(&made, &truth, border);
            assert!((found.psnr - psnr).abs() < 1e-4 && (found.ssim - ssim).abs() < 1e-4, "{border}: {found:?}");
        }
        assert_eq!(Quality::of(&truth, &truth, 0), Quality { psnr: MOST_DECIBELS, ssim: 1.0 });
    }
}
