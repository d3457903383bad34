//! Resampling of channels-last pictures: nearest-neighbour by whole factors, and any linear map of rows and columns.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Values a task handles.
const CHUNK: usize = 16 * 1024;

/// How each entry of one axis is made of a few entries of another: the rows of a sparse matrix. Resizing and padding of
/// pictures are such maps of the rows and of the columns, and their adjoints are the transposed ones.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisMap {
    sources: usize,
    /// For each entry, the end of its terms.
    ends: Vec<usize>,
    /// Source and weight.
    terms: Vec<(usize, f32)>,
}

impl AxisMap {
    /// A map from an axis of length `sources`; `entries` lists the sources of each entry with their weights.
    ///
    /// # Panics
    /// If a source does not exist.
    pub fn new(sources: usize, entries: impl IntoIterator<Item = Vec<(usize, f32)>>) -> Self {
        let (mut ends, mut terms) = (Vec::new(), Vec::new());
        for entry in entries {
            terms.extend(entry);
            ends.push(terms.len());
        }
        let inside = terms.iter().all(|&(source, _)| source < sources);
        assert!(inside, "axis map: a source beyond {sources}");
        Self { sources, ends, terms }
    }

    /// Linear interpolation to another length, pixels being areas: entry `i` is taken at `(i + 1/2) * from / to - 1/2`, held at
    /// the ends (PyTorch's `align_corners=False` without antialiasing).
    ///
    /// # Panics
    /// If `from` is 0.
    pub fn linear(from: usize, to: usize) -> Self {
        assert!(from > 0, "axis map: nothing to interpolate");
        let scale = from as f32 / to as f32;
        let entry = |i: usize| {
            let at = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
            let first = (at as usize).min(from - 1);
            let share = at - first as f32;
            if share == 0.0 || first + 1 == from {
                vec![(first, 1.0)]
            } else {
                vec![(first, 1.0 - share), (first + 1, share)]
            }
        };
        Self::new(from, (0..to).map(entry))
    }

    /// Cubic interpolation to another length (Keys 1981, a = -1/2), pixels being areas: entry `i` is taken around
    /// `(i + 1/2) * from / to - 1/2`. Where the axis shrinks, the kernel is widened as much, so that nothing aliases; at the
    /// ends, what lies outside has no weight (Pillow's, and PyTorch's with antialiasing).
    ///
    /// # Panics
    /// If `from` is 0.
    pub fn cubic(from: usize, to: usize) -> Self {
        assert!(from > 0, "axis map: nothing to interpolate");
        let scale = from as f64 / to as f64;
        let widened = scale.max(1.0);
        let entry = |i: usize| {
            let centre = (i as f64 + 0.5) * scale;
            let first = (centre - 2.0 * widened + 0.5).max(0.0) as usize;
            let end = ((centre + 2.0 * widened + 0.5) as usize).min(from);
            let weights: Vec<f64> =
                (first..end).map(|source| keys((source as f64 + 0.5 - centre) / widened)).collect();
            let sum: f64 = weights.iter().sum();
            (first..end).zip(weights).map(|(source, weight)| (source, (weight / sum) as f32)).collect()
        };
        Self::new(from, (0..to).map(entry))
    }

    /// `before` and `after` entries more, mirrored at the first and the last one, which are not repeated.
    ///
    /// # Panics
    /// If the padding is not shorter than the axis.
    pub fn reflection(length: usize, before: usize, after: usize) -> Self {
        assert!(before.max(after) < length, "axis map: {before} and {after} reflected entries of {length}");
        let source = |i: usize| {
            let at = before.abs_diff(i);
            if at < length { at } else { 2 * (length - 1) - at }
        };
        Self::new(length, (0..before + length + after).map(|i| vec![(source(i), 1.0)]))
    }

    /// The adjoint.
    pub fn transposed(&self) -> Self {
        let mut entries = vec![Vec::new(); self.sources];
        for i in 0..self.len() {
            for &(source, weight) in self.entry(i) {
                entries[source].push((i, weight));
            }
        }
        Self::new(self.len(), entries)
    }

    /// The length of the axis it makes.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether that is 0.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The length of the axis it reads.
    pub fn sources(&self) -> usize {
        self.sources
    }

    pub(crate) fn entry(&self, i: usize) -> &[(usize, f32)] {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.terms[start..self.ends[i]]
    }
}

/// Keys' cubic kernel with a = -1/2, which is 0 beyond 2.
fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// Makes one row of the output: rows are mixed first, over whole lines, then columns.
struct MapRow<'a> {
    /// The picture the row is of.
    x: &'a [f32],
    row_terms: &'a [(usize, f32)],
    columns: &'a AxisMap,
    channels: usize,
    /// A row of the input.
    line: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for MapRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, row_terms, columns, channels, line, out } = self;
        let length = line.len();
        let source = |row: usize| &x[row * length..][..length];
        let line = match *row_terms {
            [(row, 1.0)] => source(row),
            [(first, a), (second, b)] => {
                for ((out, x), y) in line.iter_mut().zip(source(first)).zip(source(second)) {
                    *out = a * x + b * y;
                }
                line
            }
            _ => {
                line.fill(0.0);
                for &(row, weight) in row_terms {
                    for (out, x) in line.iter_mut().zip(source(row)) {
                        *out += weight * x;
                    }
                }
                line
            }
        };
        for (i, out) in out.chunks_exact_mut(channels).enumerate() {
            let pixel = |column: usize| &line[column * channels..][..channels];
            match *columns.entry(i) {
                [(column, weight)] => {
                    for (out, x) in out.iter_mut().zip(pixel(column)) {
                        *out = weight * x;
                    }
                }
                [(first, a), (second, b)] => {
                    for ((out, x), y) in out.iter_mut().zip(pixel(first)).zip(pixel(second)) {
                        *out = a * x + b * y;
                    }
                }
                ref terms => {
                    out.fill(0.0);
                    for &(column, weight) in terms {
                        for (out, x) in out.iter_mut().zip(pixel(column)) {
                            *out += weight * x;
                        }
                    }
                }
            }
        }
    }
}

/// Maps the rows and the columns of `batch` pictures of `channels` values a pixel: from
/// `(batch, rows.sources(), columns.sources(), channels)` to `(batch, rows.len(), columns.len(), channels)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn map_axes(
    x: &[f32],
    [batch, channels]: [usize; 2],
    rows: &AxisMap,
    columns: &AxisMap,
    out: &mut [f32],
) {
    let (length, out_length) = (columns.sources() * channels, columns.len() * channels);
    let picture = rows.sources() * length;
    let fits = x.len() == batch * picture && out.len() == batch * rows.len() * out_length;
    assert!(fits, "map_axes: lengths");
    if out.is_empty() {
        return;
    }
    let count = CHUNK.div_ceil(out_length);
    out.par_chunks_mut(count * out_length).enumerate().for_each(|(chunk, out)| {
        let mut line = vec![0.0; length];
        for (i, out) in out.chunks_exact_mut(out_length).enumerate() {
            let (entry, row) = ((chunk * count + i) / rows.len(), (chunk * count + i) % rows.len());
            let x = &x[entry * picture..][..picture];
            dispatch(MapRow { x, row_terms: rows.entry(row), columns, channels, line: &mut line, out });
        }
    });
}

/// Repeats each pixel of `x`, of `rows` by `columns` pixels of `channels` values, `factor` times down and across.
///
/// # Panics
/// If the lengths do not fit.
pub fn repeat(x: &[f32], [rows, columns, channels]: [usize; 3], factor: usize, out: &mut [f32]) {
    let row = columns * channels;
    assert!(x.len() == rows * row && out.len() == x.len() * factor * factor, "repeat: lengths");
    if out.is_empty() {
        return;
    }
    out.par_chunks_mut(row * factor * factor).zip(x.par_chunks(row)).for_each(|(out, x)| {
        let (first, others) = out.split_at_mut(row * factor);
        for (copies, pixel) in first.chunks_exact_mut(channels * factor).zip(x.chunks_exact(channels)) {
            for copy in copies.chunks_exact_mut(channels) {
                copy.copy_from_slice(pixel);
            }
        }
        for other in others.chunks_exact_mut(row * factor) {
            other.copy_from_slice(first);
        }
    });
}

/// Sums the `factor` by `factor` blocks of `x` into `out`, of `rows` by `columns` pixels of `channels` values: the
/// adjoint of [`repeat`].
///
/// # Panics
/// If the lengths do not fit.
pub fn sum_blocks(x: &[f32], [rows, columns, channels]: [usize; 3], factor: usize, out: &mut [f32]) {
    let row = columns * channels;
    assert!(out.len() == rows * row && x.len() == out.len() * factor * factor, "sum_blocks: lengths");
    if out.is_empty() {
        return;
    }
    out.par_chunks_mut(row).zip(x.par_chunks(row * factor * factor)).for_each(|(out, x)| {
        out.fill(0.0);
        for line in x.chunks_exact(row * factor) {
            for (sum, block) in out.chunks_exact_mut(channels).zip(line.chunks_exact(channels * factor)) {
                for pixel in block.chunks_exact(channels) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += value;
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_what_they_say() {
        let pairs = |map: &AxisMap| -> Vec<Vec<(usize, f32)>> {
            (0..map.len()).map(|i| map.entry(i).to_vec()).collect()
        };
        let up = AxisMap::linear(2, 4);
        let inner = [vec![(0, 0.75), (1, 0.25)], vec![(0, 0.25), (1, 0.75)]];
        assert_eq!(pairs(&up), [vec![(0, 1.0)], inner[0].clone(), inner[1].clone(), vec![(1, 1.0)]]);
        let back = [vec![(0, 1.0), (1, 0.75), (2, 0.25)], vec![(1, 0.25), (2, 0.75), (3, 1.0)]];
        assert_eq!(pairs(&up.transposed()), back);
        let mirrored: Vec<usize> = AxisMap::reflection(3, 2, 1).terms.iter().map(|term| term.0).collect();
        assert_eq!(mirrored, [2, 1, 0, 1, 2, 1]);
        assert_eq!(AxisMap::linear(5, 5), AxisMap::reflection(5, 0, 0));
    }

    #[test]
    fn rows_and_columns_are_mapped_apart() {
        let (rows, columns) = (AxisMap::linear(5, 3), AxisMap::reflection(4, 3, 2));
        let cubic = (AxisMap::cubic(7, 3), AxisMap::cubic(2, 5));
        let maps = [(rows.transposed(), columns.transposed()), (rows, columns), cubic];
        for ((rows, columns), channels) in maps.iter().flat_map(|maps| [1, 3, 8].map(|c| (maps, c))) {
            let (height, width) = (rows.sources(), columns.sources());
            let x: Vec<f32> = (0..2 * height * width * channels).map(|i| (i * 7919 % 31) as f32).collect();
            let mut out = vec![9.0; 2 * rows.len() * columns.len() * channels];
            map_axes(&x, [2, channels], rows, columns, &mut out);
            for (at, found) in out.iter().enumerate() {
                let (c, column) = (at % channels, at / channels % columns.len());
                let (row, n) =
                    (at / channels / columns.len() % rows.len(), at / channels / columns.len() / rows.len());
                let mut expected = 0.0;
                for &(i, a) in rows.entry(row) {
                    for &(j, b) in columns.entry(column) {
                        expected += a * b * x[((n * height + i) * width + j) * channels + c];
                    }
                }
                assert!((found - expected).abs() < 1e-4);
            }
        }
    }
}
