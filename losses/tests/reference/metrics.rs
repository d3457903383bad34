//! Every metric against scikit-image, scikit-learn, scipy, or a plain program (tests/reference/metrics.py).

use crate::files::{Reference, Stored};
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

fn option(case: &Value, name: &str) -> Option<f64> {
    case["options"][name].as_str().map(|text| text.parse().expect("a number"))
}

/// The numbers of one case, by the names of the index.
fn measure(reference: &Reference, case: &Value) -> Vec<(&'static str, Vec<f64>)> {
    let metric = case["metric"].as_str().unwrap();
    let tensor = |name: &str| reference.tensor(metric, case, name);
    let mask = |name: &str| tensor(name).integers.iter().map(|&x| x != 0).collect::<Vec<bool>>();
    let width = |name: &str| *tensor(name).shape.last().unwrap();
    let vectors = |stored: &Stored, run: &mut dyn FnMut(Vectors<'_>) -> f64| {
        run(Vectors::new(&stored.floats, *stored.shape.last().unwrap()))
    };
    let two_sets = |run: &dyn Fn(Vectors<'_>, Vectors<'_>) -> f64| {
        let (real, fake) = (tensor("real"), tensor("fake"));
        vectors(&real, &mut |real| vectors(&fake, &mut |fake| run(real, fake)))
    };
    match metric {
        "psnr" | "ssim" | "ms-ssim" => {
            let ((pred, shape), (target, _)) =
                (channels_last(&tensor("pred")), channels_last(&tensor("target")));
            let (pred, target) = (Pictures::new(&pred, shape), Pictures::new(&target, shape));
            let range = option(case, "data-range").unwrap();
            match metric {
                "psnr" => vec![("psnr", metrics::psnr(pred, target, range))],
                "ssim" => vec![("ssim", metrics::ssim(pred, target, range))],
                _ => vec![("ms-ssim", metrics::ms_ssim(pred, target, range))],
            }
        }
        "iou" | "dice" => {
            let (name, of) = if metric == "iou" {
                ("iou", Overlap::iou as fn(Overlap) -> f64)
            } else {
                ("dice", Overlap::dice as fn(Overlap) -> f64)
            };
            let found = match option(case, "classes") {
                Some(classes) => {
                    let ignore = option(case, "ignore-index").map(|x| x as i64);
                    let (pred, target) = (tensor("pred").integers, tensor("target").integers);
                    let overlaps = metrics::class_overlaps(&pred, &target, classes as usize, ignore);
                    metrics::mean_over_classes(&overlaps, of)
                }
                None => of(metrics::mask_overlap(&mask("pred"), &mask("target"))),
            };
            vec![(name, vec![found])]
        }
        "tolerant-quality" => {
            let tolerance = option(case, "tolerance").unwrap();
            let found = metrics::tolerant_quality(&mask("pred"), &mask("target"), width("pred"), tolerance);
            vec![
                ("completeness", vec![found.completeness]),
                ("correctness", vec![found.correctness]),
                ("quality", vec![found.quality]),
            ]
        }
        "betti" => {
            let numbers = |name: &str| metrics::betti_numbers(&mask(name), width(name));
            let (pred, target) = (numbers("pred"), numbers("target"));
            let errors = pred.errors(target);
            let both = |n: metrics::BettiNumbers| vec![f64::from(n.pieces), f64::from(n.holes)];
            vec![
                ("betti-0-error", vec![f64::from(errors.0)]),
                ("betti-1-error", vec![f64::from(errors.1)]),
                ("pred", both(pred)),
                ("target", both(target)),
            ]
        }
        "rand-v" => {
            let labels = |name: &str| tensor(name).integers.iter().map(|&x| x as u32).collect::<Vec<_>>();
            let found = metrics::rand_v(&labels("pred"), &labels("target"));
            vec![("split", vec![found.split]), ("merge", vec![found.merge]), ("rand-v", vec![found.score])]
        }
        "verification-accuracy" => {
            vec![("folds", metrics::verification_accuracy(&tensor("distances").floats, &mask("same"), 10))]
        }
        "auc" => vec![("auc", vec![metrics::auc(&tensor("distances").floats, &mask("same"))])],
        "val-at-far" => {
            let far = option(case, "far").unwrap();
            vec![("val", vec![metrics::val_at_far(&tensor("distances").floats, &mask("same"), far)])]
        }
        "retrieval" => {
            let (embeddings, labels) = (tensor("embeddings"), tensor("labels").integers);
            let set = Vectors::new(&embeddings.floats, embeddings.shape[1]);
            let found = metrics::retrieval(set, &labels);
            vec![
                ("precision-at-1", vec![found.precision_at_1]),
                ("mean-average-precision", vec![found.mean_average_precision]),
                ("queries", vec![found.queries as f64]),
            ]
        }
        "frechet-distance" => vec![("distance", vec![two_sets(&metrics::frechet_distance)])],
        "kernel-distance" => vec![("distance", vec![two_sets(&metrics::kernel_distance)])],
        "sliced-wasserstein" => {
            let along = tensor("directions").floats;
            vec![("distance", vec![two_sets(&|real, fake| metrics::wasserstein_along(real, fake, &along))])]
        }
        "mean-pairwise-distance" => {
            let real = tensor("real");
            vec![("distance", vec![vectors(&real, &mut |real| metrics::mean_pairwise_distance(real))])]
        }
        other => panic!("the index names a metric that this test does not know: {other}"),
    }
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
