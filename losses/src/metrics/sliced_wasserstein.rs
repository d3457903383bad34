//! The sliced Wasserstein distance between two sets of vectors.

use super::{SETS, Vectors, sort::sort};
use crate::catalogue::{Measured, MetricEntry, OptionKind, OptionSpec, TensorSpec};
use gobelin_kernels::cpu::gemm::{Gemm, gemm};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Directions projected in one matrix product: enough that packing the vectors for it costs little, few enough that the
/// projections of two sets of 32,768 vectors stay under 9 MB.
const DIRECTIONS_AT_ONCE: usize = 32;

/// The mean, over `projections` random directions, of the Wasserstein-1 distance between the two sets projected
/// on the direction (Rabin et al. 2011; the form of Karras et al. 2018, section 5, before its factor 1000).
///
/// In the unit of the values. 0 for the same set in any order; for two samples of one distribution it is not 0
/// but a floor that falls with the number of samples, so report it beside the distance of real to real. The sets
/// need not be of one size. The directions depend on `seed` and the number of dimensions alone, so numbers of one seed compare.
///
/// # Panics
/// If a set is empty, the dimensions differ, or `projections` is 0.
///
/// ```
/// use gobelin_losses::metrics::{Vectors, sliced_wasserstein};
/// let (a, moved) = ([0.0, 0.0, 1.0, 2.0], [3.0, 0.0, 4.0, 2.0]);
/// let distance = sliced_wasserstein(Vectors::new(&a, 2), Vectors::new(&moved, 2), 512, 0);
/// // A shift of 3 is seen under |cos| of a random angle: 3 * 2 / pi.
/// assert!((distance - 1.91).abs() < 0.1);
/// ```
#[track_caller]
pub fn sliced_wasserstein(a: Vectors<'_>, b: Vectors<'_>, projections: usize, seed: u64) -> f64 {
    assert!(projections > 0, "sliced_wasserstein: at least one projection is needed");
    wasserstein_along(a, b, &directions(projections, a.dimensions(), seed))
}

/// The mean Wasserstein-1 distance along given `directions`, rows of the sets' dimensions.
///
/// # Panics
/// If a set is empty, or the dimensions differ.
#[track_caller]
pub fn wasserstein_along(a: Vectors<'_>, b: Vectors<'_>, directions: &[f32]) -> f64 {
    let dimensions = a.dimensions();
    assert_eq!(
        dimensions,
        b.dimensions(),
        "sliced Wasserstein distance between sets of different dimensions"
    );
    assert!(a.count() > 0 && b.count() > 0, "sliced Wasserstein distance of an empty set");
    let mut sum = 0.0;
    for some in directions.chunks(DIRECTIONS_AT_ONCE * dimensions) {
        let (mut a_rows, mut b_rows) = (projections(some, a), projections(some, b));
        let pairs = a_rows.par_chunks_exact_mut(a.count()).zip(b_rows.par_chunks_exact_mut(b.count()));
        let distances: Vec<f64> = pairs
            .map_init(Vec::new, |scratch, (a, b)| {
                sort(a, scratch);
                sort(b, scratch);
                wasserstein_of_sorted(a, b)
            })
            .collect();
        sum += distances.iter().sum::<f64>();
    }
    sum / Vectors::new(directions, dimensions).count() as f64
}

/// One row a direction: each vector's projection on it.
fn projections(directions: &[f32], set: Vectors<'_>) -> Vec<f32> {
    let (rows, columns) = (directions.len() / set.dimensions(), set.count());
    let mut projections = vec![0.0; rows * columns];
    let product = Gemm { transpose_b: true, ..Gemm::new(rows, columns, set.dimensions()) };
    gemm(&product, directions, set.values(), &mut projections);
    projections
}

/// The integral of |difference of the two quantile functions|, for ascending samples.
fn wasserstein_of_sorted(a: &[f32], b: &[f32]) -> f64 {
    let difference = |i: usize, j: usize| (f64::from(a[i]) - f64::from(b[j])).abs();
    if a.len() == b.len() {
        return (0..a.len()).map(|i| difference(i, i)).sum::<f64>() / a.len() as f64;
    }
    // Each sample of a lasts b.len() units of probability and each of b a.len(), out of their product.
    let (mut i, mut j, mut at, mut sum) = (0, 0, 0, 0.0);
    while i < a.len() && j < b.len() {
        let (end_a, end_b) = ((i + 1) * b.len(), (j + 1) * a.len());
        let end = end_a.min(end_b);
        sum += (end - at) as f64 * difference(i, j);
        at = end;
        i += usize::from(end == end_a);
        j += usize::from(end == end_b);
    }
    sum / (a.len() as f64 * b.len() as f64)
}

/// Unit vectors, uniform on the sphere: normalised Gaussians.
fn directions(count: usize, dimensions: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::with_capacity(count * dimensions);
    for _ in 0..count {
        let row: Vec<f64> = (0..dimensions).map(|_| StandardNormal.sample(&mut random)).collect();
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        rows.extend(row.iter().map(|x| (x / norm) as f32));
    }
    rows
}

pub(crate) const PROJECTIONS: OptionSpec = OptionSpec {
    name: "projections",
    kind: OptionKind::Integer { at_least: 1, at_most: 1 << 20 },
    default: "512",
    help: "how many random directions",
};

pub(crate) const SEED: OptionSpec = OptionSpec {
    name: "seed",
    kind: OptionKind::Integer { at_least: 0, at_most: i64::MAX },
    default: "0",
    help: "draws what is random",
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "sliced-wasserstein",
    about: "mean Wasserstein-1 distance of two sets of vectors along directions: those given, or random ones",
    paper: "Rabin et al. 2011",
    tensors: &[SETS[0], SETS[1], TensorSpec::float("directions", "(K, D)").optional()],
    options: &[PROJECTIONS, SEED],
    vgg: false,
    run: |call| {
        let (real, fake) = (call.var("real"), call.var("fake"));
        let (real, fake) = (Vectors::of(&real), Vectors::of(&fake));
        let distance = if let Some(directions) = call.optional_var("directions") {
            wasserstein_along(real, fake, directions.tensor().data())
        } else {
            let (projections, seed) = (call.integer("projections"), call.integer("seed"));
            sliced_wasserstein(real, fake, projections as usize, seed as u64)
        };
        Ok(Measured::one("distance", distance))
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_different_sizes_integrate_their_quantiles() {
        // scipy.stats.wasserstein_distance([0, 1, 3], [5, 6]) = 4.1666...
        let distance = wasserstein_of_sorted(&[0.0, 1.0, 3.0], &[5.0, 6.0]);
        assert!((distance - 25.0 / 6.0).abs() < 1e-12, "{distance}");
        // Every sample twice is the same distribution.
        assert_eq!(wasserstein_of_sorted(&[1.0, 4.0], &[1.0, 1.0, 4.0, 4.0]), 0.0);
    }

    #[test]
    fn order_does_not_matter_and_the_seed_does() {
        let a = [0.5, -1.0, 2.0, 0.25, 3.0, -0.75];
        let b = [3.0, -0.75, 0.5, -1.0, 2.0, 0.25];
        let c = [1.0, 1.0, 0.0, 4.0, -2.0, 0.5];
        let vectors = |values| Vectors::new(values, 2);
        assert_eq!(sliced_wasserstein(vectors(&a), vectors(&b), 64, 1), 0.0);
        let first = sliced_wasserstein(vectors(&a), vectors(&c), 64, 1);
        assert_eq!(first, sliced_wasserstein(vectors(&a), vectors(&c), 64, 1));
        assert_ne!(first, sliced_wasserstein(vectors(&a), vectors(&c), 64, 2));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let a: Vec<f32> = (0..300).map(|i| ((i * 37 % 101) as f32).sin()).collect();
        let b: Vec<f32> = (0..210).map(|i| ((i * 53 % 89) as f32).cos()).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sliced_wasserstein(Vectors::new(&a, 3), Vectors::new(&b, 3), 100, 5)).to_bits()
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn nan_is_not_hidden() {
        let distance = sliced_wasserstein(Vectors::new(&[f32::NAN], 1), Vectors::new(&[1.0], 1), 4, 0);
        assert!(distance.is_nan());
    }
}
