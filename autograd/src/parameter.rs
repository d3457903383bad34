//! What an optimiser changes.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use crate::tensor::Tensor;

/// A named tensor that lives longer than a step: a weight, a bias, a statistic.
///
/// Cloning shares it: a layer and an optimiser hold the same parameter. [`crate::Tape::parameter`] tracks its present
/// value for one step.
#[derive(Clone, Debug)]
pub struct Parameter(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    value: RefCell<Tensor>,
    /// Counts the changes: a tape that tracked an older value tracks the new one afresh.
    version: Cell<u64>,
}

impl Parameter {
    /// A parameter that starts at `value`.
    pub fn new(value: Tensor) -> Self {
        Self(Rc::new(Inner { value: RefCell::new(value), version: Cell::new(0) }))
    }

    /// The present value.
    pub fn value(&self) -> Tensor {
        self.0.value.borrow().clone()
    }

    /// The present value, borrowed.
    pub fn borrow(&self) -> Ref<'_, Tensor> {
        self.0.value.borrow()
    }

    /// The length of each axis.
    pub fn shape(&self) -> Vec<usize> {
        self.borrow().shape().to_vec()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// If the shape changes.
    #[track_caller]
    pub fn set(&self, value: Tensor) {
        assert!(
            self.borrow().shape() == value.shape(),
            "parameter: shape {:?} cannot be set to {:?}",
            self.borrow().shape(),
            value.shape()
        );
        self.0.version.set(self.0.version.get() + 1);
        *self.0.value.borrow_mut() = value;
    }

    /// Changes the values in place (on a copy, while a tape still holds the old ones).
    pub fn update(&self, change: impl FnOnce(&mut [f32])) {
        self.0.version.set(self.0.version.get() + 1);
        change(self.0.value.borrow_mut().data_mut());
    }

    /// What a tape knows this value by.
    pub(crate) fn key(&self) -> (*const (), u64) {
        (Rc::as_ptr(&self.0).cast(), self.0.version.get())
    }
}
