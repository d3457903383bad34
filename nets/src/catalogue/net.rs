//! A net of the catalogue: its weights, what it takes, and running it.

use std::path::Path;

use gobelin_autograd::Var;
use gobelin_kernels::cuda::Device;
use safetensors::Dtype;

use super::CallError;
use crate::module::Module;
use crate::pass::Pass;
use crate::taps::Taps;
use crate::vgg19::{Layer, Vgg19};
use crate::weights::{self, Weights, stored_shape};

/// A net and what it takes.
pub struct Net {
    body: Body,
    pub(super) channels: usize,
    pub(super) size: Size,
}

enum Body {
    Module(Box<dyn Module>),
    /// With random weights of this seed until a file is loaded.
    Vgg19(Vgg19, u64),
}

/// Rows and columns of an input.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Exactly(usize),
    AtLeast(usize),
    MultipleOf(usize),
}

/// A tensor of a net, as files have it.
pub struct NetTensor {
    /// PyTorch's name.
    pub name: String,
    /// Its type.
    pub dtype: Dtype,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// Whether training changes it.
    pub is_trained: bool,
}

impl Net {
    pub(super) fn new(module: impl Module + 'static, channels: usize, size: Size) -> Self {
        Self { body: Body::Module(Box::new(module)), channels, size }
    }

    pub(super) fn vgg19(vgg: Vgg19, seed: u64) -> Self {
        let last = Layer::all().last().expect("VGG-19 has layers");
        Self { body: Body::Vgg19(vgg, seed), channels: 3, size: Size::AtLeast(last.smallest_side()) }
    }

    /// The net as a module; `None` for VGG-19, whose weights are frozen.
    pub fn into_module(self) -> Option<Box<dyn Module>> {
        match self.body {
            Body::Module(module) => Some(module),
            Body::Vgg19(..) => None,
        }
    }

    /// Its tensors.
    pub fn tensors(&self) -> Vec<NetTensor> {
        match &self.body {
            Body::Module(module) => {
                let tensor = |entry: crate::Entry| {
                    let (dtype, shape) = stored_shape(&entry);
                    NetTensor { dtype, shape, is_trained: entry.kind.is_trained(), name: entry.name }
                };
                module.entries().into_iter().map(tensor).collect()
            }
            Body::Vgg19(..) => {
                let tensor = |(name, shape)| NetTensor { name, dtype: Dtype::F32, shape, is_trained: false };
                Vgg19::tensors().into_iter().map(tensor).collect()
            }
        }
    }

    /// Its weights, as files have them.
    pub fn weights(&self) -> Weights {
        match &self.body {
            Body::Module(module) => weights::stored(&**module),
            Body::Vgg19(_, seed) => Vgg19::random_weights(*seed),
        }
    }

    /// Takes the weights of a file; what a user should know about them, a line each.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold the weights of this net.
    pub fn load(&mut self, path: &Path) -> Result<Vec<String>, CallError> {
        match &mut self.body {
            Body::Module(module) => {
                weights::load(path, &**module).map_err(|error| CallError(error.to_string()))?;
                Ok(Vec::new())
            }
            Body::Vgg19(vgg, _) => {
                let opened = Vgg19::open(path).map_err(|error| CallError(error.to_string()))?;
                *vgg = opened.viewed(vgg.view());
                Ok(vgg.notes().to_vec())
            }
        }
    }

    /// Moves its weights to a device, on which it then runs. Those of VGG-19, which are frozen, follow its input by themselves.
    pub fn to_device(&self, device: &Device) {
        if let Body::Module(module) = &self.body {
            module.entries().iter().for_each(|entry| entry.parameter.to_device(device));
        }
    }

    /// Whether the net takes an input of this shape, in PyTorch's order of axes.
    ///
    /// # Errors
    /// If it does not.
    pub fn check_input(&self, shape: &[usize]) -> Result<(), CallError> {
        let fits = |side: usize| match self.size {
            Size::Exactly(size) => side == size,
            Size::AtLeast(least) => side >= least,
            Size::MultipleOf(of) => side > 0 && side.is_multiple_of(of),
        };
        match *shape {
            [batch, channels, height, width]
                if batch > 0 && channels == self.channels && fits(height) && fits(width) =>
            {
                Ok(())
            }
            _ => Err(CallError(format!("shape {shape:?}, expected {}", self.expected()))),
        }
    }

    fn expected(&self) -> String {
        let channels = self.channels;
        match self.size {
            Size::Exactly(size) => format!("[N, {channels}, {size}, {size}]"),
            Size::AtLeast(least) => format!("[N, {channels}, H, W] with H and W of {least} or more"),
            Size::MultipleOf(of) => format!("[N, {channels}, H, W] with H and W multiples of {of}"),
        }
    }

    /// What the net gives for `x` `(N, H, W, C)`: the tapped modules' outputs under their names, and last `output`.
    ///
    /// Modules have PyTorch's names (`model.10`), VGG-19's layers those of [`Layer`] (`relu2_2`).
    ///
    /// # Errors
    /// If there is no module of a name.
    ///
    /// # Panics
    /// If [`Net::check_input`] refuses the input.
    pub fn run(&self, pass: &Pass, x: &Var, taps: &[String]) -> Result<Vec<(String, Var)>, CallError> {
        let output = |y: Var| ("output".to_owned(), y);
        match &self.body {
            Body::Module(module) if taps.is_empty() => Ok(vec![output(module.forward(pass, x))]),
            Body::Module(module) => {
                let taps = Taps::new(taps.iter().cloned());
                let y = module.forward(&pass.tapping(&taps), x);
                if let Some(name) = taps.missing() {
                    let known = taps.seen().join(", ");
                    return Err(CallError(format!(
                        "no module `{name}` in this network: choose from {known}"
                    )));
                }
                Ok(taps.found().into_iter().chain([output(y)]).collect())
            }
            Body::Vgg19(vgg, _) => {
                let layer = |name: &String| name.parse().map_err(|error| CallError(format!("{error}")));
                let mut layers = taps.iter().map(layer).collect::<Result<Vec<Layer>, _>>()?;
                layers.push(Layer::all().last().expect("VGG-19 has layers"));
                let vgg = if pass.is_exact() { &vgg.exact() } else { vgg };
                let mut maps = vgg.features(x, &layers);
                let last = maps.pop().expect("as many as layers");
                Ok(taps.iter().cloned().zip(maps).chain([output(last)]).collect())
            }
        }
    }
}
