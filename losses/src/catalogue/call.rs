//! A checked call, as an entry's function reads it.

use std::collections::BTreeMap;

use gobelin_autograd::{Tensor, Var, ops};

use super::option::parse_number;
use super::shape::is_channels_first;
use super::tensor::{Checked, Given, missing};
use super::{CallError, Kind, TensorSpec};
use crate::features::Features;
use crate::reduction::Reduction;

/// The tensors and options of a call, all of the types, shapes and ranges that the entry asks for.
pub struct Call<'a> {
    pub(super) tensors: BTreeMap<&'static str, Checked>,
    pub(super) options: BTreeMap<&'static str, String>,
    pub(super) features: Option<&'a dyn Features>,
}

impl<'a> Call<'a> {
    /// Whether a tensor was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// That an optional tensor is needed after all.
    pub(crate) fn require(&self, spec: &TensorSpec) -> Result<(), CallError> {
        if self.has(spec.name) { Ok(()) } else { Err(missing(spec, &self.tensors)) }
    }

    /// The lengths of a tensor's axes, as files have them.
    pub(crate) fn shape(&self, name: &str) -> &[usize] {
        self.tensors[name].given.shape()
    }

    /// A tensor of floats, pictures channels last. Whole numbers of a mask become floats.
    pub(crate) fn var(&self, name: &str) -> Var {
        let Checked { spec, given } = &self.tensors[name];
        let var = match given {
            Given::Float(var) if spec.gradient => var.clone(),
            Given::Float(var) => var.detach(),
            Given::Integer { shape, values } => {
                let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
                Tensor::new(shape, values).into()
            }
        };
        // A mask that is allowed in two shapes is turned where it has that of pictures, which is the longer one.
        let pattern = spec.shape.split(" or ").last().expect("a pattern");
        if is_channels_first(pattern) { channels_last(&var) } else { var }
    }

    /// As [`Call::var`], `None` where it was not given.
    pub(crate) fn optional_var(&self, name: &str) -> Option<Var> {
        self.has(name).then(|| self.var(name))
    }

    /// As [`Call::var`], of values from 0 to 1 (NaN passes).
    pub(crate) fn mask(&self, name: &str) -> Result<Var, CallError> {
        let mask = self.var(name);
        match mask.tensor().data().iter().find(|value| !value.is_nan() && !(0.0..=1.0).contains(*value)) {
            None => Ok(mask),
            Some(value) => {
                Err(CallError::tensor(name, format!("{value} among others"), "values from 0 to 1"))
            }
        }
    }

    /// Whole numbers.
    pub(crate) fn integers(&self, name: &str) -> Result<&[i64], CallError> {
        let Checked { spec, given } = &self.tensors[name];
        match given {
            Given::Integer { values, .. } => Ok(values),
            Given::Float(_) => {
                let expected = format!("{} {}", Kind::Integer.describe(), spec.shape);
                Err(CallError::tensor(name, given.describe(), expected))
            }
        }
    }

    /// Whole numbers as a mask: set where they are not 0.
    pub(crate) fn set(&self, name: &str) -> Result<Vec<bool>, CallError> {
        Ok(self.integers(name)?.iter().map(|&value| value != 0).collect())
    }

    /// A finite number.
    pub(crate) fn number(&self, option: &str) -> f32 {
        parse_number(self.word(option)).expect("a checked number")
    }

    /// A number, or `None` for `none`.
    pub(crate) fn number_or_none(&self, option: &str) -> Option<f32> {
        parse_number(self.word(option))
    }

    /// A whole number.
    pub(crate) fn integer(&self, option: &str) -> i64 {
        self.word(option).parse().expect("a checked whole number")
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, option: &str) -> bool {
        self.word(option) == "true"
    }

    /// A word as it was given.
    pub(crate) fn word(&self, option: &str) -> &str {
        &self.options[option]
    }

    /// Words between commas.
    pub(crate) fn words(&self, option: &str) -> Vec<&str> {
        self.word(option).split(',').map(str::trim).collect()
    }

    /// Numbers between commas, `None` for `default`.
    pub(crate) fn numbers(&self, option: &str) -> Option<Vec<f32>> {
        self.words(option).into_iter().map(parse_number).collect()
    }

    /// The option `reduction`.
    pub(crate) fn reduction(&self) -> Reduction {
        Reduction::named(self.word("reduction"))
    }

    /// The network to look through.
    pub(crate) fn features(&self, entry: &'static str) -> Result<&'a dyn Features, CallError> {
        self.features.ok_or(CallError::NoFeatures(entry))
    }
}

/// Values of one number an element of pictures (N, H, W, C), or one number of all, as files have them.
pub(crate) fn as_in_files(value: &Var) -> Var {
    if value.shape().len() == 4 { ops::permute(value, &[0, 3, 1, 2]) } else { value.clone() }
}

/// (N, C, ...) as (N, ..., C).
fn channels_last(x: &Var) -> Var {
    let axes = x.shape().len();
    if axes < 3 {
        return x.clone();
    }
    let order: Vec<usize> = [0].into_iter().chain(2..axes).chain([1]).collect();
    ops::permute(x, &order)
}
