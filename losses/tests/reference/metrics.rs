//! Every metric against scikit-image, scikit-learn, scipy, or a plain program (tests/reference/metrics.py).

use std::collections::BTreeSet;

use crate::files::{Reference, Stored};
use gobelin_losses::catalogue;
use gobelin_losses::metrics::{self, Overlap, Pictures, PyramidWasserstein, Vectors};
use serde_json::Value;

/// The relative difference allowed: inputs are float32, sums are double.
const RELATIVE: f64 = 1e-5;

/// Channels first to channels last.
fn channels_last(stored: &Stored) -> (Vec<f32>, [usize; 4]) {
    let &[n, c, h, w] = stored.shape.as_slice() else { panic!("pictures have four dimensions") };
    let mut values = Vec::with_capacity(stored.floats.len());
    for picture in stored.floats.chunks_exact(c * h * w) {
        for pixel in 0..h * w {
            values.extend((0..c).map(|channel| picture[channel * h * w + pixel]));
        }
    }
    (values, [n, h, w, c])
}

/// The numbers of one case by name, from the catalogue's metric.
fn measure(reference: &Reference, case: &Value) -> Vec<(&'static str, Vec<f64>)> {
    let metric = case["metric"].as_str().unwrap();
    let (tensors, options) = reference.call(metric, case, Into::into);
    catalogue::metric(metric).unwrap().call(&tensors, &options, None).unwrap().values
}

#[test]
fn every_metric_has_a_case() {
    let reference = Reference::open("metrics");
    let named: BTreeSet<&str> = reference.cases.iter().filter_map(|case| case["metric"].as_str()).collect();
    assert_eq!(named, catalogue::METRICS.iter().map(|entry| entry.name).collect());
}

#[test]
fn every_metric_has_the_value_of_its_reference() {
    let reference = Reference::open("metrics");
    let mut wrong = Vec::new();
    let (with_values, without): (Vec<&Value>, _) =
        reference.cases.iter().partition(|case| case["metric"] != "pyramid-wasserstein");
    assert_eq!(without.len(), 3);
    for case in with_values {
        let name = format!("{} {}", case["metric"], case["case"]);
        let found = measure(&reference, case);
        assert_eq!(found.len(), case["values"].as_object().unwrap().len(), "{name}");
        for (key, found) in found {
            let expected = match &case["values"][key] {
                Value::Array(values) => values.iter().map(|v| v.as_f64().unwrap()).collect(),
                value => vec![value.as_f64().unwrap_or_else(|| panic!("{name}: no value {key}"))],
            };
            assert_eq!(found.len(), expected.len(), "{name} {key}");
            let close = |(f, e): (&f64, &f64)| (f - e).abs() <= RELATIVE * e.abs().max(1e-3);
            if !found.iter().zip(&expected).all(close) {
                wrong.push(format!("{name} {key}: {found:?} is not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), reference.cases.len(), wrong.join("\n"));
}

#[test]
fn the_coarsest_level_of_a_pyramid_is_that_of_scipy() {
    let reference = Reference::open("metrics");
    for case in reference.cases.iter().filter(|case| case["metric"] == "pyramid-wasserstein") {
        let tensor = |name: &str| reference.tensor("pyramid-wasserstein", case, name);
        let ((real, shape), (fake, _)) = (channels_last(&tensor("real")), channels_last(&tensor("fake")));
        // Every patch of the coarsest level is the same, so one is as good as many.
        let options = PyramidWasserstein { patches: 1, projections: 50, smallest_side: 7, seed: 9 };
        let found =
            metrics::pyramid_wasserstein(Pictures::new(&real, shape), Pictures::new(&fake, shape), options);
        let (real, fake) = (tensor("coarsest-real"), tensor("coarsest-fake"));
        let set = |stored: &Stored| stored.shape[1];
        let (a, b) = (Vectors::new(&real.floats, set(&real)), Vectors::new(&fake.floats, set(&fake)));
        let expected = 1e3 * metrics::sliced_wasserstein(a, b, 50, 9);
        let coarsest = *found.last().unwrap();
        assert!(
            (coarsest - expected).abs() < 1e-5 * expected,
            "{}: {coarsest} is not {expected}",
            case["case"]
        );
    }
}

#[test]
fn the_reference_covers_every_metric_more_than_once() {
    let reference = Reference::open("metrics");
    let count = |name: &str| reference.cases.iter().filter(|case| case["metric"] == name).count();
    for name in ["psnr", "ssim", "ms-ssim", "iou", "dice", "tolerant-quality", "betti", "rand-v", "auc"] {
        assert!(count(name) >= 2, "{name}");
    }
}

#[test]
fn nan_is_never_hidden() {
    let (nan, one) = ([f32::NAN, 0.5, 0.2, 0.1], [0.3, 0.5, 0.2, 0.1]);
    let (bad, good) = (Pictures::new(&nan, [1, 2, 2, 1]), Pictures::new(&one, [1, 2, 2, 1]));
    assert!(metrics::psnr(bad, good, 1.0)[0].is_nan());
    assert!(metrics::ssim(bad, good, 1.0)[0].is_nan());
    assert!(metrics::ms_ssim(good, bad, 1.0)[0].is_nan());
    let same = [true, false, true, false];
    assert!(metrics::auc(&nan, &same).is_nan());
    assert!(metrics::val_at_far(&nan, &same, 0.1).is_nan());
    assert!(metrics::verification_accuracy(&nan, &same, 2)[0].is_nan());
    let (bad, good) = (Vectors::new(&nan, 1), Vectors::new(&one, 1));
    assert!(metrics::frechet_distance(bad, good).is_nan());
    assert!(metrics::kernel_distance(bad, good).is_nan());
    assert!(metrics::retrieval(bad, &[0, 0, 1, 1]).mean_average_precision.is_nan());
}

#[test]
fn nothing_to_judge_has_a_defined_answer() {
    let found = metrics::retrieval(Vectors::new(&[1.0, 2.0, 3.0], 1), &[0, 1, 2]);
    assert_eq!((found.queries, found.precision_at_1, found.mean_average_precision), (0, 0.0, 0.0));
    assert_eq!(metrics::auc(&[1.0, 2.0], &[true, true]), 0.5);
    assert_eq!(metrics::val_at_far(&[1.0, 2.0], &[true, true], 1e-3), 1.0);
    assert_eq!(metrics::val_at_far(&[1.0, 2.0], &[false, false], 1e-3), 0.0);
    assert_eq!(metrics::rand_v(&[1, 2], &[0, 0]).score, 1.0);
    assert_eq!(
        metrics::mean_over_classes(&metrics::class_overlaps(&[0], &[9], 3, Some(9)), Overlap::iou),
        1.0
    );
    let flat = [0.25; 9];
    let flat = Pictures::new(&flat, [1, 3, 3, 1]);
    assert_eq!(metrics::psnr(flat, flat, 1.0)[0], f64::INFINITY);
    assert_eq!(metrics::ssim(flat, flat, 1.0)[0], 1.0);
}
