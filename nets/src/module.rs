//! What every net and layer can do.

use std::ops::Range;

use gobelin_autograd::ops::{self, Window};
use gobelin_autograd::{Device, Parameter, Var};

use crate::layers::{Activation, Conv};
use crate::pass::Pass;

/// A net or a layer.
pub trait Module {
    /// Runs on `x`.
    fn forward(&self, pass: &Pass, x: &Var) -> Var;

    /// Runs on `x` and sends what comes out through an activation: in the same pass over memory, where a layer can.
    fn forward_activated(&self, pass: &Pass, x: &Var, activation: Activation) -> Var {
        activation.forward(pass, &self.forward(pass, x))
    }

    /// Runs on `x`, sends what comes out through an activation, and takes the largest values of windows: also in the same pass, where
    /// a layer can.
    fn forward_pooled(&self, pass: &Pass, x: &Var, activation: Option<Activation>, window: Window) -> Var {
        let y = match activation {
            Some(activation) => self.forward_activated(pass, x, activation),
            None => self.forward(pass, x),
        };
        ops::max_pool(&y, window)
    }

    /// The windows whose largest values are all that this module gives, if it is such a one.
    fn as_max_pool(&self) -> Option<Window> {
        None
    }

    /// The activation that this module is, if it is one.
    fn as_activation(&self) -> Option<Activation> {
        None
    }

    /// The convolution that is all this module does with its input at first, if there is one: several of one input may run together.
    fn first_conv(&self) -> Option<&Conv> {
        None
    }

    /// Runs on what came out of [`Module::first_conv`].
    fn behind_first_conv(&self, _: &Pass, _: &Var) -> Var {
        unreachable!("a module without a first convolution")
    }

    /// Runs on `x` with so many `mirrored` pixels around it: without making them, where a layer can.
    fn forward_mirrored(&self, pass: &Pass, x: &Var, mirrored: usize) -> Var {
        self.forward(pass, &ops::pad_reflect(x, ops::Sides::all(mirrored)))
    }

    /// The mirrored pixels that this module adds around its input, if that is what it does.
    fn as_mirror(&self) -> Option<usize> {
        None
    }

    /// Adds every tensor the module holds to `entries`, named after `prefix`.
    fn list(&self, prefix: &str, entries: &mut Vec<Entry>);

    /// Every tensor the module holds, in the order PyTorch's `state_dict` has.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.list("", &mut entries);
        entries
    }
}

/// A named tensor of a net.
#[derive(Clone, Debug)]
pub struct Entry {
    /// PyTorch's name, such as `main.0.weight`.
    pub name: String,
    /// The tensor.
    pub parameter: Parameter,
    /// What it is.
    pub kind: Kind,
}

/// What a named tensor is: whether it is trained, and how it lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A trained filter `(kh, kw, I, O)`, in files `(O, I, kh, kw)`: also a transposed convolution's, whose larger side
    /// is the input here and whose file shape `(in, out, kh, kw)` then reads the same.
    Filter,
    /// Any other trained tensor, in files as it is.
    Plain,
    /// A statistic or vector that is not trained, in files as it is.
    Buffer,
    /// A count, in files a 64-bit integer.
    Count,
}

impl Kind {
    /// Whether an optimiser changes it.
    pub fn is_trained(self) -> bool {
        matches!(self, Self::Filter | Self::Plain)
    }
}

/// The trained tensors of a net with their names.
pub fn parameters(module: &dyn Module) -> Vec<(String, Parameter)> {
    let trained = module.entries().into_iter().filter(|entry| entry.kind.is_trained());
    trained.map(|entry| (entry.name, entry.parameter)).collect()
}

/// The statistics a net keeps beside its trained tensors, with their names.
pub fn buffers(module: &dyn Module) -> Vec<(String, Parameter)> {
    let kept = module.entries().into_iter().filter(|entry| !entry.kind.is_trained());
    kept.map(|entry| (entry.name, entry.parameter)).collect()
}

/// Moves the tensors of a net to a device; what is computed with them is computed there. Counts stay, being read by none but the
/// host.
pub fn to_device(module: &dyn Module, device: &Device) {
    for entry in module.entries() {
        if entry.kind != Kind::Count {
            entry.parameter.to_device(device);
        }
    }
}

/// A name below another.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Modules one after the other, named by their number as in PyTorch's `nn.Sequential`.
#[derive(Default)]
pub struct Sequential {
    modules: Vec<Box<dyn Module>>,
}

impl Sequential {
    /// No modules yet: passes its input on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a module at the end.
    pub fn push(&mut self, module: impl Module + 'static) -> &mut Self {
        self.modules.push(Box::new(module));
        self
    }

    /// Runs the modules of these numbers alone. An activation runs with the module before it, the largest values of windows with both, a
    /// mirrored border with the module behind it, unless someone looks in between.
    pub(crate) fn run(&self, numbers: Range<usize>, pass: &Pass, x: &Var) -> Var {
        self.run_pooled(numbers, pass, x, None)
    }

    fn run_pooled(&self, numbers: Range<usize>, pass: &Pass, x: &Var, mut pooled: Option<Window>) -> Var {
        let mut x = x.clone();
        let mut rest = self.modules[numbers.clone()].iter().zip(numbers).peekable();
        while let Some((module, number)) = rest.next() {
            if pass.is_tapped() {
                x = pass.run(&number.to_string(), &**module, &x);
                continue;
            }
            if let Some(mirrored) = module.as_mirror()
                && let Some((next, _)) = rest.next()
            {
                x = next.forward_mirrored(pass, &x, mirrored);
                continue;
            }
            let activation = rest.next_if(|(next, _)| next.as_activation().is_some());
            let activation = activation.and_then(|(next, _)| next.as_activation());
            let window = rest.peek().and_then(|(next, _)| next.as_max_pool());
            let window = match window {
                Some(_) => rest.next().and(window),
                None if rest.peek().is_none() => pooled.take(),
                None => None,
            };
            x = match (window, activation) {
                (Some(window), _) => module.forward_pooled(pass, &x, activation, window),
                (None, Some(activation)) => module.forward_activated(pass, &x, activation),
                (None, None) => module.forward(pass, &x),
            };
        }
        pooled.map_or(x.clone(), |window| ops::max_pool(&x, window))
    }
}

impl Module for Sequential {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        self.run(0..self.modules.len(), pass, x)
    }

    fn forward_pooled(&self, pass: &Pass, x: &Var, activation: Option<Activation>, window: Window) -> Var {
        match activation {
            None => self.run_pooled(0..self.modules.len(), pass, x, Some(window)),
            Some(activation) => ops::max_pool(&self.forward_activated(pass, x, activation), window),
        }
    }

    fn first_conv(&self) -> Option<&Conv> {
        self.modules.first()?.first_conv()
    }

    fn behind_first_conv(&self, pass: &Pass, y: &Var) -> Var {
        self.run(1..self.modules.len(), pass, &self.modules[0].behind_first_conv(pass, y))
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        for (number, module) in self.modules.iter().enumerate() {
            module.list(&join(prefix, &number.to_string()), entries);
        }
    }
}
