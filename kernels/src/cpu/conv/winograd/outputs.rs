//! From products to pictures: the output transform, with what follows a convolution.

use super::families::Family;
use super::filters::WIDTH;
use super::lines::Line;
use super::plane::{Grid, Sink, Sum, transform};
use super::products::product_stride;
use super::windows::{Mirror, Tiling, View, Windows};
use crate::cpu::simd::{Kernel, Lanes, Vector};
use std::marker::PhantomData;
use std::ops::Range;

/// What a forward convolution does to its outputs before they are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to each output, one for each channel.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: Activation,
}

/// An activation that needs nothing but its input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// None.
    #[default]
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, slope x)`, with a slope in `[0, 1]`.
    LeakyRelu(f32),
}

/// Transforms the products of some tiles and one panel of filters, and writes them.
pub(super) struct Scatter<F> {
    pub(super) windows: Windows,
    pub(super) tiling: Tiling,
    pub(super) tiles: Range<usize>,
    /// Which phase of the windows.
    pub(super) phase: usize,
    /// Which sixteen output channels.
    pub(super) width: usize,
    pub(super) products: *const f32,
    /// Tiles there is room for in the products.
    pub(super) room: usize,
    /// Of the sixteen channels.
    pub(super) bias: Option<[f32; WIDTH]>,
    pub(super) activation: Activation,
    /// The batch that is written.
    pub(super) pictures: *mut f32,
    pub(super) family: PhantomData<F>,
}

impl<F: Family> Kernel for Scatter<F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { windows, tiling, .. } = self;
        let stride = product_stride(self.room);
        for index in self.tiles.clone() {
            let tile = tiling.tile(index);
            let ahead = tiling.tile((index + 2).min(self.tiles.end - 1));
            windows.prefetch(self.pictures, ahead, self.phase, WIDTH * self.width, F::Output::TO);
            for lane in (0..WIDTH).step_by(V::Widest::LANES) {
                let channel = WIDTH * self.width + lane;
                if channel >= windows.channels {
                    break;
                }
                let start = (index - self.tiles.start) * WIDTH + lane;
                let from = Grid {
                    start: self.products.wrapping_add(start),
                    down: F::POINTS * stride,
                    right: stride,
                };
                let bias = self.bias.as_ref().map(|bias| bias[lane..].as_ptr());
                let activation = self.activation;
                let lanes = V::Widest::LANES;
                // SAFETY: the products hold the tile, and the window serves points of the batch only, which
                // no other thread writes.
                unsafe {
                    match windows.look(self.pictures, tile, self.phase, channel, lanes, F::Output::TO) {
                        View::Inside(sink) if F::OVERLAP => {
                            transform::<V::Widest, F::Output>(&from, &Sum(sink));
                        }
                        View::Border(sink) if F::OVERLAP => {
                            transform::<V::Widest, F::Output>(&from, &Sum(Mirror(sink)));
                        }
                        View::Inside(sink) => {
                            transform::<V::Widest, F::Output>(&from, &Finish { sink, bias, activation });
                        }
                        View::Border(sink) => {
                            transform::<V::Widest, F::Output>(&from, &Finish { sink, bias, activation });
                        }
                    }
                }
            }
        }
    }
}

/// A sink that applies an epilogue first.
struct Finish<S> {
    sink: S,
    /// As many floats as a register holds.
    bias: Option<*const f32>,
    activation: Activation,
}

impl<S: Sink> Sink for Finish<S> {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V) {
        // SAFETY: the bias holds as many floats as there are lanes; the point is the caller's promise.
        unsafe {
            let mut value = value;
            if let Some(bias) = self.bias {
                value = value.add(V::load(bias));
            }
            match self.activation {
                Activation::Identity => {}
                // In this order NaN stays: a maximum gives its second operand if either is NaN.
                Activation::Relu => value = V::splat(0.0).max(value),
                Activation::LeakyRelu(slope) => value = value.max(value.mul(V::splat(slope))),
            }
            self.sink.put(row, column, value);
        }
    }
}
