//! Dense `f32` arrays in row-major order, on the host or on a device.

use std::fmt;
use std::sync::Arc;

use gobelin_kernels::Buffer;
use gobelin_kernels::cpu::elementwise;
use gobelin_kernels::cuda::elementwise::{self as device_elementwise, Map, Zip};
use gobelin_kernels::cuda::{self, Device, DeviceBuffer};

use crate::values::{Values, expect};

/// A dense array of `f32` in row-major order; pictures are `(N, H, W, C)`.
///
/// Cloning shares the memory; writing through [`Tensor::data_mut`] copies it first if it is shared. Memory comes from
/// the kernels' pool and goes back to it.
///
/// Values lie where they were made, on the host or on a device ([`Tensor::device`]), and ops run on a device if any of their
/// inputs lies there: what is still on the host is copied over once. Moving a net's parameters therefore moves all that is
/// computed with them. Reading values on the host, or applying a function of one's own to them, brings them back and waits.
/// Where a device fails, its error unwinds to [`crate::attempt`].
#[derive(Clone)]
pub struct Tensor {
    shape: Arc<[usize]>,
    values: Arc<Values>,
}

impl Tensor {
    /// A tensor of `values` in row-major order.
    ///
    /// # Panics
    /// If the shape does not hold exactly as many values.
    #[track_caller]
    pub fn new(shape: &[usize], values: impl AsRef<[f32]>) -> Self {
        Self::from_buffer(shape, Buffer::from(values.as_ref()))
    }

    /// A tensor over a kernel's output.
    ///
    /// # Panics
    /// If the shape does not hold exactly as many values.
    #[track_caller]
    pub fn from_buffer(shape: &[usize], data: Buffer) -> Self {
        let count: usize = shape.iter().product();
        assert!(
            count == data.len(),
            "tensor: shape {shape:?} holds {count} values, but {} were given",
            data.len()
        );
        Self { shape: shape.into(), values: Arc::new(Values::on_host(data)) }
    }

    /// A new tensor written whole by `fill`, which gets arbitrary contents.
    pub fn build(shape: &[usize], fill: impl FnOnce(&mut [f32])) -> Self {
        let mut data = Buffer::new(shape.iter().product());
        fill(&mut data);
        Self { shape: shape.into(), values: Arc::new(Values::on_host(data)) }
    }

    /// A tensor with one value and no axes.
    pub fn scalar(value: f32) -> Self {
        Self::full(&[], value)
    }

    /// A tensor of zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::full(shape, 0.0)
    }

    /// A tensor of ones.
    pub fn ones(shape: &[usize]) -> Self {
        Self::full(shape, 1.0)
    }

    /// A tensor of one value.
    pub fn full(shape: &[usize], value: f32) -> Self {
        let values = Values::all_the_same(shape.iter().product(), value);
        Self { shape: shape.into(), values: Arc::new(values) }
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no values at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The device that the values were made on; none is the host.
    pub fn device(&self) -> Option<&Device> {
        self.values.home()
    }

    /// The same values on a device.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        if self.device() == Some(device) {
            return self.clone();
        }
        Self::from_device(&self.shape, expect(DeviceBuffer::from_slice(device, self.data())))
    }

    /// The same values on the host.
    #[must_use]
    pub fn to_host(&self) -> Self {
        if self.device().is_none() { self.clone() } else { Self::new(&self.shape, self.data()) }
    }

    /// The values in row-major order. Those of a device are read, once, which waits for them.
    pub fn data(&self) -> &[f32] {
        self.values.host()
    }

    /// The values, to write; copied first if another tensor shares them. Those of a device lie on the host from then on.
    pub fn data_mut(&mut self) -> &mut [f32] {
        Arc::make_mut(&mut self.values).host_mut()
    }

    /// Whether no other tensor shares the values, so that they may be overwritten in place.
    pub fn is_unique(&mut self) -> bool {
        Arc::get_mut(&mut self.values).is_some()
    }

    /// The only value.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> f32 {
        assert!(
            self.len() == 1,
            "item: a tensor of shape {:?} has {} values, expected one",
            self.shape,
            self.len()
        );
        self.data()[0]
    }

    /// The same values under another shape; nothing is copied.
    ///
    /// # Panics
    /// If the shapes hold different numbers of values.
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Self {
        let count: usize = shape.iter().product();
        assert!(
            count == self.len(),
            "reshape: {:?} holds {} values, but {shape:?} holds {count}",
            self.shape,
            self.len()
        );
        Self { shape: shape.into(), values: Arc::clone(&self.values) }
    }

    /// Each value through `function`, on the host.
    pub fn map(&self, function: impl Fn(f32) -> f32 + Sync) -> Self {
        Self::build(&self.shape, |out| elementwise::map(self.data(), out, function))
    }

    /// Each value through `function`, in place if nothing else shares the memory.
    pub fn map_into(mut self, function: impl Fn(f32) -> f32 + Sync) -> Self {
        if self.is_unique() {
            elementwise::map_in_place(self.data_mut(), function);
            self
        } else {
            self.map(function)
        }
    }

    /// Pairs of values of two tensors of one shape through `function`, on the host.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn zip(&self, other: &Self, function: impl Fn(f32, f32) -> f32 + Sync) -> Self {
        self.assert_same_shape(other);
        Self::build(&self.shape, |out| elementwise::zip(self.data(), other.data(), out, function))
    }

    /// As [`Tensor::zip`], over `self`'s memory if nothing else shares it.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn zip_into(mut self, other: &Self, function: impl Fn(f32, f32) -> f32 + Sync) -> Self {
        self.assert_same_shape(other);
        if self.is_unique() {
            elementwise::zip_in_place(self.data_mut(), other.data(), function);
            self
        } else {
            self.zip(other, function)
        }
    }

    /// A tensor worked out from `inputs` by the host's kernel, or by the device's where any of them lies on one.
    #[track_caller]
    pub(crate) fn compute<const N: usize>(
        shape: &[usize],
        inputs: [&Self; N],
        host: impl FnOnce([&[f32]; N], &mut [f32]),
        device: impl FnOnce([&DeviceBuffer; N], &mut DeviceBuffer) -> cuda::Result<()>,
    ) -> Self {
        match Self::common_device(&inputs) {
            None => Self::build(shape, |out| host(inputs.map(Self::data), out)),
            Some(place) => {
                Self::build_on(place, shape, |out| device(inputs.map(|input| input.buffer(place)), out))
            }
        }
    }

    /// This tensor changed in place (a copy, if it is shared) by the host's kernel, or by the device's.
    #[track_caller]
    pub(crate) fn change<const N: usize>(
        mut self,
        inputs: [&Self; N],
        host: impl FnOnce(&mut [f32], [&[f32]; N]),
        device: impl FnOnce(&mut DeviceBuffer, [&DeviceBuffer; N]) -> cuda::Result<()>,
    ) -> Self {
        match self.device().or(Self::common_device(&inputs)).cloned() {
            None => host(self.data_mut(), inputs.map(Self::data)),
            Some(place) => {
                expect(device(self.buffer_mut(&place), inputs.map(|input| input.buffer(&place))));
            }
        }
        self
    }

    /// The device that an op over these tensors runs on: the first that any of them lies on.
    pub(crate) fn common_device<'a>(inputs: &[&'a Self]) -> Option<&'a Device> {
        inputs.iter().find_map(|input| input.device())
    }

    /// A tensor over a device's buffer: what a kernel outside of the ops gave.
    ///
    /// # Panics
    /// If the shape does not hold exactly as many values.
    #[track_caller]
    pub fn from_device(shape: &[usize], values: DeviceBuffer) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "tensor: the length of {shape:?}");
        Self { shape: shape.into(), values: Arc::new(Values::on_device(values)) }
    }

    /// A new tensor written whole on a device by `fill`, which gets arbitrary contents.
    #[track_caller]
    pub(crate) fn build_on(
        device: &Device,
        shape: &[usize],
        fill: impl FnOnce(&mut DeviceBuffer) -> cuda::Result<()>,
    ) -> Self {
        let mut values = expect(DeviceBuffer::new(device, shape.iter().product()));
        expect(fill(&mut values));
        Self::from_device(shape, values)
    }

    /// The values on a device, to read: for a kernel outside of the ops. They are copied over once, if they lie on the host.
    ///
    /// # Panics
    /// If they lie on another device.
    #[track_caller]
    pub fn buffer(&self, device: &Device) -> &DeviceBuffer {
        self.values.device(device)
    }

    /// The values on a device, to write; copied first if another tensor shares them. They lie there from then on.
    #[track_caller]
    pub(crate) fn buffer_mut(&mut self, device: &Device) -> &mut DeviceBuffer {
        Arc::make_mut(&mut self.values).device_mut(device)
    }

    /// A copy on a device, which shares no memory.
    pub(crate) fn copy_on(&self, device: &Device) -> Self {
        if self.device() != Some(device) {
            return self.to_device(device);
        }
        Self::build_on(device, &self.shape, |out| out.copy_from(self.buffer(device)))
    }

    /// Takes the values of another tensor, where this one lies on its device.
    pub(crate) fn overwrite(&mut self, other: &Self) {
        let device = self.device().expect("it lies on a device").clone();
        assert!(self.is_unique(), "overwrite: the values are shared");
        let values = self.buffer_mut(&device);
        expect(match other.values.same() {
            Some(value) => device_elementwise::fill(values, value),
            None if other.must_travel() => values.write(other.data()),
            None => values.copy_from(other.buffer(&device)),
        });
    }

    /// Whether the values are the host's alone, and no device could make them.
    pub(crate) fn must_travel(&self) -> bool {
        !self.is_empty() && self.values.same().is_none() && self.values.buffer_number().is_none()
    }

    /// What the buffer on a device is known by, where there is one.
    pub(crate) fn buffer_number(&self) -> Option<u64> {
        self.values.buffer_number()
    }

    /// A replay wrote the values, which nobody shares, on their device.
    pub(crate) fn rewritten(&mut self) {
        Arc::get_mut(&mut self.values).expect("nobody shares what is replayed").forget_host();
    }

    /// A tensor of one value that lies where this one does.
    pub(crate) fn full_beside(&self, shape: &[usize], value: f32) -> Self {
        match self.device() {
            None => Self::full(shape, value),
            Some(device) => Self::build_on(device, shape, |out| device_elementwise::fill(out, value)),
        }
    }

    /// Each value through a function that a device knows by `name`. What is one value everywhere stays so, and need not be sent.
    pub(crate) fn map_as(&self, name: Map, function: impl Fn(f32) -> f32 + Sync) -> Self {
        if let Some(value) = self.values.same() {
            return Self::full(&self.shape, function(value));
        }
        Self::compute(
            &self.shape,
            [self],
            |[x], out| elementwise::map(x, out, function),
            |[x], out| device_elementwise::map(x, out, name),
        )
    }

    /// As [`Tensor::map_as`], in place if nothing else shares the memory.
    pub(crate) fn map_into_as(mut self, name: Map, function: impl Fn(f32) -> f32 + Sync) -> Self {
        if !self.is_unique() || self.values.same().is_some() {
            return self.map_as(name, function);
        }
        self.change(
            [],
            |x, []| elementwise::map_in_place(x, function),
            |x, []| device_elementwise::map_in_place(x, name),
        )
    }

    /// Pairs of values of two tensors of one shape through a function that a device knows by `name`.
    #[track_caller]
    pub(crate) fn zip_as(&self, other: &Self, name: Zip, function: impl Fn(f32, f32) -> f32 + Sync) -> Self {
        self.assert_same_shape(other);
        Self::compute(
            &self.shape,
            [self, other],
            |[a, b], out| elementwise::zip(a, b, out, function),
            |[a, b], out| device_elementwise::zip(a, b, out, name),
        )
    }

    /// As [`Tensor::zip_as`], over `self`'s memory if nothing else shares it.
    #[track_caller]
    pub(crate) fn zip_into_as(
        mut self,
        other: &Self,
        name: Zip,
        function: impl Fn(f32, f32) -> f32 + Sync,
    ) -> Self {
        self.assert_same_shape(other);
        if !self.is_unique() {
            return self.zip_as(other, name, function);
        }
        self.change(
            [other],
            |a, [b]| elementwise::zip_in_place(a, b, function),
            |a, [b]| device_elementwise::zip_in_place(a, b, name),
        )
    }

    #[track_caller]
    fn assert_same_shape(&self, other: &Self) {
        assert!(
            self.shape == other.shape,
            "element-wise: shapes {:?} and {:?} differ, expected the same",
            self.shape,
            other.shape
        );
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "Tensor{:?} ", self.shape)?;
        f.debug_list().entries(self.data().iter().take(SHOWN)).finish()?;
        if self.len() > SHOWN { write!(f, " and {} more", self.len() - SHOWN) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;

    #[test]
    fn writing_copies_what_is_shared() {
        let mut first = Tensor::new(&[2], [1.0, 2.0]);
        let second = first.clone();
        first.data_mut()[0] = 5.0;
        assert_eq!((first.data(), second.data()), (&[5.0, 2.0][..], &[1.0, 2.0][..]));
        assert!(first.is_unique());
    }

    #[test]
    fn values_move_to_a_card_and_back() {
        let Some(card) = crate::ops::testing::card() else { return };
        let first = Tensor::new(&[3], [1.0, -2.0, 3.0]).to_device(&card);
        let mut second = first.clone();
        assert_eq!((first.device(), first.data()), (Some(&card), &[1.0, -2.0, 3.0][..]));
        // What is on the host goes where the other operand is.
        let sum = ops::add(&first.clone().into(), &Tensor::scalar(1.0).into()).into_tensor();
        assert_eq!((sum.device(), sum.data()), (Some(&card), &[2.0, -1.0, 4.0][..]));
        // Writing makes a copy on the host, and no stale values stay behind.
        second.data_mut()[0] = 7.0;
        assert_eq!((second.device(), first.data()[0]), (None, 1.0));
        let doubled = ops::scale(&second.to_device(&card).into(), 2.0).into_tensor();
        assert_eq!(doubled.to_host().data(), [14.0, -4.0, 6.0]);
        let changed = first.clone().map_into_as(Map::Neg, |v| -v);
        assert_eq!((changed.data(), first.data()), (&[-1.0, 2.0, -3.0][..], &[1.0, -2.0, 3.0][..]));
    }

    #[test]
    fn an_error_of_a_card_is_told_and_other_panics_go_on() {
        let Some(card) = crate::ops::testing::card() else { return };
        assert_eq!(crate::attempt(|| Tensor::ones(&[2]).to_device(&card).data().to_vec()), Ok(vec![1.0; 2]));
        let error = cuda::Error::Lost("unplugged".into());
        assert_eq!(crate::attempt(|| expect::<()>(Err(error.clone()))), Err(error));
        assert!(std::panic::catch_unwind(|| crate::attempt(|| panic!("a mistake"))).is_err());
    }

    #[test]
    #[should_panic(expected = "shape [2, 3] holds 6 values, but 5 were given")]
    fn a_shape_must_fit() {
        let _ = Tensor::new(&[2, 3], [0.0; 5]);
    }
}
