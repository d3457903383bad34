//! A generator as its file describes it.

use std::path::{Path, PathBuf};

use gobelin_autograd::{Tensor, random};
use gobelin_datasets::Picture;
use gobelin_nets::dcgan::Upsampling;
use gobelin_nets::resnet_generator::{Options, ResnetGenerator};
use gobelin_nets::weights::{self, Weights, WeightsError};
use gobelin_nets::{Module, Pass};

/// What a picture's sides must be multiples of, and be at least, for the net: the mirrored borders of its inner maps
/// need two pixels.
const MULTIPLE: usize = 4;
const SMALLEST: usize = 8;

/// Why a file is no generator; one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// The file cannot be read, or its tensors do not fit together.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file holds other things.
    #[error(
        "{}: {count} tensors, but {missing}; expected a generator of CycleGAN, as generator_a_to_b.safetensors of a run",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// How many tensors it holds.
        count: usize,
        /// What is missing.
        missing: &'static str,
    },
}

/// A trained generator.
pub struct Generator {
    pub(super) net: ResnetGenerator,
    options: Options,
    notes: Vec<String>,
}

impl Generator {
    /// Reads a generator's weights: ours, or those of the authors' PyTorch code under the same names. Its blocks,
    /// width, channels and way of doubling maps are told by the tensors.
    ///
    /// Running statistics, which instance norms of old PyTorch kept and never used, are ignored and noted.
    ///
    /// # Errors
    /// If the file cannot be read or holds no such generator.
    pub fn open(path: &Path) -> Result<Self, GeneratorError> {
        let weights = weights::read(path)?;
        let other = |missing| GeneratorError::Other { path: path.to_owned(), count: weights.len(), missing };
        let options = options(&weights).map_err(other)?;
        let net = ResnetGenerator::new(options, &mut random::generator(0, 0));
        weights::load_without(path, &net, is_statistic)?;
        let ignored = weights.keys().filter(|name| is_statistic(name)).count();
        let note = format!(
            "{}: {ignored} running statistics ignored: these instance norms use each picture's own",
            path.display()
        );
        let notes = if ignored > 0 { vec![note] } else { Vec::new() };
        Ok(Self { net, options, notes })
    }

    /// What it looks like.
    pub fn options(&self) -> Options {
        self.options
    }

    /// What a user should know about its file, a line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A picture of any size translated. Sides that are no multiple of 4 are mirrored at the edge for the net, and what
    /// that adds is cut off again. If `exact`, no algorithms that trade digits for speed are used.
    pub fn translate(&self, picture: Picture, exact: bool) -> Picture {
        let picture = picture.into_channels(self.options.channels);
        let (height, width, channels) = (picture.height, picture.width, picture.channels);
        let [rows, columns] = [height, width].map(|side| side.next_multiple_of(MULTIPLE).max(SMALLEST));
        let values = picture.mirrored(rows, columns).signed();
        drop(picture);
        let seen = Tensor::new(&[1, rows, columns, channels], values).into();
        let made = self.net.forward(&Pass::evaluation().exact(exact), &seen).into_tensor();
        Picture::from_signed(rows, columns, channels, made.data()).crop(0, 0, height, width)
    }
}

/// Running statistics of PyTorch before 0.4, and the count beside them.
fn is_statistic(name: &str) -> bool {
    ["running_mean", "running_var", "num_batches_tracked"].iter().any(|ending| name.ends_with(ending))
}

/// What the tensors say about the net, or what they lack.
fn options(weights: &Weights) -> Result<Options, &'static str> {
    let first = weights.get("model.1.weight").map(|first| first.shape.as_slice());
    let Some(&[width, channels @ (1 | 3), _, _]) = first else {
        return Err("no filter `model.1.weight` for pictures in grey or colour");
    };
    let is_block = |place: &usize| weights.contains_key(&format!("model.{place}.conv_block.1.weight"));
    let blocks = (10..10 + weights.len()).take_while(is_block).count();
    if blocks == 0 {
        return Err("no residual block `model.10.conv_block.1.weight`");
    }
    // Behind the blocks comes a transposed convolution, or doubling and mirroring, which have no tensors.
    let transposed = weights.contains_key(&format!("model.{}.weight", 10 + blocks));
    let upsampling = if transposed { Upsampling::Deconv } else { Upsampling::Resize };
    Ok(Options { blocks, width, channels, upsampling })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(options: Options, change: impl Fn(&mut Weights)) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.safetensors");
        let mut stored = weights::stored(&ResnetGenerator::new(options, &mut random::generator(3, 0)));
        change(&mut stored);
        weights::write(&path, &stored).unwrap();
        (folder, path)
    }

    fn picture(height: usize, width: usize, channels: usize) -> Picture {
        let bytes = (0..height * width * channels).map(|at| (at * 37 % 251) as u8).collect();
        Picture::new(height, width, channels, bytes)
    }

    #[test]
    fn a_file_says_what_its_net_looks_like() {
        for (blocks, width, channels, upsampling) in
            [(6, 4, 3, Upsampling::Deconv), (2, 3, 1, Upsampling::Resize)]
        {
            let options = Options { blocks, width, channels, upsampling };
            let (_folder, path) = file(options, |_| ());
            let generator = Generator::open(&path).unwrap();
            assert_eq!(generator.options(), options);
            assert!(generator.notes().is_empty());
        }
    }

    #[test]
    fn running_statistics_are_ignored_and_noted() {
        let options = Options { blocks: 1, width: 2, ..Options::default() };
        let (_plain_folder, plain) = file(options, |_| ());
        let (_folder, path) = file(options, |stored| {
            for name in ["model.2.running_mean", "model.10.conv_block.2.running_var"] {
                stored.insert(name.into(), weights::Stored::of(&Tensor::full(&[2], 9.0)));
            }
        });
        let [plain, old] = [plain, path].map(|path| Generator::open(&path).unwrap());
        assert!(old.notes()[0].contains("2 running statistics ignored"), "{:?}", old.notes());
        assert_eq!(old.translate(picture(8, 8, 3), false), plain.translate(picture(8, 8, 3), false));
    }

    #[test]
    fn what_is_no_generator_is_refused() {
        let options = Options { blocks: 1, width: 2, ..Options::default() };
        let refused = |change: fn(&mut Weights)| {
            let (_folder, path) = file(options, change);
            let error = Generator::open(&path).err().expect("it is no generator");
            error.to_string().replace(&*path.to_string_lossy(), "W")
        };
        let text = refused(|stored| stored.retain(|name, _| name != "model.1.weight"));
        assert!(text.starts_with("W: 15 tensors, but no filter `model.1.weight`"), "{text}");
        let text = refused(|stored| stored.retain(|name, _| !name.contains("conv_block")));
        assert!(text.contains("no residual block"), "{text}");
        let text = refused(|stored| stored.retain(|name, _| name != "model.4.bias"));
        assert!(text.contains("no tensor `model.4.bias`"), "{text}");
        let text = refused(|stored| _ = stored.insert("extra".into(), stored["model.4.bias"].clone()));
        assert!(text.contains("`extra` belongs to no part"), "{text}");
    }

    #[test]
    fn every_size_comes_back_and_multiples_of_four_as_they_are() {
        let options = Options { blocks: 1, width: 2, ..Options::default() };
        let (_folder, path) = file(options, |_| ());
        let generator = Generator::open(&path).unwrap();
        for (height, width) in [(1, 1), (1, 30), (2, 3), (9, 8), (21, 35)] {
            let made = generator.translate(picture(height, width, 1), false);
            assert_eq!((made.height, made.width, made.channels), (height, width, 3));
        }
        let whole = picture(8, 12, 3);
        let made =
            generator.net.forward(&Pass::evaluation(), &Tensor::new(&[1, 8, 12, 3], whole.signed()).into());
        assert_eq!(generator.translate(whole, false), Picture::from_signed(8, 12, 3, made.tensor().data()));
    }
}
