//! Running a net on a picture that is too large for it: tile by tile, to the same result as in one piece.
//!
//! A layer that looks no further than a few pixels gives the same on a tile as on the picture, if the tile is read with as
//! many pixels more on each side, whose results are thrown away. So super-resolution, whose norms take the statistics of
//! training, goes through in one pass. An instance norm looks at the whole map: tiles with statistics of their own would
//! show as seams. Its mean and variance are therefore taken over all tiles first, norm by norm, and only then used;
//! what lies before a norm is computed again for each, since keeping it would take the memory that tiles are to save.

use std::cell::{Cell, RefCell};

use gobelin_autograd::{Tensor, Var, ops};

use crate::module::{Module, Sequential};
use crate::pass::Pass;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first row.
    pub top: usize,
    /// Its first column.
    pub left: usize,
    /// Its rows.
    pub height: usize,
    /// Its columns.
    pub width: usize,
}

/// A picture that is read in parts.
pub struct Source<'a> {
    /// Rows and columns.
    pub size: [usize; 2],
    /// The pixels of a window, `(1, height, width, C)`.
    pub read: &'a dyn Fn(Window) -> Tensor,
}

/// A net that can be run in tiles.
pub trait Tiled: Module {
    /// Rows and columns of pictures are multiples of this.
    fn multiple(&self) -> usize;

    /// How many pixels a pixel becomes on a side.
    fn factor(&self) -> usize;

    /// The least rows and columns of a picture.
    fn smallest_side(&self) -> usize;

    /// Bytes of what is kept of each pixel of the picture while its tiles are made.
    fn kept_bytes(&self) -> usize;

    /// Runs on tiles of `side` pixels of a picture, and gives each part of the result, `(1, height, width, 3)`, with its
    /// place.
    ///
    /// # Panics
    /// If the sides of the picture or of the tiles are no multiples of [`Tiled::multiple`], or too short.
    fn run_in_tiles(
        &self,
        pass: &Pass,
        picture: &Source<'_>,
        side: usize,
        give: &mut dyn FnMut(Window, &Tensor),
    );
}

impl Window {
    /// The windows of `side` pixels that cover a picture, row by row; the last of a row or column may be smaller.
    fn cover([height, width]: [usize; 2], side: usize) -> impl Iterator<Item = Self> {
        (0..height).step_by(side).flat_map(move |top| {
            (0..width).step_by(side).map(move |left| Self {
                top,
                left,
                height: side.min(height - top),
                width: side.min(width - left),
            })
        })
    }

    /// This many pixels more on each side, as far as there are any.
    fn grown(self, pixels: usize, [height, width]: [usize; 2]) -> Self {
        let (top, left) = (self.top.saturating_sub(pixels), self.left.saturating_sub(pixels));
        let bottom = (self.top + self.height + pixels).min(height);
        let right = (self.left + self.width + pixels).min(width);
        Self { top, left, height: bottom - top, width: right - left }
    }

    /// Where it lies on a map with `up` pixels for every `down`.
    fn scaled(self, up: usize, down: usize) -> Self {
        let [top, left, height, width] =
            [self.top, self.left, self.height, self.width].map(|length| length * up / down);
        Self { top, left, height, width }
    }

    /// Writes its pixels `(1, height, width, C)` to their place in a map.
    pub fn paste(self, part: &Tensor, map: &mut Tensor) {
        let (stride, channels) = (map.shape()[2], map.shape()[3]);
        let map = map.data_mut();
        for (row, line) in part.data().chunks_exact(self.width * channels).enumerate() {
            let start = ((self.top + row) * stride + self.left) * channels;
            map[start..start + line.len()].copy_from_slice(line);
        }
    }

    /// The part of the map of `outer` that shows this window.
    fn cut(self, outer: Self, map: &Var) -> Var {
        let (top, left) = (self.top - outer.top, self.left - outer.left);
        let sides = ops::Sides {
            top,
            left,
            bottom: outer.height - top - self.height,
            right: outer.width - left - self.width,
        };
        ops::crop(map, sides)
    }
}

impl Source<'_> {
    /// Cuts windows out of a map `(1, H, W, C)`.
    pub fn of_map(map: &Tensor) -> impl Fn(Window) -> Tensor + '_ {
        let all = Window { top: 0, left: 0, height: map.shape()[1], width: map.shape()[2] };
        move |window| window.cut(all, &map.clone().into()).into_tensor()
    }
}

/// A net, or a part of one, whose pixels depend on near ones only.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// How far, in pixels that it reads.
    pub reach: usize,
    /// It makes so many pixels ...
    pub up: usize,
    /// ... of every so many that it reads, and may only be given whole multiples of them.
    pub down: usize,
}

impl Local {
    /// Runs on every tile of `side` pixels, a multiple of `down`, and gives each part of the result with its place.
    pub fn for_each(
        &self,
        run: &dyn Fn(&Var) -> Var,
        picture: &Source<'_>,
        side: usize,
        mut give: impl FnMut(Window, &Tensor),
    ) {
        // Tiles must begin where a convolution with a stride has a pixel.
        let reach = self.reach.next_multiple_of(self.down);
        for tile in Window::cover(picture.size, side) {
            let read = tile.grown(reach, picture.size);
            let made = run(&(picture.read)(read).into());
            let place = tile.scaled(self.up, self.down);
            give(place, place.cut(read.scaled(self.up, self.down), &made).tensor());
        }
    }
}

/// Modules one after the other that look no further than a few pixels, but for instance norms among them.
pub(crate) struct Part<'a> {
    pub sequence: &'a Sequential,
    /// The modules' numbers.
    pub modules: std::ops::Range<usize>,
    /// The norms' numbers, and what lies before each.
    pub norms: &'a [(usize, Local)],
    /// All of it.
    pub whole: Local,
}

impl Part<'_> {
    /// Runs on every tile, as if it were the whole picture.
    pub fn for_each(
        &self,
        pass: &Pass,
        picture: &Source<'_>,
        side: usize,
        give: impl FnMut(Window, &Tensor),
    ) {
        let moments = Moments::default();
        let until = |module: usize, x: &Var| {
            moments.next.set(0);
            self.sequence.run(self.modules.start..module, &pass.with_moments(&moments), x)
        };
        for (norm, before) in self.norms {
            let mut sums = Sums::default();
            before.for_each(&|x| until(*norm, x), picture, side, |_, map| sums.add(map));
            moments.known.borrow_mut().push(sums.moments());
        }
        self.whole.for_each(&|x| until(self.modules.end, x), picture, side, give);
    }
}

/// Mean and variance of each channel of whole maps, for the norms of a part of a net in their order.
#[derive(Default)]
pub(crate) struct Moments {
    known: RefCell<Vec<[Tensor; 2]>>,
    next: Cell<usize>,
}

impl Moments {
    /// `(x - mean) / sqrt(variance + epsilon) * scale + shift` with the next norm's moments.
    pub fn normalise(&self, x: &Var, epsilon: f32, scale: Option<&Var>, shift: Option<&Var>) -> Var {
        let norm = self.next.replace(self.next.get() + 1);
        let [mean, variance] = &self.known.borrow()[norm];
        let reciprocal: Var = variance.map(|v| 1.0 / (v + epsilon).sqrt()).into();
        let factor = scale.map_or(reciprocal.clone(), |scale| ops::mul(&reciprocal, scale));
        let offset = ops::neg(&ops::mul(&mean.clone().into(), &factor));
        let offset = shift.map_or(offset.clone(), |shift| ops::add(&offset, shift));
        ops::add(&ops::mul(x, &factor), &offset)
    }
}

/// Each tile's pixels, means and variances.
#[derive(Default)]
struct Sums {
    tiles: Vec<(f64, Tensor, Tensor)>,
}

impl Sums {
    fn add(&mut self, map: &Tensor) {
        let pixels = (map.shape()[1] * map.shape()[2]) as f64;
        let of_tile = ops::normalise(&map.clone().into(), ops::Over::Picture, 0.0, None, None, None);
        self.tiles.push((pixels, of_tile.mean, of_tile.variance));
    }

    /// Mean and variance over all tiles: the variance within them and that of their means.
    fn moments(&self) -> [Tensor; 2] {
        let channels = self.tiles[0].1.len();
        let all: f64 = self.tiles.iter().map(|(pixels, ..)| pixels).sum();
        let weighted = |value: &dyn Fn(&Tensor, &Tensor) -> f64| {
            self.tiles.iter().map(|(pixels, mean, variance)| pixels * value(mean, variance)).sum::<f64>()
                / all
        };
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for channel in 0..channels {
            let at = |tensor: &Tensor| f64::from(tensor.data()[channel]);
            let mean = weighted(&|mean, _| at(mean));
            means.push(mean as f32);
            variances.push(weighted(&|of_tile, variance| at(variance) + (at(of_tile) - mean).powi(2)) as f32);
        }
        [means, variances].map(|values| Tensor::new(&[channels], values))
    }
}
