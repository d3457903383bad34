//! Optimisers, clipping, averages and schedules against PyTorch's, over a gradient rule that both sides compute:
//! `tests/reference/optimisers.py` says which, and wrote the expected values.

use gobelin_autograd::optimiser::{
    AdaGrad, AdaGradOptions, Adam, AdamOptions, Average, Optimiser, RmsProp, RmsPropOptions, Schedule, Sgd,
    SgdOptions, State, StateError, clip_norm, clip_values,
};
use gobelin_autograd::{Device, Parameter, Tensor};
use serde::Deserialize;
use serde_json::Value;

const STEPS: u32 = 100;

/// What the script wrote.
#[derive(Deserialize)]
struct Reference {
    sizes: Vec<usize>,
    cases: Vec<Case>,
    schedules: Vec<ScheduleCase>,
}

#[derive(Deserialize)]
struct Case {
    optimiser: String,
    options: Value,
    clip_norm: Option<f64>,
    clip_value: Option<f32>,
    average: Option<f64>,
    /// By step; then by parameter.
    values: std::collections::BTreeMap<u32, Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
struct ScheduleCase {
    schedule: Schedule,
    factors: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/reference/optimisers.json")).unwrap()
}

/// A number in [-1, 1) with 24 bits.
fn hashed(parameter: usize, element: usize, step: u32) -> f32 {
    let mut h = (parameter as u32)
        .wrapping_mul(0x9E37_79B1)
        .wrapping_add((element as u32).wrapping_mul(0x85EB_CA77))
        .wrapping_add(step.wrapping_mul(0xC2B2_AE3D))
        .wrapping_add(1);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    ((h ^ (h >> 15)) >> 8) as f32 / 8_388_608.0 - 1.0
}

fn row(parameter: usize, size: usize, step: u32) -> Tensor {
    Tensor::build(&[size], |data| {
        for (i, value) in data.iter_mut().enumerate() {
            *value = hashed(parameter, i, step);
        }
    })
}

fn initial(sizes: &[usize]) -> Vec<(String, Parameter)> {
    let of = |(p, &size): (usize, &usize)| {
        (format!("layer.{p}"), Parameter::new(row(p, size, 0).map(|value| 2.0 * value)))
    };
    sizes.iter().enumerate().map(of).collect()
}

/// The gradients of a step, counted from 1.
fn gradients(parameters: &[(String, Parameter)], step: u32) -> Vec<Tensor> {
    let of = |(p, (_, parameter)): (usize, &(String, Parameter))| {
        let value = parameter.value();
        let slope = row(p, value.len(), 1000).map(f32::abs);
        slope.zip(&value, |a, p| a * p).zip(&row(p, value.len(), step), |ap, b| ap + b)
    };
    parameters.iter().enumerate().map(of).collect()
}

fn make(kind: &str, options: &Value, parameters: Vec<(String, Parameter)>) -> Box<dyn Optimiser> {
    fn read<T: serde::de::DeserializeOwned>(options: &Value) -> T {
        serde_json::from_value(options.clone()).unwrap()
    }
    match kind {
        "sgd" => Box::new(Sgd::new(parameters, read::<SgdOptions>(options))),
        "adam" => Box::new(Adam::new(parameters, read::<AdamOptions>(options))),
        "rmsprop" => Box::new(RmsProp::new(parameters, read::<RmsPropOptions>(options))),
        "adagrad" => Box::new(AdaGrad::new(parameters, read::<AdaGradOptions>(options))),
        _ => panic!("no optimiser is called {kind}"),
    }
}

/// To 1e-6 of each value, or of 0.1 for values that have passed near zero: rounding is of the size they had before.
fn assert_close(case: &Case, step: u32, parameter: usize, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = f64::from((found - expected).abs()) / f64::from(expected.abs().max(0.1));
        assert!(
            error <= 1e-6,
            "{} {}: step {step}, parameter {parameter}, element {i}: {found}, expected {expected} ({error:e})",
            case.optimiser,
            case.options
        );
    }
}

#[test]
fn every_case_is_pytorchs() {
    every_case(None);
}

/// The card's single kernel for all parameters, its clipping and its averages.
#[test]
fn every_case_is_pytorchs_on_a_card() {
    if let Some(card) = gobelin_emulation::asked_for() {
        every_case(Some(&card));
    }
}

fn every_case(place: Option<&Device>) {
    let reference = reference();
    for case in &reference.cases {
        let parameters = initial(&reference.sizes);
        let moved = |tensor: Tensor| place.map_or(tensor.clone(), |place| tensor.to_device(place));
        if let Some(place) = place {
            for (_, parameter) in &parameters {
                parameter.to_device(place);
            }
        }
        let mut optimiser = make(&case.optimiser, &case.options, parameters.clone());
        let mut average = case.average.map(|decay| Average::new(parameters.clone(), Vec::new(), decay));
        let mut compared = 0;
        for step in 1..=STEPS {
            let mut gradients: Vec<Tensor> = gradients(&parameters, step).into_iter().map(moved).collect();
            if let Some(limit) = case.clip_norm {
                clip_norm(&mut gradients, limit);
            }
            if let Some(limit) = case.clip_value {
                clip_values(&mut gradients, limit);
            }
            optimiser.step(&gradients);
            if let Some(average) = &mut average {
                average.update();
            }
            let Some(expected) = case.values.get(&step) else { continue };
            for (p, ((_, parameter), expected)) in parameters.iter().zip(expected).enumerate() {
                assert!(parameter.borrow().device() == place, "a parameter left its place");
                let shown = match &mut average {
                    Some(average) => average.during(|| parameter.value()),
                    None => parameter.value(),
                };
                assert_close(case, step, p, shown.data(), expected);
                compared += 1;
            }
        }
        assert_eq!(compared, 3 * reference.sizes.len());
    }
    assert!(reference.cases.len() >= 19);
}

#[test]
fn schedules_are_pytorchs() {
    for ScheduleCase { schedule, factors } in reference().schedules {
        assert!(factors.len() >= 60);
        for (step, expected) in factors.into_iter().enumerate() {
            let found = schedule.factor(step as u64);
            assert!((found - expected).abs() < 1e-9, "{schedule:?} at {step}: {found}, expected {expected}");
        }
    }
}

/// The bits of all parameters.
fn bits(parameters: &[(String, Parameter)]) -> Vec<u32> {
    parameters
        .iter()
        .flat_map(|(_, p)| p.value().data().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

/// A copy as a checkpoint makes it: no memory shared.
fn saved(state: &State) -> State {
    let copy = |(name, tensor): &(String, Tensor)| (name.clone(), Tensor::new(tensor.shape(), tensor.data()));
    State { steps: state.steps, tensors: state.tensors.iter().map(copy).collect() }
}

#[test]
fn a_resumed_run_is_the_same_to_the_bit() {
    let reference = reference();
    for case in &reference.cases {
        let schedule = Schedule::Cosine { warmup: 5, total: 50 };
        let start =
            |parameters: &[(String, Parameter)]| make(&case.optimiser, &case.options, parameters.to_vec());
        let run = |parameters: &[(String, Parameter)],
                   optimiser: &mut dyn Optimiser,
                   steps: std::ops::Range<u32>| {
            for step in steps {
                optimiser.set_learning_rate(0.01 * schedule.factor(u64::from(step)));
                optimiser.step(&gradients(parameters, step));
            }
        };
        let whole = initial(&reference.sizes);
        run(&whole, &mut *start(&whole), 1..41);

        let first = initial(&reference.sizes);
        let mut before = start(&first);
        run(&first, &mut *before, 1..18);
        let second: Vec<_> = first
            .iter()
            .map(|(name, p)| (name.clone(), Parameter::new(Tensor::new(&p.shape(), p.value().data()))))
            .collect();
        let mut after = start(&second);
        after.load_state(&saved(&before.state())).unwrap();
        run(&second, &mut *after, 18..41);
        assert!(bits(&whole) == bits(&second), "{} {}", case.optimiser, case.options);
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    // Some parameters of several tasks with a rest, some of less than one.
    let sizes = [100_003, 5, 16 * 1024, 33_000, 1];
    for case in &reference().cases {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let parameters = initial(&sizes);
                let mut optimiser = make(&case.optimiser, &case.options, parameters.clone());
                let mut norms = Vec::new();
                for step in 1..4 {
                    let mut gradients = gradients(&parameters, step);
                    norms.push(clip_norm(&mut gradients, 1.0).to_bits());
                    optimiser.step(&gradients);
                }
                (norms, bits(&parameters))
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3), "{} {}", case.optimiser, case.options);
    }
}

#[test]
fn a_gradient_that_is_no_number_shows() {
    let reference = reference();
    for case in &reference.cases {
        let parameters = initial(&reference.sizes);
        let mut optimiser = make(&case.optimiser, &case.options, parameters.clone());
        for step in 1..3 {
            let mut gradients = gradients(&parameters, step);
            if step == 1 {
                gradients[1].data_mut()[3] = f32::NAN;
                gradients[2].data_mut()[69] = f32::NAN;
            }
            optimiser.step(&gradients);
        }
        let nan: Vec<usize> = bits(&parameters)
            .iter()
            .enumerate()
            .filter(|(_, b)| f32::from_bits(**b).is_nan())
            .map(|(i, _)| i)
            .collect();
        assert_eq!(nan, [1 + 3, 8 + 69], "{} {}", case.optimiser, case.options);
    }
}

#[test]
fn a_state_that_does_not_fit_is_named_and_changes_nothing() {
    let parameters = initial(&[2, 3]);
    let mut adam = Adam::new(parameters.clone(), AdamOptions::default());
    adam.step(&gradients(&parameters, 1));
    let good = saved(&adam.state());
    let names: Vec<&str> = good.tensors.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["layer.0.exp_avg", "layer.0.exp_avg_sq", "layer.1.exp_avg", "layer.1.exp_avg_sq"]);

    let mut fresh = Adam::new(initial(&[2, 3]), AdamOptions::default());
    let mut refuse = |change: &dyn Fn(&mut State)| {
        let mut state = saved(&good);
        change(&mut state);
        let error = fresh.load_state(&state).unwrap_err();
        let now = fresh.state();
        assert!(now.steps == 0 && now.tensors.iter().all(|(_, t)| t.data().iter().all(|&v| v == 0.0)));
        assert!(!error.to_string().contains('\n'));
        error
    };
    let error = refuse(&|state| drop(state.tensors.pop()));
    assert_eq!(error, StateError::Missing { name: "layer.1.exp_avg_sq".into(), expected: vec![3] });
    assert_eq!(
        error.to_string(),
        "saved state: no entry `layer.1.exp_avg_sq` (expected with shape [3]); it was saved for another net or with \
         other options: resume with the configuration it was saved with"
    );
    let error = refuse(&|state| state.tensors[2].1 = Tensor::zeros(&[4]));
    assert_eq!(
        error,
        StateError::Shape { name: "layer.1.exp_avg".into(), found: vec![4], expected: vec![3] }
    );
    let error = refuse(&|state| state.tensors.push(("layer.2.exp_avg".into(), Tensor::zeros(&[1]))));
    assert_eq!(error, StateError::Unexpected { name: "layer.2.exp_avg".into() });
}

#[test]
fn options_and_schedules_are_read_and_written() {
    let schedule = Schedule::Linear { constant: 100, decay: 50 };
    let text = serde_json::to_string(&schedule).unwrap();
    assert_eq!(text, r#"{"linear":{"constant":100,"decay":50}}"#);
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
    assert_eq!(serde_json::from_str::<Schedule>("\"constant\"").unwrap(), Schedule::Constant);
    assert!(serde_json::from_str::<Schedule>(r#"{"step":{"every":0,"gamma":0.1}}"#).is_err());
    assert!(serde_json::from_str::<AdamOptions>(r#"{"learningrate":1.0}"#).is_err());
    let adamw = AdamOptions::adamw();
    assert_eq!(serde_json::from_str::<AdamOptions>(&serde_json::to_string(&adamw).unwrap()).unwrap(), adamw);
}

#[test]
#[should_panic(expected = "the gradient of `layer.1` has shape [2], expected [3]")]
fn a_gradient_of_another_shape_is_named() {
    let parameters = initial(&[2, 3]);
    Sgd::new(parameters, SgdOptions::default()).step(&[Tensor::zeros(&[2]), Tensor::zeros(&[2])]);
}
