//! What an optimiser changes.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use gobelin_kernels::cuda::elementwise::{Map, Zip};
use gobelin_kernels::cuda::{Device, DeviceBuffer};

use crate::replay::{note, note_replaced};
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
        self.borrow().clone()
    }

    /// The present value, borrowed.
    pub fn borrow(&self) -> Ref<'_, Tensor> {
        note(self, false);
        self.0.value.borrow()
    }

    /// The length of each axis.
    pub fn shape(&self) -> Vec<usize> {
        self.borrow().shape().to_vec()
    }

    /// Moves the value to a device, where it stays: what is set or changed later goes there too.
    pub fn to_device(&self, device: &Device) {
        if self.borrow().device() != Some(device) {
            self.change(|value| *value = value.to_device(device));
        }
    }

    /// Replaces the value; the new one goes to the device where the old one lies.
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
        let place = self.borrow().device().cloned();
        self.changing();
        let value = match place {
            None => value,
            Some(place) => value.to_device(&place),
        };
        note_replaced(self, self.0.value.replace(value));
    }

    /// Changes values of the host in place (on a copy, while a tape still holds the old ones).
    ///
    /// # Panics
    /// If they lie on a device.
    #[track_caller]
    pub(crate) fn update(&self, change: impl FnOnce(&mut [f32])) {
        self.change(|value| {
            assert!(value.device().is_none(), "parameter: values of a device are changed there");
            change(value.data_mut());
        });
    }

    /// Moves each value the part `gain` of the way to `factor` times that of `target`: a running mean.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn approach(&self, target: &Tensor, factor: f32, gain: f32) {
        if self.borrow().device().is_none() {
            return self.update(|values| {
                assert_eq!(values.len(), target.len(), "approach: lengths");
                for (value, target) in values.iter_mut().zip(target.data()) {
                    *value += gain * (factor * target - *value);
                }
            });
        }
        let target = target.map_as(Map::Scale(factor), |v| factor * v);
        self.change(|value| {
            let function = |value: f32, target: f32| value + gain * (target - value);
            let old = std::mem::replace(value, Tensor::scalar(0.0));
            *value = old.zip_into_as(&target, Zip::Average(1.0 - gain), function);
        });
    }

    /// Adds a number to each value.
    pub fn add(&self, addend: f32) {
        self.change(|value| {
            let old = std::mem::replace(value, Tensor::scalar(0.0));
            *value = old.map_into_as(Map::Add(addend), |v| v + addend);
        });
    }

    /// The value on a device, to change.
    pub(crate) fn buffer_mut(&self, device: &Device) -> RefMut<'_, DeviceBuffer> {
        RefMut::map(self.borrow_mut(), |value| value.buffer_mut(device))
    }

    /// The value, to change where it lies.
    pub(crate) fn borrow_mut(&self) -> RefMut<'_, Tensor> {
        self.changing();
        self.0.value.borrow_mut()
    }

    /// Changes the value where it lies.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Tensor)) {
        change(&mut self.borrow_mut());
    }

    fn changing(&self) {
        self.0.version.set(self.0.version.get() + 1);
        note(self, true);
    }

    /// What it is known by among others.
    pub(crate) fn address(&self) -> *const () {
        Rc::as_ptr(&self.0).cast()
    }

    /// The present value, for those who watch what others do with it.
    pub(crate) fn unnoted(&self) -> Tensor {
        self.0.value.borrow().clone()
    }

    /// What the value's buffer on a device is known by, where there is one.
    pub(crate) fn buffer_number(&self) -> Option<u64> {
        self.0.value.borrow().buffer_number()
    }

    /// Whether nobody else holds the value.
    pub(crate) fn is_unique(&self) -> bool {
        self.0.value.borrow_mut().is_unique()
    }

    /// Gives it values of its own on a device.
    pub(crate) fn own(&self, device: &Device) {
        let mut value = self.0.value.borrow_mut();
        if !value.is_unique() || value.device() != Some(device) {
            let copy = value.copy_on(device);
            *value = copy;
        }
        value.rewritten();
    }

    /// Gives it back the tensor that it had.
    pub(crate) fn put_back(&self, value: Tensor) {
        *self.0.value.borrow_mut() = value;
    }

    /// A replay has changed the values.
    pub(crate) fn rewritten(&self) {
        self.0.version.set(self.0.version.get() + 1);
        self.0.value.borrow_mut().rewritten();
    }

    /// What a tape knows this value by.
    pub(crate) fn key(&self) -> (*const (), u64) {
        (self.address(), self.0.version.get())
    }
}
