//! Tensors by name: what an entry takes, what a caller gives, and whether they fit.

use std::collections::BTreeMap;

use gobelin_autograd::Var;

use super::CallError;
use super::shape::Lengths;

/// A tensor that an entry takes.
#[derive(Clone, Copy, Debug)]
pub struct TensorSpec {
    /// Its name.
    pub name: &'static str,
    /// Its shape in words, as files have it: equal letters are equal lengths, `...` any number of axes.
    pub shape: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// Whether the loss is differentiated with respect to it, where it is of floats.
    pub gradient: bool,
}

/// The type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats.
    Float,
    /// Whole numbers: classes, labels.
    Integer,
    /// Floats or whole numbers: masks, and targets between 0 and 1.
    Mask,
}

impl TensorSpec {
    /// A tensor of floats that gets a gradient.
    pub const fn float(name: &'static str, shape: &'static str) -> Self {
        Self { name, shape, kind: Kind::Float, required: true, gradient: true }
    }

    /// A tensor of whole numbers.
    pub const fn integer(name: &'static str, shape: &'static str) -> Self {
        Self { name, shape, kind: Kind::Integer, required: true, gradient: false }
    }

    /// A tensor of floats, which get a gradient, or of whole numbers.
    pub const fn mask(name: &'static str, shape: &'static str) -> Self {
        Self { name, shape, kind: Kind::Mask, required: true, gradient: true }
    }

    /// The same, but it may be left out.
    pub const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    /// The same without a gradient.
    pub const fn constant(self) -> Self {
        Self { gradient: false, ..self }
    }
}

impl Kind {
    /// The types files may have it in.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Float => "F32",
            Self::Integer => "I64, I32 or U8",
            Self::Mask => "F32, I64, I32 or U8",
        }
    }
}

/// A tensor that a caller gives, as files have it: pictures are channels first.
#[derive(Clone, Debug)]
pub enum Given {
    /// Floats.
    Float(Var),
    /// Whole numbers.
    Integer {
        /// The length of each axis.
        shape: Vec<usize>,
        /// The values in row-major order.
        values: Vec<i64>,
    },
}

impl Given {
    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Float(var) => var.shape(),
            Self::Integer { shape, .. } => shape,
        }
    }

    fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Float(_) => kind != Kind::Integer,
            Self::Integer { .. } => kind != Kind::Float,
        }
    }

    pub(super) fn describe(&self) -> String {
        let kind = if matches!(self, Self::Float(_)) { "floats" } else { "integers" };
        format!("{kind} of {:?}", self.shape())
    }
}

/// A tensor and what it was checked against.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub spec: &'static TensorSpec,
    pub given: Given,
}

/// The tensors of a call by name, all of the types and shapes the entry asks for.
pub(super) fn check(
    entry: &'static str,
    specs: &'static [TensorSpec],
    given: &BTreeMap<String, Given>,
) -> Result<BTreeMap<&'static str, Checked>, CallError> {
    if let Some(name) = given.keys().find(|name| specs.iter().all(|spec| spec.name != **name)) {
        let what = format!("tensor of {entry} is called");
        return Err(CallError::unknown(what, name, specs.iter().map(|spec| spec.name)));
    }
    let mut lengths = Lengths::default();
    let mut checked = BTreeMap::new();
    for spec in specs {
        let Some(tensor) = given.get(spec.name) else {
            if spec.required {
                return Err(missing(spec, given));
            }
            continue;
        };
        let expected = |shape: String| format!("{} of {shape}", spec.kind.describe());
        if !tensor.fits(spec.kind) || !lengths.meet(spec.shape, tensor.shape()) {
            return Err(CallError::tensor(
                spec.name,
                tensor.describe(),
                expected(lengths.describe(spec.shape)),
            ));
        }
        if tensor.shape().contains(&0) {
            return Err(CallError::tensor(spec.name, tensor.describe(), "at least one value"));
        }
        checked.insert(spec.name, Checked { spec, given: tensor.clone() });
    }
    Ok(checked)
}

/// That a tensor is not there.
pub(super) fn missing<T>(spec: &TensorSpec, given: &BTreeMap<impl AsRef<str>, T>) -> CallError {
    let names: Vec<String> = given.keys().map(|name| format!("`{}`", name.as_ref())).collect();
    let found = if names.is_empty() { "none".into() } else { names.join(", ") };
    let expected = format!("{} of {}", spec.kind.describe(), spec.shape);
    CallError::MissingTensor { name: spec.name.into(), found, expected }
}
