//! Forward convolution and input gradient: tiles transformed, multiplied and transformed back, block by block.

use super::filters::{Filters, TransformFilters, WIDTH};
use super::lines::{Family, Line};
use super::outputs::{Epilogue, Scatter};
use super::panels::{Gather, Panels, points};
use super::products::{Multiply, product_stride};
use super::windows::{Tiling, Windows};
use crate::Buffer;
use crate::cpu::conv::Conv2d;
use crate::cpu::gemm::even;
use crate::cpu::gemm::micro::ROWS;
use crate::cpu::gemm::output::Output;
use crate::cpu::simd::{Form, dispatch_as};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Outputs along a side of a tile.
const TILE: usize = 4;

/// A convolution or its input gradient, cut into tiles: both correlate pictures with filters, the gradient those turned by
/// half a turn.
///
/// With stride 2 the kernel's taps fall into four phases by the parity of their row and column, each a 2x2 kernel. Forward, the
/// phases of the input are so many more channels to sum over. Backward, each phase of the input's gradient is a
/// convolution of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Correlation {
    pub(super) source: Windows,
    pub(super) target: Windows,
    pub(super) tiling: Tiling,
    pub(super) filters: Filters,
}

impl Correlation {
    pub(super) fn new(c: &Conv2d, turned: bool) -> Self {
        let step = c.stride[0];
        let phases = step * step;
        let padding = c.padding.map(|p| p as isize);
        let input = Windows {
            height: c.height,
            width: c.width,
            channels: c.channels_in,
            advance: TILE * step,
            step,
            origin: [0; 2],
            phases,
        };
        let output = Windows {
            height: c.out_height(),
            width: c.out_width(),
            channels: c.channels_out,
            advance: TILE,
            step: 1,
            origin: [0; 2],
            phases: 1,
        };
        // The first output that reaches back to input 0 or 1 through the last tap of its phase.
        let back = padding.map(|p| if step == 1 { p - 2 } else { -1 });
        let (source, target) = if turned {
            (Windows { origin: back, phases, ..output }, input)
        } else {
            (Windows { origin: padding.map(|p| -p), ..input }, output)
        };
        Self {
            source,
            target,
            tiling: Tiling {
                pictures: c.batch,
                rows: target.height.div_ceil(target.advance),
                columns: target.width.div_ceil(target.advance),
            },
            filters: Filters {
                kernel: c.kernel,
                channels_in: c.channels_in,
                channels_out: c.channels_out,
                turned,
                step,
                phases,
                side_by_side: if turned { 1 } else { phases },
            },
        }
    }

    /// Floats of the transformed filters.
    pub(super) fn filters_len<F: Family>(&self) -> usize {
        self.filters.widths() * self.filters.groups() * self.filters.panel::<F>()
    }

    /// Transforms all filters.
    pub(super) fn transform_filters<F: Family>(&self, form: Form, weights: &[f32], to: &mut [f32]) {
        /// Eights of input channels of a task: 64 channels' transform takes about 20 microseconds.
        const CHUNKS: usize = 8;
        let filters = self.filters;
        let (groups, chunks) = (filters.groups(), filters.depth() / 8);
        let pieces = chunks.div_ceil(CHUNKS);
        let to = Output::new(to);
        (0..filters.widths() * groups * pieces).into_par_iter().for_each(|task| {
            let (panel, piece) = (task / pieces, task % pieces);
            let chunks = piece * CHUNKS..chunks.min((piece + 1) * CHUNKS);
            let (width, group) = (panel / groups, panel % groups);
            let to = to.pointer().wrapping_add(panel * filters.panel::<F>());
            dispatch_as(
                form,
                TransformFilters::<F> { filters, weights, width, group, chunks, to, family: PhantomData },
            );
        });
    }

    /// Correlates with filters that are transformed already.
    pub(super) fn run<F: Family>(
        &self,
        form: Form,
        pictures: &[f32],
        filters: &[f32],
        epilogue: Epilogue,
        to: &mut [f32],
    ) {
        let all = self.tiling.count();
        let block = even(all, self.block::<F>(), ROWS);
        let groups = self.filters.groups();
        let panels = Panels::new(ROWS, 1, block, self.filters.depth() / 8);
        let to = Output::new(to);
        (0..all.div_ceil(block)).into_par_iter().for_each_init(
            || {
                (
                    Buffer::new(groups * points::<F>() * panels.stride()),
                    Buffer::new(points::<F>() * product_stride(block)),
                )
            },
            |(tiles, products), index| {
                let range = index * block..all.min((index + 1) * block);
                self.gather::<F>(form, pictures, range.clone(), panels, Output::new(tiles));
                for width in 0..self.filters.widths() {
                    for group in 0..groups {
                        let panel = width * groups + group;
                        let filters = &filters[panel * self.filters.panel::<F>()..];
                        let tiles = &tiles[group * points::<F>() * panels.stride()..];
                        dispatch_as(
                            form,
                            Multiply {
                                points: points::<F>(),
                                depth: self.filters.depth(),
                                panels,
                                tiles: tiles.as_ptr(),
                                filters: filters.as_ptr(),
                                to: products.as_mut_ptr(),
                            },
                        );
                        self.scatter::<F>(form, range.clone(), width, group, products, block, epilogue, to);
                    }
                }
            },
        );
    }

    /// Tiles of a block.
    fn block<F: Family>(&self) -> usize {
        let tile = self.filters.groups() * points::<F>() * self.filters.depth() * size_of::<f32>();
        ((384 << 10) / tile).clamp(24, 96)
    }

    fn gather<F: Family>(
        &self,
        form: Form,
        pictures: &[f32],
        tiles: Range<usize>,
        panels: Panels,
        to: Output,
    ) {
        dispatch_as(
            form,
            Gather::<F::Input> {
                windows: self.source,
                tiling: self.tiling,
                pictures,
                tiles,
                first: 0,
                panels,
                to: to.pointer(),
                points: points::<F>(),
                side_by_side: self.filters.side_by_side,
                line: PhantomData,
            },
        );
    }

    fn scatter<F: Family>(
        &self,
        form: Form,
        tiles: Range<usize>,
        width: usize,
        group: usize,
        products: &[f32],
        room: usize,
        epilogue: Epilogue,
        to: Output,
    ) {
        let bias = epilogue.bias.map(|all| {
            let mut bias = [0.0; WIDTH];
            let part = &all[width * WIDTH..all.len().min((width + 1) * WIDTH)];
            bias[..part.len()].copy_from_slice(part);
            bias
        });
        dispatch_as(
            form,
            Scatter::<F> {
                windows: self.target,
                tiling: self.tiling,
                tiles,
                phase: group,
                width,
                products: products.as_ptr(),
                room,
                bias,
                activation: epilogue.activation,
                pictures: to.pointer(),
                family: PhantomData,
            },
        );
    }
}

const _: () = assert!(super::lines::Output4::TO == TILE && super::lines::Output4Of5::TO == TILE);
