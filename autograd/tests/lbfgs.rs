//! L-BFGS against PyTorch's on functions that both sides compute (`tests/reference/lbfgs.py`), to its minima, and where it
//! could stall.

use gobelin_autograd::optimiser::{Lbfgs, LbfgsOptions, LbfgsStep, Progress, StateError};
use gobelin_autograd::{Device, Parameter, Tensor};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    function: String,
    size: usize,
    history: usize,
    start: Vec<f32>,
    values: Vec<Vec<f64>>,
    losses: Vec<f64>,
    evaluations: Vec<usize>,
}

/// Loss and gradient at a place.
type Function = fn(&[f32]) -> (f64, Vec<f64>);

fn quadratic(x: &[f32]) -> (f64, Vec<f64>) {
    let term = |(i, value): (usize, &f32)| {
        let curvature = 1.0 + 99.0 * i as f64 / (x.len() - 1) as f64;
        let away = f64::from(*value) - (i % 3) as f64;
        (0.5 * curvature * away * away, curvature * away)
    };
    let terms: Vec<(f64, f64)> = x.iter().enumerate().map(term).collect();
    (terms.iter().map(|(loss, _)| loss).sum(), terms.into_iter().map(|(_, slope)| slope).collect())
}

fn rosenbrock(x: &[f32]) -> (f64, Vec<f64>) {
    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let (mut loss, mut gradient) = (0.0, vec![0.0; x.len()]);
    for i in 0..x.len() - 1 {
        let (valley, away) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
        loss += 100.0 * valley * valley + away * away;
        gradient[i] -= 400.0 * valley * x[i] + 2.0 * away;
        gradient[i + 1] += 200.0 * valley;
    }
    (loss, gradient)
}

/// Numbers in two parameters that follow `function`.
struct Descent {
    place: Option<Device>,
    parameters: [Parameter; 2],
    lbfgs: Lbfgs,
    function: Function,
    evaluations: usize,
}

impl Descent {
    fn new(function: Function, start: &[f32], options: LbfgsOptions) -> Self {
        Self::at(None, function, start, options)
    }

    /// On the host, or on a device.
    fn at(place: Option<Device>, function: Function, start: &[f32], options: LbfgsOptions) -> Self {
        let (first, second) = start.split_at(1);
        let placed = |tensor: Tensor| place.as_ref().map_or(tensor.clone(), |place| tensor.to_device(place));
        let parameters = [first, second].map(|x| Parameter::new(placed(Tensor::new(&[x.len()], x))));
        let named = ["first", "second"].map(str::to_owned).into_iter().zip(parameters.clone()).collect();
        Self { place, parameters, lbfgs: Lbfgs::new(named, options), function, evaluations: 0 }
    }

    fn values(&self) -> Vec<f32> {
        self.parameters.iter().flat_map(|p| p.value().data().to_vec()).collect()
    }

    fn step(&mut self) -> LbfgsStep {
        let [first, second] = self.parameters.clone();
        let function = self.function;
        let placed =
            |tensor: Tensor| self.place.as_ref().map_or(tensor.clone(), |place| tensor.to_device(place));
        let told = self.lbfgs.step(|| {
            let x: Vec<f32> = [&first, &second].iter().flat_map(|p| p.value().data().to_vec()).collect();
            let (loss, gradient) = function(&x);
            let gradient: Vec<f32> = gradient.into_iter().map(|g| g as f32).collect();
            let (a, b) = gradient.split_at(1);
            let gradients = [a, b].map(|g| placed(Tensor::new(&[g.len()], g))).to_vec();
            (placed(Tensor::scalar(loss as f32)), gradients)
        });
        self.evaluations += told.evaluations;
        told
    }
}

fn function(name: &str) -> Function {
    if name == "quadratic" { quadratic } else { rosenbrock }
}

#[test]
fn steps_are_pytorchs() {
    every_step(None);
}

/// The card's sweeps.
#[test]
fn steps_are_pytorchs_on_a_card() {
    if let Some(card) = gobelin_emulation::asked_for() {
        every_step(Some(&card));
    }
}

fn every_step(place: Option<&Device>) {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/reference/lbfgs.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let options = LbfgsOptions { history: case.history, ..LbfgsOptions::default() };
        let mut descent = Descent::at(place.cloned(), function(&case.function), &case.start, options);
        assert_eq!(case.start.len(), case.size);
        for (step, expected) in case.values.iter().enumerate() {
            let told = descent.step();
            let at = format!("{} of {}, step {}", case.function, case.size, step + 1);
            for (found, expected) in descent.values().iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-3, "{at}: {found}, expected {expected}");
            }
            let error = (f64::from(told.loss) - case.losses[step]).abs();
            assert!(
                error < 1e-4 * case.losses[0],
                "{at}: loss {}, expected {}",
                told.loss,
                case.losses[step]
            );
            assert_eq!(descent.evaluations, case.evaluations[step], "{at}");
            assert_eq!(told.progress, Progress::Wolfe, "{at}");
        }
        // Nothing has come down, and what was saved goes on up there.
        let state = descent.lbfgs.state();
        let vectors = || state.tensors.iter().filter(|(name, _)| name != "loss");
        assert!(vectors().all(|(_, vector)| vector.device() == place));
        let mut resumed = Descent::at(place.cloned(), function(&case.function), &descent.values(), options);
        let mut saved = state.clone();
        saved.tensors.iter_mut().for_each(|(_, vector)| *vector = vector.to_host());
        resumed.lbfgs.load_state(&saved).unwrap();
        assert!(
            resumed
                .lbfgs
                .state()
                .tensors
                .iter()
                .zip(&state.tensors)
                .all(|(a, b)| a.1.device() == b.1.device())
        );
        assert_eq!((resumed.step(), resumed.values()), (descent.step(), descent.values()));
    }
}

#[test]
fn it_ends_in_the_minimum_and_stays_there() {
    for size in [2, 10, 100] {
        let mut descent = Descent::new(rosenbrock, &[-1.2, 1.0].repeat(size / 2), LbfgsOptions::default());
        let mut stalled = 0;
        for _ in 0..600 {
            stalled += usize::from(descent.step().progress == Progress::Stalled);
        }
        let (loss, _) = rosenbrock(&descent.values());
        assert!(loss < 1e-8, "{size}: {loss}");
        println!("{size}: loss {loss:e}, {stalled} steps stalled, {} evaluations", descent.evaluations);
        // What was reached is kept.
        let before = descent.values();
        if descent.step().progress == Progress::Stalled {
            assert_eq!(descent.values(), before);
        }
    }
}

/// A constant a thousand times larger than what varies: the loss falls by less than an f32 resolves long before the minimum.
#[test]
fn rounding_of_the_loss_does_not_stall_it() {
    let function: Function = |x| {
        let (loss, gradient) = rosenbrock(x);
        (loss + 1e4, gradient)
    };
    let mut descent = Descent::new(function, &[-1.2, 1.0, -1.2, 1.0], LbfgsOptions::default());
    for _ in 0..100 {
        descent.step();
    }
    let (loss, _) = rosenbrock(&descent.values());
    assert!(loss < 1e-5, "{loss}, lost in rounding of {}", f32::EPSILON * 1e4);
}

#[test]
fn a_gradient_that_lies_is_told_and_changes_nothing() {
    let function: Function = |x| {
        let (loss, gradient) = rosenbrock(x);
        (loss, gradient.into_iter().map(|g| -g).collect())
    };
    let mut descent = Descent::new(function, &[-1.2, 1.0], LbfgsOptions::default());
    let told = descent.step();
    assert_eq!((told.progress, told.loss, told.length), (Progress::Stalled, told.loss_before, 0.0));
    assert_eq!(descent.values(), [-1.2, 1.0]);
}

/// Past steps that tell of a curvature which is not there: their direction climbs.
#[test]
fn what_is_known_of_the_curvature_is_dropped_where_it_leads_nowhere() {
    let mut descent = Descent::new(rosenbrock, &[-1.2, 1.0, -1.2, 1.0], LbfgsOptions::default());
    for _ in 0..3 {
        descent.step();
    }
    let mut state = descent.lbfgs.state();
    for (_, change) in state.tensors.iter_mut().filter(|(name, _)| name.starts_with("change.")) {
        *change = change.map(|v| -v);
    }
    descent.lbfgs.load_state(&state).unwrap();
    let told = descent.step();
    assert!(told.restarted && told.progress == Progress::Wolfe && told.loss < told.loss_before, "{told:?}");
    assert_eq!(descent.lbfgs.state().tensors.len(), 4);
}

#[test]
fn a_loss_that_is_no_number_shows() {
    let mut descent = Descent::new(|_| (f64::NAN, vec![f64::NAN; 2]), &[1.0, 2.0], LbfgsOptions::default());
    let told = descent.step();
    assert!(told.loss.is_nan() && told.progress == Progress::Stalled && told.evaluations == 1);
}

#[test]
fn a_resumed_run_is_the_same_to_the_bit() {
    let start = [-1.2, 1.0].repeat(3);
    let options = LbfgsOptions { history: 4, ..LbfgsOptions::default() };
    let mut whole = Descent::new(rosenbrock, &start, options);
    let mut parts = Descent::new(rosenbrock, &start, options);
    for step in 0..20 {
        let state = parts.lbfgs.state();
        parts = Descent::new(rosenbrock, &parts.values(), options);
        parts.lbfgs.load_state(&state).unwrap();
        assert_eq!(parts.lbfgs.state().steps, step);
        let (a, b) = (whole.step(), parts.step());
        // The first of all computes the loss at its start, which a resumed one has been told.
        assert_eq!(a, b, "step {step}");
        let bits = |d: &Descent| d.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&whole), bits(&parts), "step {step}");
    }
}

#[test]
fn a_state_that_does_not_fit_is_named_and_changes_nothing() {
    let mut descent = Descent::new(rosenbrock, &[-1.2, 1.0], LbfgsOptions::default());
    for _ in 0..3 {
        descent.step();
    }
    let good = descent.lbfgs.state();
    let names: Vec<&str> = good.tensors.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["loss", "gradient", "step.0", "change.0", "step.1", "change.1", "step.2", "change.2"]);
    let mut other = Descent::new(rosenbrock, &[-1.2, 1.0, 0.0], LbfgsOptions::default());
    let error = other.lbfgs.load_state(&good).unwrap_err();
    let (found, expected) = (vec![2], vec![3]);
    assert_eq!(error, StateError::Shape { name: "gradient".into(), found, expected });
    assert!(other.lbfgs.state().tensors.is_empty() && other.lbfgs.state().steps == 0);
    let mut torn = descent.lbfgs.state();
    torn.tensors.pop();
    let error = descent.lbfgs.load_state(&torn).unwrap_err();
    assert_eq!(error, StateError::Missing { name: "change.2".into(), expected: vec![2] });
}

#[test]
#[should_panic(expected = "lbfgs: the gradient of `x` has shape [3], expected [2]")]
fn a_gradient_of_another_shape_is_named() {
    let x = Parameter::new(Tensor::zeros(&[2]));
    Lbfgs::new(vec![("x".into(), x)], LbfgsOptions::default())
        .step(|| (Tensor::scalar(0.0), vec![Tensor::zeros(&[3])]));
}
