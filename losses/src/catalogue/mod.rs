//! Every loss and metric by name, with named tensors and options: what the shell calls, and what the tests walk.
//!
//! A program of one's own calls the typed functions of this crate; an [`Entry`] wraps one of them for callers who hold
//! tensors and words. Tensors come as files have them (pictures channels first, PyTorch's way), and their gradients
//! go back so.
//!
//! ```
//! use gobelin_autograd::Tensor;
//! use gobelin_losses::catalogue::{self, Given};
//!
//! let huber = catalogue::loss("huber").unwrap();
//! let given = [
//!     ("pred".to_owned(), Given::Float(Tensor::new(&[2], [1.0, 5.0]).into())),
//!     ("target".to_owned(), Given::Float(Tensor::new(&[2], [1.0, 1.0]).into())),
//! ];
//! let options = [("delta".to_owned(), "0.5".to_owned())];
//! let found = huber.call(&given.into(), &options, None).unwrap();
//! assert_eq!(found.value.item(), (0.5 * (4.0 - 0.25)) / 2.0);
//! ```

mod call;
mod error;
mod option;
mod shape;
mod tensor;

use std::collections::BTreeMap;

use gobelin_autograd::Var;

use crate::features::Features;

pub use call::Call;
pub(crate) use call::as_in_files;
pub use error::CallError;
pub use option::{Domain, OptionKind, OptionSpec};
pub use tensor::{Given, Kind, TensorSpec};

/// A loss or a metric: what it is, what it takes, and how it is computed.
pub struct Entry<R: 'static> {
    /// Its name in the shell.
    pub name: &'static str,
    /// One line: the formula.
    pub about: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// The tensors it takes.
    pub tensors: &'static [TensorSpec],
    /// The options it takes.
    pub options: &'static [OptionSpec],
    /// Whether it looks through VGG-19.
    pub vgg: bool,
    pub(crate) run: fn(&Call<'_>) -> Result<R, CallError>,
}

/// A loss.
pub type LossEntry = Entry<Outcome>;

/// A computed loss.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The loss: of shape `[]`, or one value an element where it is not reduced.
    pub value: Var,
    /// What was counted on the way, such as the triplets found.
    pub counts: Vec<(&'static str, u64)>,
}

impl From<Var> for Outcome {
    fn from(value: Var) -> Self {
        Self { value, counts: Vec::new() }
    }
}

/// A metric.
pub type MetricEntry = Entry<Measured>;

/// A measured metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The one number that is reported.
    pub value: f64,
    /// All numbers by name: one, or one a picture, a class, a fold.
    pub values: Vec<(&'static str, Vec<f64>)>,
}

impl Measured {
    /// One number.
    pub(crate) fn one(name: &'static str, value: f64) -> Self {
        Self { value, values: vec![(name, vec![value])] }
    }

    /// The mean of several numbers.
    pub(crate) fn mean(name: &'static str, values: Vec<f64>) -> Self {
        Self { value: values.iter().sum::<f64>() / values.len() as f64, values: vec![(name, values)] }
    }
}

/// All losses, in the order of the handbook.
pub const LOSSES: &[&LossEntry] = &[
    &crate::mse::ENTRY,
    &crate::mae::ENTRY,
    &crate::huber::ENTRY,
    &crate::charbonnier::ENTRY,
    &crate::cross_entropy::ENTRY,
    &crate::pixel_weight_cross_entropy::ENTRY,
    &crate::bce::ENTRY,
    &crate::focal::ENTRY,
    &crate::dice::ENTRY,
    &crate::tversky::ENTRY,
    &crate::lovasz::ENTRY,
    &crate::ssim::ENTRY,
    &crate::ms_ssim::ENTRY,
    &crate::perceptual::ENTRY,
    &crate::content::ENTRY,
    &crate::style::ENTRY,
    &crate::tv::ENTRY,
    &crate::style_transfer::ENTRY,
    &crate::topology::ENTRY,
    &crate::cldice::ENTRY,
    &crate::contrastive::ENTRY,
    &crate::triplet::ENTRY,
    &crate::triplet_batch::ENTRY,
    &crate::gan::minmax::ENTRY,
    &crate::gan::non_saturating::ENTRY,
    &crate::gan::least_squares::ENTRY,
    &crate::gan::wasserstein::ENTRY,
    &crate::gan::hinge::ENTRY,
    &crate::cycle::ENTRY,
    &crate::identity::ENTRY,
];

/// All metrics, in the order of [`crate::metrics`].
pub const METRICS: &[&MetricEntry] = crate::metrics::ENTRIES;

/// The loss of a name.
///
/// # Errors
/// If there is none.
pub fn loss(name: &str) -> Result<&'static LossEntry, CallError> {
    find(name, "loss", LOSSES)
}

/// The metric of a name.
///
/// # Errors
/// If there is none.
pub fn metric(name: &str) -> Result<&'static MetricEntry, CallError> {
    find(name, "metric", METRICS)
}

fn find<R>(
    name: &str,
    what: &'static str,
    entries: &[&'static Entry<R>],
) -> Result<&'static Entry<R>, CallError> {
    let found = entries.iter().find(|entry| entry.name == name).copied();
    found.ok_or_else(|| CallError::unknown(what, name, entries.iter().map(|entry| entry.name)))
}

impl<R> Entry<R> {
    /// Checks tensors and options against the entry, and computes. Tensors that an entry names are as files have
    /// them; a float tensor that is tracked gets a gradient where [`TensorSpec::gradient`] holds.
    ///
    /// # Errors
    /// The first thing that does not fit. Nothing was computed then.
    pub fn call(
        &self,
        tensors: &BTreeMap<String, Given>,
        options: &[(String, String)],
        features: Option<&dyn Features>,
    ) -> Result<R, CallError> {
        let options = self.options(options)?;
        let tensors = tensor::check(self.name, self.tensors, tensors)?;
        (self.run)(&Call { tensors, options, features })
    }

    /// The values of all options by name: those given, else the defaults.
    ///
    /// # Errors
    /// An option that the entry does not have, or a value that it does not take.
    pub fn options(&self, given: &[(String, String)]) -> Result<BTreeMap<&'static str, String>, CallError> {
        option::check(self.name, self.options, given)
    }
}
