//! VGG-19 (Simonyan and Zisserman 2015, configuration E), whose features losses compare pictures by.
//!
//! The weights are frozen. A file of them is mapped and used where it lies: opening one takes milliseconds and no memory
//! of its own, pages are shared between processes, and only layers that are run are read. What a layer of up to 256 by 256
//! channels keeps are its filters as the convolution wants them, made when it first runs: Winograd's, four times the layer's
//! weights, for the forward pass and the same again for the gradient. Larger layers keep their weights, for both.
//!
//! A file of 548 MiB with torchvision's tensors, which was in the system's cache, and one picture of 224x224 (two cores of an AMD EPYC,
//! Zen 5, 25 November 2026; `cargo run --release -p gobelin-nets --example vgg19_opening FILE LAYER 224`). Private memory is
//! RssAnon after the second time, maps and buffers included; of the file are those pages that were touched:
//!
//! | | first time, ms | second time, ms | private memory, MiB | of the file and the program, MiB |
//! |---|---|---|---|---|
//! | before | | | 0.1 | 2.0 |
//! | opened | 0.2 | | 0.2 | 3.7 |
//! | seen up to `relu2_2` | 16 | 8 | 40.3 | 5.0 |
//! | seen up to `relu3_4` | 46 | 23 | 78.3 | 12.5 |
//! | seen up to `pool5` | 126 | 68 | 150.3 | 79.5 |
//!
//! ```
//! use gobelin_autograd::{Tape, Tensor, ops};
//! use gobelin_nets::vgg19::{Layer, Vgg19};
//!
//! let vgg = Vgg19::random(0);
//! let layers: Vec<Layer> = ["relu1_1", "conv1_2"].map(|name| name.parse().unwrap()).to_vec();
//! let tape = Tape::new();
//! let picture = tape.leaf(Tensor::full(&[1, 8, 8, 3], 0.5));
//! let maps = vgg.features(&picture, &layers);
//! assert_eq!(maps[1].shape(), [1, 8, 8, 64]);
//! let gradient = tape.gradients(&ops::mean(&maps[1]), &[&picture]).remove(0);
//! assert_eq!(gradient.shape(), picture.shape());
//! ```
//!
//! Random filters carry texture and edges too (Ustyuzhaninov et al. 2016), so [`Vgg19::random`] serves where no file is at
//! hand.

mod file;
mod layer;
#[cfg(test)]
mod tests;
mod view;

use std::path::Path;
use std::sync::Arc;

use gobelin_autograd::ops::{FrozenFilters, Window, frozen_conv2d, permute_tensor};
use gobelin_autograd::{Copies, Tensor, Var, ops, random};
use safetensors::Dtype;

use crate::weights::{Stored, Weights};
use file::Mapped;
use layer::{BLOCKS, Role};

pub use file::Vgg19Error;
pub use layer::{Layer, UnknownLayer};
pub use view::{Images, Normalisation, Pooling, UnknownWord, View};

/// VGG-19's convolutional part with frozen weights.
#[derive(Clone)]
pub struct Vgg19 {
    view: View,
    /// Shared between views: cloning copies nothing.
    convolutions: Vec<Arc<FrozenFilters>>,
    /// The first convolution with the view's scale and order of channels in its weights.
    first: Arc<FrozenFilters>,
    /// The view's mean, taken off, on devices.
    centre_on: Arc<Copies>,
    notes: Vec<String>,
}

/// A convolution's place in files: torchvision's number, and channels in and out.
fn convolutions() -> impl Iterator<Item = (usize, [usize; 2])> {
    let numbers = Layer::all().filter(|layer| layer.place().2 == Role::Convolution);
    let widths = BLOCKS.iter().flat_map(|&(width, depth)| std::iter::repeat_n(width, depth));
    numbers.zip(widths).scan(3, |channels_in, (layer, width)| {
        Some((layer.index(), [std::mem::replace(channels_in, width), width]))
    })
}

/// Every convolution's window.
const WINDOW: Window = Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1], exact: false };

/// PyTorch's shape of a weight.
fn stored_shape([channels_in, channels_out]: [usize; 2]) -> [usize; 4] {
    [channels_out, channels_in, 3, 3]
}

impl Vgg19 {
    /// Maps a safetensors file with torchvision's names (`features.0.weight`, ...). Other tensors, such as the classifier's, may
    /// be there and are not looked at.
    ///
    /// # Errors
    /// If the file cannot be read or is no safetensors, or a tensor is missing or has another shape or type.
    pub fn open(path: &Path) -> Result<Self, Vgg19Error> {
        let file = Arc::new(Mapped::open(path)?);
        let mut filters = Vec::new();
        let mut converted = 0;
        for (number, channels) in convolutions() {
            let (weight, bias) = (format!("features.{number}.weight"), format!("features.{number}.bias"));
            let types = [file.check(&weight, &stored_shape(channels))?, file.check(&bias, &[channels[1]])?];
            converted += types.iter().filter(|&&dtype| dtype != Dtype::F32).count();
            let bias = file.read(&bias);
            let file = Arc::clone(&file);
            filters.push(filters_of(channels, bias, move || file.read(&weight)));
        }
        let mut notes = Vec::new();
        if converted > 0 {
            notes.push(format!(
                "{}: {converted} tensors of half precision are converted as they are read; features keep their 3 \
                 (F16) or 2 (BF16) digits",
                path.display()
            ));
        }
        Ok(Self::of(filters, notes))
    }

    /// Seeded random weights, drawn when a layer first runs: N(0, 2 / (9 I)) over I input channels, which keeps the
    /// size of features from layer to layer (He et al. 2015, equation 10), and no biases.
    pub fn random(seed: u64) -> Self {
        let filters = convolutions().map(|(number, channels)| {
            filters_of(channels, Tensor::zeros(&[channels[1]]), move || draw(seed, number, channels))
        });
        Self::of(filters.collect(), Vec::new())
    }

    /// The weights of [`Vgg19::random`] as [`crate::weights::write`] writes them, for [`Vgg19::open`] and torchvision's
    /// `vgg19().features`.
    pub fn random_weights(seed: u64) -> Weights {
        let of_one = |(number, channels): (usize, [usize; 2])| {
            let weight = Stored::of(&draw(seed, number, channels));
            let bias = Stored::of(&Tensor::zeros(&[channels[1]]));
            [(format!("features.{number}.weight"), weight), (format!("features.{number}.bias"), bias)]
        };
        convolutions().flat_map(of_one).collect()
    }

    /// Its tensors by torchvision's names, with their shapes.
    pub fn tensors() -> Vec<(String, Vec<usize>)> {
        let of_one = |(number, channels): (usize, [usize; 2])| {
            let weight = (format!("features.{number}.weight"), stored_shape(channels).to_vec());
            [weight, (format!("features.{number}.bias"), vec![channels[1]])]
        };
        convolutions().flat_map(of_one).collect()
    }

    fn of(convolutions: Vec<Arc<FrozenFilters>>, notes: Vec<String>) -> Self {
        let view = View::default();
        let first = first_convolution(&convolutions[0], view);
        Self { view, convolutions, first, centre_on: Arc::default(), notes }
    }

    /// The same network looked through in another way.
    #[must_use]
    pub fn viewed(&self, view: View) -> Self {
        let first = first_convolution(&self.convolutions[0], view);
        Self { view, first, centre_on: Arc::default(), ..self.clone() }
    }

    /// The same network without Winograd's algorithm: as PyTorch rounds, at a third of the speed.
    #[must_use]
    pub fn exact(&self) -> Self {
        let exactly = |filters: &Arc<FrozenFilters>| {
            let (plain, channels) = (Arc::clone(filters), filters.channels());
            let window = Window { exact: true, ..WINDOW };
            let bias = filters.bias().clone();
            Arc::new(FrozenFilters::new(window, channels, bias, move || plain.weight()))
        };
        Self {
            convolutions: self.convolutions.iter().map(exactly).collect(),
            first: exactly(&self.first),
            ..self.clone()
        }
    }

    /// How the network is looked through.
    pub fn view(&self) -> View {
        self.view
    }

    /// What a user should know about the weights, a line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The outputs of `layers` for pictures `(N, H, W, 3)`, each `(N, H', W', C')`, in the order asked for. Nothing
    /// beyond the last of them is computed; a convolution writes its maps once, with bias and ReLU, unless its output before the
    /// ReLU is asked for.
    ///
    /// # Panics
    /// If `pictures` is no batch of pictures with three channels, or they are smaller than
    /// [`Layer::smallest_side`] of a layer.
    #[track_caller]
    pub fn features(&self, pictures: &Var, layers: &[Layer]) -> Vec<Var> {
        let fits = |layer: &Layer| pictures.shape()[1..3].iter().all(|&side| side >= layer.smallest_side());
        assert!(
            pictures.shape().len() == 4 && pictures.shape()[3] == 3 && layers.iter().all(fits),
            "vgg19: pictures of {:?}, expected (N, H, W, 3) of at least {} pixels a side",
            pictures.shape(),
            layers.iter().map(|layer| layer.smallest_side()).max().unwrap_or(1)
        );
        let mut found: Vec<Option<Var>> = vec![None; layers.len()];
        let last = layers.iter().max().map_or(0, |layer| layer.index() + 1);
        let mut convolutions = std::iter::once(&self.first).chain(&self.convolutions[1..]);
        let mut x = self.centred(pictures);
        let mut rectified = true;
        for layer in Layer::all().take(last) {
            x = match layer.place().2 {
                Role::Convolution => {
                    rectified = !layers.contains(&layer);
                    frozen_conv2d(&x, convolutions.next().expect("one a layer"), rectified)
                }
                Role::Relu if rectified => x,
                Role::Relu => ops::relu(&x),
                Role::Pool => {
                    let window = Window::square(2, 2, 0);
                    match self.view.pooling {
                        Pooling::Max => ops::max_pool(&x, window),
                        Pooling::Average => ops::avg_pool(&x, window),
                    }
                }
            };
            for (found, _) in found.iter_mut().zip(layers).filter(|(_, asked)| **asked == layer) {
                *found = Some(x.clone());
            }
        }
        found.into_iter().map(|map| map.expect("every layer was passed")).collect()
    }

    /// Pictures less the mean. Their scale is in the first convolution's weights: zeros around the picture are the mean
    /// either way.
    fn centred(&self, pictures: &Var) -> Var {
        let mean = self.view.preparation().mean;
        if mean == [0.0; 3] {
            return pictures.clone();
        }
        let centre = || Tensor::new(&[3], mean.map(|mean| -mean));
        let centre =
            pictures.tensor().device().map_or_else(centre, |device| self.centre_on.on(device, centre));
        ops::add(pictures, &centre.into())
    }
}

/// A 3x3 convolution with padding 1 whose weights come in PyTorch's shape.
fn filters_of(
    channels: [usize; 2],
    bias: Tensor,
    stored: impl Fn() -> Tensor + Send + Sync + 'static,
) -> Arc<FrozenFilters> {
    let weight = move || permute_tensor(&stored(), &[2, 3, 1, 0]);
    Arc::new(FrozenFilters::new(WINDOW, channels, bias, weight))
}

/// The first convolution for centred pictures of a view.
fn first_convolution(plain: &Arc<FrozenFilters>, view: View) -> Arc<FrozenFilters> {
    let preparation = view.preparation();
    let (plain_again, channels) = (Arc::clone(plain), plain.channels());
    let weight = move || {
        let plain = plain_again.weight();
        let mut weight = plain.clone();
        let [from, to] = channels;
        for (i, value) in weight.data_mut().iter_mut().enumerate() {
            let (tap, channel, out) = (i / (from * to), i / to % from, i % to);
            let source = if preparation.reversed { from - 1 - channel } else { channel };
            *value = plain.data()[(tap * from + source) * to + out] * preparation.scale[channel];
        }
        weight
    };
    Arc::new(FrozenFilters::new(plain.window(), channels, plain.bias().clone(), weight))
}

/// Random weights of `features.NUMBER` in PyTorch's shape.
fn draw(seed: u64, number: usize, channels: [usize; 2]) -> Tensor {
    let deviation = (2.0 / (9.0 * channels[0] as f32)).sqrt();
    random::normal(&stored_shape(channels), 0.0, deviation, &mut random::generator(seed, number as u64))
}
