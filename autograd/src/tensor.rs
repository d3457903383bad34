//! Dense `f32` arrays in row-major order.

use std::fmt;
use std::sync::Arc;

use gobelin_kernels::Buffer;

/// A dense array of `f32` in row-major order; pictures are `(N, H, W, C)`.
///
/// Cloning shares the memory; writing through [`Tensor::data_mut`] copies it first if it is shared. Memory comes from
/// the kernels' pool and goes back to it.
#[derive(Clone)]
pub struct Tensor {
    shape: Arc<[usize]>,
    data: Arc<Buffer>,
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
        Self { shape: shape.into(), data: Arc::new(data) }
    }

    /// A new tensor written whole by `fill`, which gets arbitrary contents.
    pub fn build(shape: &[usize], fill: impl FnOnce(&mut [f32])) -> Self {
        let mut data = Buffer::new(shape.iter().product());
        fill(&mut data);
        Self { shape: shape.into(), data: Arc::new(data) }
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
        Self::build(shape, |data| data.fill(value))
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no values at all.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The values in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, to write; copied first if another tensor shares them.
    pub fn data_mut(&mut self) -> &mut [f32] {
        Arc::<Buffer>::make_mut(&mut self.data)
    }

    /// Whether no other tensor shares the values, so that they may be overwritten in place.
    pub fn is_unique(&mut self) -> bool {
        Arc::get_mut(&mut self.data).is_some()
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
        self.data[0]
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
        Self { shape: shape.into(), data: Arc::clone(&self.data) }
    }

    /// Each value through `function`.
    pub fn map(&self, function: impl Fn(f32) -> f32 + Sync) -> Self {
        Self::build(&self.shape, |out| gobelin_kernels::cpu::elementwise::map(&self.data, out, function))
    }

    /// Each value through `function`, in place if nothing else shares the memory.
    pub fn map_into(mut self, function: impl Fn(f32) -> f32 + Sync) -> Self {
        if self.is_unique() {
            gobelin_kernels::cpu::elementwise::map_in_place(self.data_mut(), function);
            self
        } else {
            self.map(function)
        }
    }

    /// Pairs of values of two tensors of one shape through `function`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn zip(&self, other: &Self, function: impl Fn(f32, f32) -> f32 + Sync) -> Self {
        self.assert_same_shape(other);
        Self::build(&self.shape, |out| {
            gobelin_kernels::cpu::elementwise::zip(&self.data, &other.data, out, function);
        })
    }

    /// As [`Tensor::zip`], over `self`'s memory if nothing else shares it.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn zip_into(mut self, other: &Self, function: impl Fn(f32, f32) -> f32 + Sync) -> Self {
        self.assert_same_shape(other);
        if self.is_unique() {
            gobelin_kernels::cpu::elementwise::zip_in_place(self.data_mut(), &other.data, function);
            self
        } else {
            self.zip(other, function)
        }
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
        f.debug_list().entries(self.data.iter().take(SHOWN)).finish()?;
        if self.len() > SHOWN { write!(f, " and {} more", self.len() - SHOWN) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_copies_what_is_shared() {
        let mut first = Tensor::new(&[2], [1.0, 2.0]);
        let second = first.clone();
        first.data_mut()[0] = 5.0;
        assert_eq!((first.data(), second.data()), (&[5.0, 2.0][..], &[1.0, 2.0][..]));
        assert!(first.is_unique());
    }

    #[test]
    #[should_panic(expected = "shape [2, 3] holds 6 values, but 5 were given")]
    fn a_shape_must_fit() {
        let _ = Tensor::new(&[2, 3], [0.0; 5]);
    }
}
