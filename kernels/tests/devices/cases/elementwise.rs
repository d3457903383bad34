use gobelin_kernels::cpu::elementwise as host;
use gobelin_kernels::cpu::math;
use gobelin_kernels::cuda::elementwise::{self as card, Map, Zip, ZipThree};

use crate::case::{Case, numbers, put, room};

/// Lengths that are whole fours and not, and more than a grid's threads.
const LENGTHS: [usize; 4] = [1, 7, 1024, 70_003];

type One = fn(f32) -> f32;
type Pair = fn(f32, f32) -> f32;
type Three = fn(f32, f32, f32) -> f32;

fn sign(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { -f32::from(x < 0.0) }
}

fn maps() -> Vec<(Map, One)> {
    vec![
        (Map::Neg, |x| -x),
        (Map::Abs, f32::abs),
        (Map::Sign, sign),
        (Map::Square, |x| x * x),
        (Map::Sqrt, f32::sqrt),
        (Map::Exp, math::exp),
        (Map::Ln, math::ln),
        (Map::Sigmoid, math::sigmoid),
        (Map::Softplus, math::softplus),
        (Map::Tanh, math::tanh),
        (Map::Scale(0.3), |x| 0.3 * x),
        (Map::Add(0.3), |x| x + 0.3),
        (Map::ReciprocalOrZero, |x| if x == 0.0 { 0.0 } else { 1.0 / x }),
        (Map::ReciprocalRoot(1e-3), |x| 1.0 / (x + 1e-3).sqrt()),
        (Map::Power(3.0), |x| math::Power::new(3.0).of(x)),
        (Map::PowerOrZero(0.5), |x| if x == 0.0 { 0.0 } else { math::Power::new(0.5).of(x) }),
        (Map::Relu, |x| if x <= 0.0 { 0.0 } else { x }),
        (Map::LeakyRelu(0.2), |x| if x > 0.0 { x } else { 0.2 * x }),
        (Map::LeakySlope(0.2), |x| if x > 0.0 { 1.0 } else { 0.2 }),
        (Map::Clamp(-0.5, 0.25), |x| x.clamp(-0.5, 0.25)),
        (Map::IsInside(-0.5, 0.25), |x| f32::from((-0.5..=0.25).contains(&x))),
        (Map::IsZero, |x| f32::from(x == 0.0)),
        (Map::IsBelow(0.1), |x| f32::from(x < 0.1)),
    ]
}

fn zips() -> Vec<(Zip, Pair)> {
    vec![
        (Zip::First, |a, _| a),
        (Zip::Add, |a, b| a + b),
        (Zip::Sub, |a, b| a - b),
        (Zip::Mul, |a, b| a * b),
        (Zip::Div, |a, b| a / b),
        (Zip::Maximum, |a, b| if a > b || a.is_nan() { a } else { b }),
        (Zip::Minimum, |a, b| if a < b || a.is_nan() { a } else { b }),
        (Zip::MaximumShare, |a, b| if a == b { 0.5 } else { 1.0 - f32::from(b > a) }),
        (Zip::MinimumShare, |a, b| if a == b { 0.5 } else { 1.0 - f32::from(b < a) }),
        (Zip::Masked, |a, b| if b == 0.0 { 0.0 } else { a }),
        (Zip::AbsGradient, |a, b| a * sign(b)),
        (Zip::SquareGradient, |a, b| 2.0 * a * b),
        (Zip::SoftplusGradient, |a, b| a * math::sigmoid(b)),
        (Zip::SigmoidGradient, |a, b| a * b * (1.0 - b)),
        (Zip::TanhGradient, |a, b| a * (1.0 - b * b)),
        (Zip::ReluGradient, |a, b| if b <= 0.0 { 0.0 } else { a }),
        (Zip::LeakyReluGradient(0.2), |a, b| if b > 0.0 { a } else { 0.2 * a }),
        (Zip::ScaledDifference(0.3), |a, b| 0.3 * (a - b)),
        (Zip::ScaledSignOfDifference(0.3), |a, b| 0.3 * sign(a - b)),
        (Zip::Average(0.9), |a, b| a * 0.9 + b * (1.0 - 0.9)),
        (Zip::AddScaled(0.3), |a, b| a + 0.3 * b),
    ]
}

/// Numbers with everything that is special among them.
fn special(count: usize, seed: u64) -> Vec<f32> {
    let mut values: Vec<f32> = numbers(count, seed).iter().map(|x| 4.0 * x).collect();
    let some = [0.0, f32::NAN, -0.0, f32::INFINITY, 1.0, f32::NEG_INFINITY, 1e-30, -90.0, 90.0];
    for (i, value) in some.into_iter().enumerate() {
        if let Some(place) = values.get_mut(11 * i + seed as usize) {
            *place = value;
        }
    }
    values
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (function, on_host) in maps() {
        for count in LENGTHS {
            let x = if count == 1024 { special(count, 1) } else { numbers(count, 1) };
            let same = x.clone();
            cases.push(Case::new(
                format!("map {function:?} of {count}"),
                1e-6,
                move || {
                    let mut out = vec![0.0; x.len()];
                    host::map(&x, &mut out, on_host);
                    out
                },
                move |device| {
                    let (x, mut out) = (put(device, &same)?, room(device, same.len())?);
                    card::map(&x, &mut out, function)?;
                    let mut in_place = put(device, &same)?;
                    card::map_in_place(&mut in_place, function)?;
                    let (out, in_place) = (out.to_vec()?, in_place.to_vec()?);
                    assert!(out.iter().zip(&in_place).all(|(a, b)| a.to_bits() == b.to_bits()), "in place");
                    Ok(out)
                },
            ));
        }
    }
    for (function, on_host) in zips() {
        for count in LENGTHS {
            let of = if count == 1024 { special } else { numbers };
            let (a, b) = (of(count, 1), of(count, 2));
            let (same_a, same_b) = (a.clone(), b.clone());
            cases.push(Case::new(
                format!("zip {function:?} of {count}"),
                1e-6,
                move || {
                    let mut out = vec![0.0; a.len()];
                    host::zip(&a, &b, &mut out, on_host);
                    out
                },
                move |device| {
                    let (mut a, b) = (put(device, &same_a)?, put(device, &same_b)?);
                    let mut out = room(device, a.len())?;
                    card::zip(&a, &b, &mut out, function)?;
                    card::zip_in_place(&mut a, &b, function)?;
                    let (out, in_place) = (out.to_vec()?, a.to_vec()?);
                    assert!(out.iter().zip(&in_place).all(|(a, b)| a.to_bits() == b.to_bits()), "in place");
                    Ok(out)
                },
            ));
        }
        cases.push(strided(function, on_host));
    }
    let three: [(ZipThree, Three); 3] = [
        (ZipThree::Select, |mask, a, b| if mask == 0.0 { b } else { a }),
        (ZipThree::MaximumGradient, |g, a, b| g * if a == b { 0.5 } else { 1.0 - f32::from(b > a) }),
        (ZipThree::MinimumGradient, |g, a, b| g * if a == b { 0.5 } else { 1.0 - f32::from(b < a) }),
    ];
    for (function, on_host) in three {
        // Whole numbers: zeros and pairs that are equal are among them.
        let operands = [1, 2, 3]
            .map(|seed| -> Vec<f32> { numbers(1003, seed).iter().map(|x| (2.0 * x).round()).collect() });
        let same = operands.clone();
        cases.push(Case::new(
            format!("zip_three {function:?}"),
            0.0,
            move || {
                let mut out = vec![0.0; 1003];
                host::zip_three(operands.each_ref().map(Vec::as_slice), &mut out, on_host);
                out
            },
            move |device| {
                let [a, b, c] = [put(device, &same[0])?, put(device, &same[1])?, put(device, &same[2])?];
                let mut out = room(device, 1003)?;
                card::zip_three([&a, &b, &c], &mut out, function)?;
                out.to_vec()
            },
        ));
    }
    cases.push(Case::new(
        "fill",
        0.0,
        || vec![2.5; 1003],
        |device| {
            let mut out = room(device, 1003)?;
            card::fill(&mut out, 2.5)?;
            out.to_vec()
        },
    ));
    cases
}

/// Operands that are repeated along axes in every way.
fn strided(function: Zip, on_host: Pair) -> Case {
    const SHAPE: [usize; 4] = [3, 4, 5, 7];
    const WAYS: [[usize; 4]; 5] = [[140, 35, 7, 1], [0, 0, 0, 1], [20, 5, 1, 0], [7, 0, 0, 1], [0, 7, 0, 1]];
    let (a, b) = (numbers(420, 1), numbers(420, 2));
    let (same_a, same_b) = (a.clone(), b.clone());
    let pairs = || WAYS.iter().flat_map(|a| WAYS.iter().map(move |b| (a, b)));
    Case::new(
        format!("zip_strided {function:?}"),
        1e-6,
        move || {
            pairs()
                .flat_map(|(a_steps, b_steps)| {
                    let mut out = vec![0.0; 420];
                    host::zip_strided(&SHAPE, (&a, a_steps), (&b, b_steps), &mut out, on_host);
                    out
                })
                .collect()
        },
        move |device| {
            let (a, b) = (put(device, &same_a)?, put(device, &same_b)?);
            let mut all = Vec::new();
            for (a_steps, b_steps) in pairs() {
                let mut out = room(device, 420)?;
                card::zip_strided(&SHAPE, (&a, a_steps), (&b, b_steps), &mut out, function)?;
                all.extend(out.to_vec()?);
            }
            Ok(all)
        },
    )
}
