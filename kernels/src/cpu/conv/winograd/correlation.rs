//! Forward convolution and input gradient: tiles transformed, multiplied and transformed back, block by block.

use super::families::Family;
use super::filters::{Filters, Slab, TransformFilters, WIDTH};
use super::lines::Line;
use super::measures::{LANES, points};
use super::outputs::{Epilogue, Scatter};
use super::panels::{Gather, Panels};
use super::products::{HIGH, Multiply, product_stride};
use super::windows::{Tiling, Windows};
use crate::Buffer;
use crate::cpu::conv::Conv2d;
use crate::cpu::gemm::even;
use crate::cpu::gemm::output::Output;
use crate::cpu::parallel;
use crate::cpu::simd::{Form, dispatch_as};
use std::marker::PhantomData;
use std::ops::Range;

/// Tiles that a task transforms into a shared block.
const PIECE: usize = HIGH;

/// Tiles of a shared block that are multiplied together with filters that are transformed already: their products, 220 KB,
/// stay in the second-level cache until they are transformed. Filters that are not are transformed slab by slab, each for all tiles.
const MULTIPLIED: usize = 48;

/// Floats of transformed filters (8 MB) above which tiles are shared and filters transformed where they are used: from
/// there on they do not stay in the third-level cache. Against blocks of tiles, in alternation on two Zen 3 cores that others
/// disturbed: 1.1 to 2.3 times as fast at 3x3 with 256 and 512 channels and at 4x4 with 256 to 512, in each of four rounds; slower
/// in each at 3x3 with 128 channels.
const MANY_FILTERS: usize = 1 << 21;

/// Floats that a task clears.
const FILLED: usize = 16 * 1024;

fn clear(all: &mut [f32]) {
    let start = Output::new(all);
    let length = all.len();
    parallel::for_each(length.div_ceil(FILLED), |index| {
        let begin = index * FILLED;
        // SAFETY: parts lie in `all` and do not overlap.
        unsafe { start.offset(begin).pointer().write_bytes(0, FILLED.min(length - begin)) }
    });
}

/// Filters, before or after their transform.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Plain(&'a [f32]),
    Transformed(&'a [f32]),
}

/// A convolution or its input gradient, cut into tiles: both correlate pictures with filters, the gradient those turned by
/// half a turn.
///
/// With stride 2 the kernel's taps fall into four phases by the parity of their row and column, each a 2x2 kernel. Forward, the
/// phases of the input are so many more channels to sum over. Backward, each phase of the input's gradient is a
/// convolution of its own. A 3x3 kernel is taken for a 4x4 one that lacks its last row and column ([`Filters::vectors_at`]).
#[derive(Clone, Copy, Debug)]
pub(super) struct Correlation {
    pub(super) source: Windows,
    pub(super) target: Windows,
    pub(super) tiling: Tiling,
    pub(super) filters: Filters,
}

impl Correlation {
    pub(super) fn new<F: Family>(c: &Conv2d, turned: bool) -> Self {
        let (step, tile) = (c.stride[0], F::Output::TO);
        let phases = step * step;
        let padding = c.padding.map(|p| p as isize);
        let input = Windows {
            height: c.height,
            width: c.width,
            channels: c.channels_in,
            advance: tile * step,
            step,
            origin: [0; 2],
            phases,
            mirrored: 0,
        };
        let output = Windows {
            height: c.out_height(),
            width: c.out_width(),
            channels: c.channels_out,
            advance: tile,
            step: 1,
            origin: [0; 2],
            phases: 1,
            mirrored: 0,
        };
        // The first output that reaches back to input 0 or 1 through the last tap of its phase.
        let last = F::TAPS as isize - 1;
        let back = padding.map(|p| if step == 1 { p - last } else { -1 });
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
                adjoint: false,
                step,
                phases,
                side_by_side: if turned { 1 } else { phases },
            },
        }
    }

    /// Floats of the transformed filters.
    pub(super) fn filters_len<F: Family>(&self) -> usize {
        self.filters.panels() * self.filters.panel::<F>()
    }

    /// Transforms all filters.
    pub(super) fn transform_filters<F: Family>(&self, form: Form, weights: &[f32], to: &mut [f32]) {
        let slabs = self.filters.slabs().count();
        let to = Output::new(to);
        parallel::for_each(self.filters.panels() * slabs, |task| {
            let vectors = self.filters.slabs().nth(task % slabs).expect("a slab of the panel");
            let to = to.offset(task * self.filters.slab::<F>());
            let (width, group) = (task / slabs / self.filters.groups(), task / slabs % self.filters.groups());
            self.transform_slab::<F>(form, weights, Slab { width, group, vectors }, false, None, to);
        });
    }

    fn transform_slab<F: Family>(
        &self,
        form: Form,
        weights: &[f32],
        slab: Slab,
        asked: bool,
        next: Option<Slab>,
        to: Output,
    ) {
        let (filters, to, family) = (self.filters, to.pointer(), PhantomData);
        dispatch_as(form, TransformFilters::<F> { filters, weights, slab, asked, next, to, family });
    }

    /// Correlates block by block, each thread its own, with filters that are transformed already.
    ///
    /// A block's tiles stay in the second-level cache while all filters go by.
    fn run_by_tiles<F: Family>(
        &self,
        form: Form,
        pictures: &[f32],
        filters: &[f32],
        epilogue: Epilogue,
        to: &mut [f32],
    ) {
        let all = self.tiling.count();
        let block = even(all, self.block::<F>(), HIGH);
        let panels = self.panels(block);
        let to = Output::new(to);
        parallel::for_each(all.div_ceil(block), |index| {
            let mut tiles = Buffer::new(self.filters.groups() * points::<F>() * panels.stride());
            let mut products = Buffer::new(2 * points::<F>() * product_stride(block));
            let range = index * block..all.min((index + 1) * block);
            self.gather::<F>(form, pictures, range.clone(), 0, panels, Output::new(&mut tiles));
            for columns in self.columns() {
                for (index, vectors) in self.filters.slabs().enumerate() {
                    let slabs = self.slabs::<F>(columns, filters, index);
                    let rows = 0..range.len();
                    multiply::<F>(
                        form,
                        self.filters,
                        columns,
                        panels,
                        rows,
                        block,
                        &tiles,
                        vectors,
                        slabs,
                        &mut products,
                    );
                }
                self.scatter::<F>(form, range.clone(), columns, &products, block, epilogue, to);
            }
        });
    }

    /// Correlates column by column, each thread its own, with tiles that all threads share.
    ///
    /// Where filters are many and tiles few, the tiles stay in the third-level cache, and filters that are not
    /// transformed yet are so where they are used.
    pub(super) fn run_by_filters<F: Family>(
        &self,
        form: Form,
        pictures: &[f32],
        filters: Source,
        epilogue: Epilogue,
        to: &mut [f32],
    ) {
        let all = self.tiling.count();
        let block = even(all, self.shared::<F>(), HIGH);
        let part = if matches!(filters, Source::Plain(_)) { block } else { even(block, MULTIPLIED, HIGH) };
        let panels = self.panels(block);
        if F::OVERLAP {
            clear(to);
        }
        let to = Output::new(to);
        let mut tiles = Buffer::new(self.filters.groups() * points::<F>() * panels.stride());
        let columns: Vec<_> = self.columns().collect();
        for begin in (0..all).step_by(block) {
            let range = begin..all.min(begin + block);
            let target = Output::new(&mut tiles);
            parallel::for_each(range.len().div_ceil(PIECE), |piece| {
                let first = begin + piece * PIECE;
                let part = first..range.end.min(first + PIECE);
                self.gather::<F>(form, pictures, part, first - begin, panels, target);
            });
            let plain = matches!(filters, Source::Plain(_));
            let scratch = if plain { 2 * self.filters.slab::<F>() } else { 0 };
            parallel::for_each(columns.len(), |task| {
                let columns = columns[task];
                let mut scratch = Buffer::new(scratch);
                let mut products = Buffer::new(2 * points::<F>() * product_stride(part));
                for first in (0..range.len()).step_by(part) {
                    let rows = first..range.len().min(first + part);
                    let here = begin + rows.start..begin + rows.end;
                    for (index, vectors) in self.filters.slabs().enumerate() {
                        let slabs = match filters {
                            Source::Transformed(all) => self.slabs::<F>(columns, all, index),
                            Source::Plain(weights) => {
                                self.transform_slabs::<F>(form, weights, columns, index, &mut scratch)
                            }
                        };
                        multiply::<F>(
                            form,
                            self.filters,
                            columns,
                            panels,
                            rows.clone(),
                            part,
                            &tiles,
                            vectors,
                            slabs,
                            &mut products,
                        );
                    }
                    self.scatter::<F>(form, here, columns, &products, part, epilogue, to);
                }
            });
        }
    }

    /// One slab of some panels of filters that are transformed.
    fn slabs<'a, F: Family>(&self, columns: Columns, filters: &'a [f32], index: usize) -> [&'a [f32]; 2] {
        let start = |panel| panel * self.filters.panel::<F>() + index * self.filters.slab::<F>();
        columns.panels(&self.filters).map(|panel| &filters[start(panel)..])
    }

    /// Transforms one slab of some panels.
    fn transform_slabs<'a, F: Family>(
        &self,
        form: Form,
        weights: &[f32],
        columns: Columns,
        index: usize,
        scratch: &'a mut [f32],
    ) -> [&'a [f32]; 2] {
        let Columns { group, width, wide } = columns;
        let size = self.filters.slab::<F>();
        // Panel by panel, then on to the next slab.
        let slab = |step: usize| {
            let vectors = self.filters.slabs().nth(step / wide)?;
            Some(Slab { width: width + step % wide, group, vectors })
        };
        for (panel, to) in (0..wide).zip(scratch.chunks_exact_mut(size)) {
            let step = index * wide + panel;
            let this = slab(step).expect("a slab of the panel");
            self.transform_slab::<F>(form, weights, this, step > 0, slab(step + 1), Output::new(to));
        }
        let (left, right) = scratch.split_at(size);
        [left, right]
    }

    /// Correlates pictures with filters.
    pub(super) fn run<F: Family>(
        &self,
        form: Form,
        pictures: &[f32],
        filters: Source,
        epilogue: Epilogue,
        to: &mut [f32],
    ) {
        if self.filters_len::<F>() > MANY_FILTERS {
            return self.run_by_filters::<F>(form, pictures, filters, epilogue, to);
        }
        match filters {
            Source::Transformed(filters) => self.run_by_tiles::<F>(form, pictures, filters, epilogue, to),
            Source::Plain(weights) => {
                let mut filters = Buffer::new(self.filters_len::<F>());
                self.transform_filters::<F>(form, weights, &mut filters);
                self.run_by_tiles::<F>(form, pictures, &filters, epilogue, to);
            }
        }
    }

    fn panels(&self, tiles: usize) -> Panels {
        Panels::new(HIGH, tiles, self.filters.depth() / LANES)
    }

    /// The columns of all products, two panels of filters at a time.
    fn columns(&self) -> impl Iterator<Item = Columns> + use<> {
        let (groups, widths) = (self.filters.groups(), self.filters.panels() / self.filters.groups());
        (0..widths).step_by(2).flat_map(move |width| {
            (0..groups).map(move |group| Columns { group, width, wide: 2.min(widths - width) })
        })
    }

    /// Tiles of a shared block: about 10 MB, a third of the third-level cache. Reasoned: 64, 142 and 256 tiles did not differ
    /// by more than two rounds of one setting did.
    fn shared<F: Family>(&self) -> usize {
        let tile = self.filters.groups() * points::<F>() * self.filters.depth() * size_of::<f32>();
        ((10 << 20) / tile).clamp(48, 256)
    }

    /// Tiles of a block: 384 KB of the second-level cache (1 MB), beside the filters and products of two panels. 640 KB were 5%
    /// slower with 64 channels and 1 to 5% with 128 (two Zen 5 cores).
    fn block<F: Family>(&self) -> usize {
        let tile = self.filters.groups() * points::<F>() * self.filters.depth() * size_of::<f32>();
        ((384 << 10) / tile).clamp(24, 96)
    }

    fn gather<F: Family>(
        &self,
        form: Form,
        pictures: &[f32],
        tiles: Range<usize>,
        first: usize,
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
                first,
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
        columns: Columns,
        products: &[f32],
        room: usize,
        epilogue: Epilogue,
        to: Output,
    ) {
        for index in 0..columns.wide {
            let width = columns.width + index;
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
                    tiles: tiles.clone(),
                    phase: columns.group,
                    width,
                    products: products[index * points::<F>() * product_stride(room)..].as_ptr(),
                    room,
                    bias,
                    activation: epilogue.activation,
                    pictures: to.pointer(),
                    family: PhantomData,
                },
            );
        }
    }
}

/// Multiplies some tiles of `panels` with one slab of some filters.
fn multiply<F: Family>(
    form: Form,
    shape: Filters,
    columns: Columns,
    panels: Panels,
    rows: Range<usize>,
    room: usize,
    tiles: &[f32],
    vectors: Range<usize>,
    slabs: [&[f32]; 2],
    products: &mut [f32],
) {
    let Columns { group, wide, .. } = columns;
    let (left, right) = products.split_at_mut(points::<F>() * product_stride(room));
    dispatch_as(
        form,
        Multiply {
            points: points::<F>(),
            shape,
            group,
            vectors,
            panels,
            rows,
            room,
            tiles: tiles[group * points::<F>() * panels.stride()..].as_ptr(),
            filters: slabs.map(<[f32]>::as_ptr),
            to: [left.as_mut_ptr(), right.as_mut_ptr()],
            wide,
        },
    );
}

/// Panels of filters that are multiplied together: of one group of phases, one or two times sixteen output channels.
#[derive(Clone, Copy)]
struct Columns {
    group: usize,
    /// The first sixteen output channels.
    width: usize,
    /// How many panels.
    wide: usize,
}

impl Columns {
    /// Which panels. Where there is but one it stands twice.
    fn panels(&self, filters: &Filters) -> [usize; 2] {
        let panel = |width: usize| width * filters.groups() + self.group;
        [panel(self.width), panel(self.width + self.wide - 1)]
    }
}
