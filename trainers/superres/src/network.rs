//! The network: for super-resolution or for painting, in training and on pictures of any size.

use std::collections::BTreeMap;
use std::path::Path;

use gobelin_autograd::Tensor;
use gobelin_autograd::random::{self, Generator};
use gobelin_datasets::Picture;
use gobelin_nets::Pass;
use gobelin_nets::super_resolution::{self, SuperResolution};
use gobelin_nets::tiles::{Source, Tiled, Window};
use gobelin_nets::transform::Transform;
use gobelin_nets::weights::{self, WeightsError};

/// Rows and columns of what the network makes in one tile. Larger tiles share more of what they see, smaller ones take less
/// memory: about 300 MB at the paper's width.
const TILE: usize = 512;
/// Maps of the width of a tile, or what takes as much, that lie in memory while it is made.
const MAPS_OF_A_TILE: usize = 5;

/// What the network looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Enlarges pictures.
    SuperResolution(super_resolution::Options),
    /// Paints pictures in a style.
    Transform {
        /// Channels of the widest map.
        width: usize,
    },
}

/// A network with its weights.
pub struct Network {
    /// What it looks like.
    pub shape: Shape,
    /// The network itself.
    pub module: Box<dyn Tiled>,
}

/// Why a file is no such network; one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file cannot be read, or its tensors do not fit together.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file holds other things.
    #[error(
        "{path}: {count} tensors that make neither a super-resolution network of x4 or x8 nor a painting one; expected \
         network.safetensors of a run of `gobelin superres`"
    )]
    Other {
        /// The file.
        path: String,
        /// How many tensors it holds.
        count: usize,
    },
}

impl Network {
    /// Fresh weights.
    pub fn new(shape: Shape, numbers: &mut Generator) -> Self {
        let module: Box<dyn Tiled> = match shape {
            Shape::SuperResolution(options) => Box::new(SuperResolution::new(options, numbers)),
            Shape::Transform { width } => Box::new(Transform::new(width, numbers)),
        };
        Self { shape, module }
    }

    /// Reads a trained network; what it looks like is told by its tensors.
    ///
    /// # Errors
    /// If the file cannot be read or holds no such network.
    pub fn open(path: &Path) -> Result<Self, NetworkError> {
        let tensors: BTreeMap<String, Vec<usize>> =
            weights::read(path)?.into_iter().map(|(name, stored)| (name, stored.shape)).collect();
        let shape = if let Some(options) = super_resolution::Options::of_tensors(&tensors) {
            Shape::SuperResolution(options)
        } else if let Some(width) = Transform::width_of_tensors(&tensors) {
            Shape::Transform { width }
        } else {
            return Err(NetworkError::Other { path: path.display().to_string(), count: tensors.len() });
        };
        let network = Self::new(shape, &mut random::generator(0, 0));
        weights::load(path, &*network.module)?;
        Ok(network)
    }

    fn width(&self) -> usize {
        match self.shape {
            Shape::SuperResolution(options) => options.width,
            Shape::Transform { width } => width,
        }
    }

    /// Bytes that a picture of so many rows and columns takes: itself, what is made of it, what is kept of it meanwhile, and a
    /// tile.
    pub fn bytes(&self, [height, width]: [usize; 2]) -> u64 {
        let factor = self.module.factor();
        let pixel = 2 * 3 * (1 + factor * factor) + self.module.kept_bytes();
        let side = |length: usize| (factor * length).min(TILE + TILE / 4);
        let tile = side(height) * side(width) * self.width() * size_of::<f32>() * MAPS_OF_A_TILE;
        (height * width * pixel + tile) as u64
    }

    /// What the network makes of a picture of any size, tile by tile and without seams. Sides that are no multiple of what it
    /// needs are mirrored at the edge for it, and what that adds is cut off again.
    pub fn make(&self, picture: &Picture, exact: bool) -> Picture {
        self.make_in_tiles(picture, exact, TILE)
    }

    fn make_in_tiles(&self, picture: &Picture, exact: bool, tile: usize) -> Picture {
        let (factor, multiple) = (self.module.factor(), self.module.multiple());
        let seen = picture.clone().into_channels(3);
        let whole = |side: usize| side.max(self.module.smallest_side()).next_multiple_of(multiple);
        let size = [whole(seen.height), whole(seen.width)];
        let seen = if size == [seen.height, seen.width] { seen } else { seen.mirrored(size[0], size[1]) };
        let read = |Window { top, left, height, width }| {
            Tensor::new(&[1, height, width, 3], seen.crop(top, left, height, width).signed())
        };
        let side = (tile / factor).next_multiple_of(multiple);
        let mut made = Picture::new(
            factor * size[0],
            factor * size[1],
            3,
            vec![0; factor * factor * size[0] * size[1] * 3],
        );
        let stride = made.width * 3;
        let pass = Pass::evaluation().exact(exact);
        self.module.run_in_tiles(&pass, &Source { size, read: &read }, side, &mut |place, part| {
            let part = Picture::from_signed(place.height, place.width, 3, part.data());
            for (row, line) in part.pixels.chunks_exact(place.width * 3).enumerate() {
                made.pixels[(place.top + row) * stride + place.left * 3..][..line.len()]
                    .copy_from_slice(line);
            }
        });
        if size == [picture.height, picture.width] {
            return made;
        }
        made.crop(0, 0, factor * picture.height, factor * picture.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_nets::dcgan::Upsampling;
    use gobelin_nets::to_device;

    /// Small networks of every kind, with norms that have learned something.
    fn networks() -> [Network; 3] {
        let enlarging = |scale, upsampling, skip| {
            Shape::SuperResolution(super_resolution::Options { scale, width: 8, blocks: 2, upsampling, skip })
        };
        let shapes = [
            enlarging(4, Upsampling::Deconv, false),
            enlarging(8, Upsampling::Resize, true),
            Shape::Transform { width: 4 },
        ];
        shapes.map(|shape| {
            let mut numbers = random::generator(7, 0);
            let network = Network::new(shape, &mut numbers);
            let picture = random::uniform(&[2, 24, 24, 3], -1.0, 1.0, &mut numbers);
            network.module.forward(&Pass::frozen(), &picture.into());
            network
        })
    }

    fn picture(height: usize, width: usize, channels: usize) -> Picture {
        let noise = random::uniform(&[height, width, channels], -1.0, 1.0, &mut random::generator(9, 0));
        Picture::from_signed(height, width, channels, noise.data())
    }

    /// In numbers the tiled result is off by rounding alone (`nets/tests/tiles.rs`); in bytes, where a value lies at a half, by
    /// one.
    #[test]
    fn tiles_leave_no_seams() {
        for network in networks() {
            let picture = picture(61, 44, 3);
            let [tiled, whole] = [64, 4096].map(|tile| network.make_in_tiles(&picture, true, tile));
            assert_eq!(
                (whole.height, whole.width),
                (network.module.factor() * 61, network.module.factor() * 44)
            );
            assert_eq!((tiled.height, tiled.width), (whole.height, whole.width));
            let pairs = || tiled.pixels.iter().zip(&whole.pixels);
            let off = pairs().filter(|(a, b)| a != b).count();
            println!("{:?}: {off} of {} bytes differ", network.shape, whole.pixels.len());
            assert!(pairs().all(|(a, b)| a.abs_diff(*b) <= 1) && off * 1000 <= whole.pixels.len(), "{off}");
            let mut values = whole.pixels.clone();
            values.sort_unstable();
            values.dedup();
            assert!(values.len() > 20, "a picture, not {values:?}");
        }
    }

    /// Tiles of 8 pixels, on the emulated card.
    #[test]
    fn tiles_are_the_same_on_a_card() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        for network in networks() {
            let (picture, tile) = (picture(24, 12, 3), 8 * network.module.factor());
            let expected = network.make_in_tiles(&picture, true, 4096);
            to_device(&*network.module, &card);
            let found = network.make_in_tiles(&picture, true, tile);
            let mut pairs = found.pixels.iter().zip(&expected.pixels);
            assert_eq!(found.pixels.len(), expected.pixels.len());
            assert!(pairs.all(|(a, b)| a.abs_diff(*b) <= 1), "{:?}", network.shape);
        }
    }

    #[test]
    fn every_size_is_made_and_whole_sizes_as_they_are() {
        for network in networks() {
            let factor = network.module.factor();
            for (height, width, channels) in [(1, 1, 3), (1, 30, 1), (9, 6, 3), (13, 8, 1)] {
                let made = network.make(&picture(height, width, channels), true);
                assert_eq!((made.height, made.width, made.channels), (factor * height, factor * width, 3));
            }
            let picture = picture(16, 12, 3);
            let seen = Tensor::new(&[1, 16, 12, 3], picture.signed());
            let made = network.module.forward(&Pass::evaluation().exact(true), &seen.into());
            let made = Picture::from_signed(16 * factor, 12 * factor, 3, made.tensor().data());
            let found = network.make(&picture, true);
            assert!(found.pixels.iter().zip(&made.pixels).all(|(a, b)| a.abs_diff(*b) <= 1));
        }
    }

    #[test]
    fn a_file_says_what_its_network_looks_like() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        for network in networks() {
            weights::save(&path, &*network.module).unwrap();
            let read = Network::open(&path).unwrap();
            assert_eq!(read.shape, network.shape);
            assert_eq!(read.make(&picture(12, 9, 3), true), network.make(&picture(12, 9, 3), true));
        }
    }

    #[test]
    fn a_large_picture_takes_more_memory() {
        for network in networks() {
            assert!(network.bytes([4000, 6000]) > network.bytes([400, 600]));
        }
    }
}
