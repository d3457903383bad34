//! Looking at a large picture piece by piece.

use gobelin_autograd::{Tensor, Var, ops};
use gobelin_datasets::Picture;

/// Rows and columns of a tile. U-Net at the paper's width keeps about half a gigabyte of maps for one with its margins.
const TILE: usize = 512;

/// A picture as (1, H, W, C) in [-1, 1], whose last row and column are repeated until both sides are multiples of `unit`.
pub fn padded(picture: &Picture, unit: usize) -> Var {
    let [height, width] = [picture.height, picture.width].map(|side| side.next_multiple_of(unit));
    let channels = picture.channels;
    let tensor = Tensor::build(&[1, height, width, channels], |values| {
        for (row, line) in values.chunks_exact_mut(width * channels).enumerate() {
            let from = &picture.pixels[row.min(picture.height - 1) * picture.width * channels..];
            for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let start = column.min(picture.width - 1) * channels;
                for (value, byte) in pixel.iter_mut().zip(&from[start..start + channels]) {
                    *value = f32::from(*byte) / 127.5 - 1.0;
                }
            }
        }
    });
    tensor.into()
}

/// `look` at (1, H, W, C), which gives (1, H, W, 1), tile by tile. Each tile is seen with `reach` pixels around it, which
/// must be as far as `look` sees, rounded up to multiples of `unit`, at which it divides pictures.
pub fn by_tiles(picture: &Var, unit: usize, reach: usize, look: impl Fn(&Var) -> Var) -> Tensor {
    by_tiles_of(picture, TILE.next_multiple_of(unit), reach, look)
}

fn by_tiles_of(picture: &Var, tile: usize, reach: usize, look: impl Fn(&Var) -> Var) -> Tensor {
    let &[1, height, width, _] = picture.shape() else {
        panic!("tiles: a picture of {:?}, expected (1, H, W, C)", picture.shape())
    };
    // From where to where a tile from `start` on is seen.
    let seen = |start: usize, side: usize| [start.saturating_sub(reach), (start + tile + reach).min(side)];
    let mut whole = Tensor::zeros(&[1, height, width, 1]);
    for top in (0..height).step_by(tile) {
        let [first, last] = seen(top, height);
        let band = ops::narrow(picture, 1, first, last - first);
        for left in (0..width).step_by(tile) {
            let [start, end] = seen(left, width);
            let found = look(&ops::narrow(&band, 2, start, end - start));
            let rows = tile.min(height - top);
            let columns = tile.min(width - left);
            for row in 0..rows {
                let from = (top - first + row) * (end - start) + left - start;
                whole.data_mut()[(top + row) * width + left..][..columns]
                    .copy_from_slice(&found.tensor().data()[from..][..columns]);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Segmenter, Shape, logit};
    use gobelin_autograd::random;
    use gobelin_nets::{Module, Pass};

    #[test]
    fn the_last_row_and_column_are_repeated() {
        let picture = Picture::new(1, 3, 1, vec![0, 255, 51]);
        let padded = padded(&picture, 4);
        assert_eq!(padded.shape(), [1, 4, 4, 1]);
        assert_eq!(padded.tensor().data(), [-1.0, 1.0, -0.6, -0.6].repeat(4));
    }

    #[test]
    fn tiles_have_no_seams() {
        for depth in [1, 2, 3] {
            let shape = Shape { channels: 1, classes: 1, width: 2, depth, refine: 1 };
            let segmenter = Segmenter::new(shape, &mut random::generator(depth as u64, 0));
            let picture = random::uniform(&[1, 104, 120, 1], -1.0, 1.0, &mut random::generator(0, 1)).into();
            let look = |part: &Var| logit(&segmenter.net.forward(&Pass::evaluation().exact(true), part));
            let whole = look(&picture);
            let tiled = by_tiles_of(&picture, 16, shape.reach(), look);
            let pairs = whole.tensor().data().iter().zip(tiled.data());
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "depth {depth}: {worst}");
            let short = by_tiles_of(&picture, 16, 0, look);
            assert_ne!(short.data(), whole.tensor().data(), "a tile must see beyond itself");
        }
    }
}
