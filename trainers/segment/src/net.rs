//! The network: a U-Net that may be given its own answer beside the picture, several times (Mosinska et al. 2018, section 3.3).

use gobelin_autograd::random::Generator;
use gobelin_autograd::{Tensor, Var, ops};
use gobelin_datasets::Picture;
use gobelin_nets::tiles::{Local, Source};
use gobelin_nets::unet::{Options, UNet};
use gobelin_nets::{Module, Pass};

/// Rows and columns of a tile, about. U-Net at the paper's width keeps about half a gigabyte of maps for one with its margins.
const TILE: usize = 512;

/// What the network looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels of a picture: 1 or 3.
    pub channels: usize,
    /// Outputs a pixel: 1, the logit of the mask, or 2, the logits of background and mask.
    pub classes: usize,
    /// Channels of the widest map.
    pub width: usize,
    /// How often the size is halved.
    pub depth: usize,
    /// How many answers the network gives, each but the first with the one before in sight. With 1 it sees the picture alone.
    pub refine: usize,
}

impl Shape {
    /// Rows and columns of what the network is given are multiples of this.
    pub fn unit(&self) -> usize {
        1 << self.depth
    }

    /// How far from a pixel the network may look, rounded up to whole units: 2 pixels a convolution and level twice, and
    /// what pooling shifts.
    pub(crate) fn reach(&self) -> usize {
        7 * self.unit()
    }
}

/// A U-Net that segments.
pub struct Segmenter {
    /// Its shape.
    pub shape: Shape,
    /// The network.
    pub net: UNet,
}

impl Segmenter {
    /// Fresh weights.
    pub fn new(shape: Shape, numbers: &mut Generator) -> Self {
        let channels = shape.channels + usize::from(shape.refine > 1);
        let Shape { classes, width, depth, .. } = shape;
        Self { shape, net: UNet::new(Options { channels, classes, width, depth }, numbers) }
    }

    /// What the network gives for `pictures` (N, H, W, channels) in [-1, 1] in each of its answers: (N, H, W, classes). Each sees
    /// the mask's probability in the one before, the first a probability of 0 everywhere. Gradients go back through all
    /// answers, as through a recurrent network.
    pub fn answers(&self, pass: &Pass, pictures: &Var) -> Vec<Var> {
        let mut answers = Vec::with_capacity(self.shape.refine);
        for _ in 0..self.shape.refine {
            let seen = self.with_answer(pictures, answers.last().map(|answer| ops::sigmoid(&logit(answer))));
            answers.push(self.net.forward(pass, &seen));
        }
        answers
    }

    /// The probability of the mask at each pixel of a picture of any size, in each answer, by the running statistics. Large
    /// pictures are looked at in tiles that overlap as far as the network looks, so there are no seams.
    pub fn probabilities(&self, picture: &Picture, exact: bool) -> Vec<Vec<f32>> {
        self.probabilities_in_tiles(picture, exact, TILE)
    }

    fn probabilities_in_tiles(&self, picture: &Picture, exact: bool, tile: usize) -> Vec<Vec<f32>> {
        let pass = Pass::evaluation().exact(exact);
        let unit = self.shape.unit();
        let picture = picture.clone().into_channels(self.shape.channels);
        let padded = padded(&picture, unit);
        let size = [padded.shape()[1], padded.shape()[2]];
        let local = Local { reach: self.shape.reach(), up: unit, down: unit };
        let mut answer: Option<Var> = None;
        let mut found = Vec::with_capacity(self.shape.refine);
        for _ in 0..self.shape.refine {
            let seen = self.with_answer(&padded, answer);
            let look = |part: &Var| ops::sigmoid(&logit(&self.net.forward(&pass, part)));
            let mut probability = Tensor::zeros(&[1, size[0], size[1], 1]);
            let source = Source { size, read: &Source::of_map(seen.tensor()) };
            local.for_each(&look, &source, tile.next_multiple_of(unit), |place, part| {
                place.paste(part, &mut probability);
            });
            let rows = probability.data().chunks_exact(size[1]).take(picture.height);
            found.push(rows.flat_map(|row| &row[..picture.width]).copied().collect());
            answer = Some(probability.into());
        }
        found
    }

    /// What the network is given.
    fn with_answer(&self, pictures: &Var, answer: Option<Var>) -> Var {
        if self.shape.refine == 1 {
            return pictures.clone();
        }
        let answer = answer.unwrap_or_else(|| {
            let &[n, h, w, _] = pictures.shape() else {
                panic!("segment: pictures of {:?}, expected (N, H, W, C)", pictures.shape())
            };
            Tensor::zeros(&[n, h, w, 1]).into()
        });
        ops::concat(&[pictures, &answer], 3)
    }
}

/// The logit of the mask, (N, H, W, 1), in what the network gives: of two classes, how much more the mask has.
pub fn logit(answer: &Var) -> Var {
    match answer.shape().last() {
        Some(1) => answer.clone(),
        _ => ops::sub(&ops::narrow(answer, 3, 1, 1), &ops::narrow(answer, 3, 0, 1)),
    }
}

/// A picture as (1, H, W, C) in [-1, 1], whose last row and column are repeated until both sides are multiples of `unit`.
fn padded(picture: &Picture, unit: usize) -> Var {
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

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::random;

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
            let shape = Shape { channels: 1, classes: 1, width: 2, depth, refine: 2 };
            let segmenter = Segmenter::new(shape, &mut random::generator(depth as u64, 0));
            let noise = random::uniform(&[104, 120], -1.0, 1.0, &mut random::generator(0, 1));
            let picture = Picture::from_signed(104, 120, 1, noise.data());
            let whole = segmenter.probabilities_in_tiles(&picture, true, 1000);
            let tiled = segmenter.probabilities_in_tiles(&picture, true, 16);
            let pairs = whole.iter().flatten().zip(tiled.iter().flatten());
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "depth {depth}: {worst}");
        }
    }

    /// On the emulated card.
    #[test]
    fn tiles_are_the_same_on_a_card() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let shape = Shape { channels: 1, classes: 2, width: 2, depth: 1, refine: 2 };
        let segmenter = Segmenter::new(shape, &mut random::generator(1, 0));
        let picture = Picture::new(40, 24, 1, (0..960).map(|i| (i * 7 % 256) as u8).collect());
        let expected = segmenter.probabilities_in_tiles(&picture, true, 1000);
        gobelin_nets::to_device(&segmenter.net, &card);
        let found = segmenter.probabilities_in_tiles(&picture, true, 16);
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-5, "{found}, on the host {expected}");
        }
    }

    #[test]
    fn each_answer_sees_the_one_before() {
        let shape = Shape { channels: 1, classes: 2, width: 2, depth: 1, refine: 3 };
        let net = Segmenter::new(shape, &mut random::generator(1, 0));
        let picture = Picture::new(10, 7, 1, (0..70).map(|i| i * 3).collect());
        let found = net.probabilities(&picture, true);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [70; 3]);
        assert!(found[0] != found[1] && found[1] != found[2]);
        assert!(found.iter().flatten().all(|p| (0.0..=1.0).contains(p)));
    }
}
