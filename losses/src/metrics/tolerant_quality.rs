//! Completeness, correctness and quality of thin structures, with a tolerance in pixels.

use crate::catalogue::{Domain, Measured, MetricEntry, OptionKind, OptionSpec, TensorSpec};

/// How well a delineation matches the truth (Wiedemann et al. 1998, "Empirical evaluation of automatically extracted road axes").
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TolerantQuality {
    /// The share of true pixels with a predicted one in reach: recall. 1 where there are no true pixels.
    pub completeness: f64,
    /// The share of predicted pixels with a true one in reach: precision. 1 where there are no predicted pixels.
    pub correctness: f64,
    /// Matched predicted pixels over all predicted and all unmatched true ones. 1 where both masks are empty.
    pub quality: f64,
}

/// Matches the pixels of two masks of (H, W), row after row: a pixel is matched where the other mask has one at
/// most `tolerance` pixels away, centre to centre (the papers on roads and membranes take 2).
///
/// Meant for lines one pixel wide; of wide bands, it says how far the edges are from each other.
///
/// # Panics
/// If the masks are not of `width` times a whole number of rows, or differ in size.
///
/// ```
/// use gobelin_losses::metrics::tolerant_quality;
/// let (above, below) = ([true, true, false, false, false, false], [false, false, false, false, true, true]);
/// assert_eq!(tolerant_quality(&above, &below, 2, 2.0).quality, 1.0);
/// assert_eq!(tolerant_quality(&above, &below, 2, 1.0).quality, 0.0);
/// ```
#[track_caller]
pub fn tolerant_quality(pred: &[bool], target: &[bool], width: usize, tolerance: f64) -> TolerantQuality {
    assert_eq!(pred.len(), target.len(), "tolerant_quality: masks of different sizes");
    assert!(
        width > 0 && pred.len().is_multiple_of(width),
        "tolerant_quality: masks are no whole rows of {width}"
    );
    let reach = offsets(tolerance);
    let (hits, predicted) = matched(pred, target, width, &reach);
    let (found, actual) = matched(target, pred, width, &reach);
    let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
    TolerantQuality {
        completeness: share(found, actual),
        correctness: share(hits, predicted),
        quality: share(hits, predicted + (actual - found)),
    }
}

/// The steps to all pixels at most `tolerance` away, the nearest first, so that most searches end early.
fn offsets(tolerance: f64) -> Vec<(isize, isize)> {
    let reach = tolerance as isize;
    let square = |&(y, x): &(isize, isize)| y * y + x * x;
    let all = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (y, x)));
    let mut near: Vec<_> = all.filter(|step| square(step) as f64 <= tolerance * tolerance).collect();
    near.sort_by_key(square);
    near
}

/// How many pixels of `mask` have one of `other` in reach, and how many there are.
fn matched(mask: &[bool], other: &[bool], width: usize, reach: &[(isize, isize)]) -> (usize, usize) {
    let height = mask.len() / width;
    let is_set = |y: Option<usize>, x: Option<usize>| match (y, x) {
        (Some(y), Some(x)) => y < height && x < width && other[y * width + x],
        _ => false,
    };
    let in_reach = |at: usize| {
        let (y, x) = (at / width, at % width);
        reach.iter().any(|&(down, right)| is_set(y.checked_add_signed(down), x.checked_add_signed(right)))
    };
    let set = || (0..mask.len()).filter(|&at| mask[at]);
    (set().filter(|&at| in_reach(at)).count(), set().count())
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "tolerant-quality",
    about: "completeness, correctness and quality of lines within a tolerance in pixels; value is the quality",
    paper: "Wiedemann et al. 1998",
    tensors: &[TensorSpec::integer("pred", "(H, W)"), TensorSpec::integer("target", "(H, W)")],
    options: &[OptionSpec {
        name: "tolerance",
        kind: OptionKind::Number(Domain::NonNegative),
        default: "2",
        help: "how far apart matched pixels may be, in pixels",
    }],
    vgg: false,
    run: |call| {
        let (pred, target, width) = (call.set("pred")?, call.set("target")?, call.shape("pred")[1]);
        let found = tolerant_quality(&pred, &target, width, f64::from(call.number("tolerance")));
        Ok(Measured {
            value: found.quality,
            values: vec![
                ("completeness", vec![found.completeness]),
                ("correctness", vec![found.correctness]),
                ("quality", vec![found.quality]),
            ],
        })
    },
};
