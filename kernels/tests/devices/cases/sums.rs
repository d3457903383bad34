use gobelin_kernels::cpu::{
    extreme as host_extreme, norm as host_norm, reduce as host_reduce, scan as host_scan,
};
use gobelin_kernels::cuda::norm::{self, Groups};
use gobelin_kernels::cuda::reduce::{self, Pairs};
use gobelin_kernels::cuda::{DeviceBuffer, extreme, scan};

use crate::case::{Case, numbers, of, put, room};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in [0, 1, 1000, 70_003] {
        cases.push(of(
            format!("sum of {count}"),
            1e-6,
            [numbers(count, 1)],
            1,
            |[x], out| out[0] = (0.5 * host_reduce::sum(x)) as f32,
            |[x], out| reduce::sum(x, 0.5, out),
        ));
        cases.push(of(
            format!("square sum of {count}"),
            1e-6,
            [numbers(count, 1)],
            1,
            |[x], out| out[0] = gobelin_kernels::cpu::optimiser::square_sum(x) as f32,
            |[x], out| reduce::square_sum(x, 1.0, out),
        ));
        type Term = fn(f32, f32) -> f32;
        let pairs: [(Pairs, Term); 3] = [
            (Pairs::SquaredDifferences, |a, b| (a - b) * (a - b)),
            (Pairs::AbsoluteDifferences, |a, b| (a - b).abs()),
            (Pairs::Products, |a, b| a * b),
        ];
        for (pairs, term) in pairs {
            cases.push(of(
                format!("{pairs:?} of {count}"),
                1e-6,
                [numbers(count, 1), numbers(count, 2)],
                1,
                move |[a, b], out| out[0] = host_reduce::sum_of_pairs(a, b, term) as f32,
                move |[a, b], out| reduce::sum_of_pairs(a, b, pairs, 1.0, out),
            ));
        }
    }
    // Short rows, few rows, columns narrower and wider than a block, sums in parts.
    let shapes = [
        [70_000, 3, 1],
        [9, 1000, 1],
        [4, 5000, 1],
        [5, 7, 33],
        [3, 300, 3],
        [2, 9000, 40],
        [3, 0, 2],
        [1, 700, 1],
    ];
    for shape in shapes {
        let [outer, middle, inner] = shape;
        cases.push(of(
            format!("sum_middle of {shape:?}"),
            1e-5,
            [numbers(outer * middle * inner, 1)],
            outer * inner,
            move |[x], out| host_reduce::sum_middle(x, shape, out),
            move |[x], out| reduce::sum_middle(x, shape, out),
        ));
    }
    cases.extend(norms());
    cases.extend(extremes());
    for row in [1, 5, 256, 1000] {
        for (host_from, from) in
            [(host_scan::From::Start, scan::From::Start), (host_scan::From::End, scan::From::End)]
        {
            cases.push(of(
                format!("cumulative_sum of rows of {row} from {from:?}"),
                1e-6,
                [numbers(3 * row, 1)],
                3 * row,
                move |[x], out| host_scan::cumulative_sum(x, row, host_from, out),
                move |[x], out| scan::cumulative_sum(x, row, from, out),
            ));
        }
    }
    cases
}

fn extremes() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [[5, 7, 1], [3, 1000, 2], [2, 3, 40], [1, 70_000, 1], [66_000, 2, 1]] {
        for extreme in [extreme::Extreme::Largest, extreme::Extreme::Smallest] {
            let [outer, middle, inner] = shape;
            // Few different numbers, so many are equal; and some are none.
            let mut x: Vec<f32> =
                numbers(outer * middle * inner, 1).iter().map(|x| (3.0 * x).round()).collect();
            for place in [middle * inner / 2, middle * inner / 2 + inner, 1] {
                if let Some(x) = x.get_mut(place) {
                    *x = f32::NAN;
                }
            }
            let same = x.clone();
            cases.push(Case::new(
                format!("search_middle of {shape:?} {extreme:?}"),
                0.0,
                move || {
                    let mut places = vec![0; outer * inner];
                    host_extreme::search_middle(&x, shape, extreme, &mut places);
                    places.into_iter().map(|place| place as f32).collect()
                },
                move |device| {
                    let mut places = DeviceBuffer::<u32>::new(device, outer * inner)?;
                    extreme::search_middle(&put(device, &same)?, shape, extreme, &mut places)?;
                    Ok(places.to_vec()?.into_iter().map(|place| place as f32).collect())
                },
            ));
        }
    }
    cases
}

fn norms() -> Vec<Case> {
    let shapes = [
        Groups { groups: 1, rows: 5, channels: 3 },
        Groups { groups: 1, rows: 3000, channels: 40 },
        Groups { groups: 4, rows: 37, channels: 16 },
        Groups { groups: 2, rows: 1, channels: 1 },
    ];
    let mut cases = Vec::new();
    for shape in shapes {
        let count = shape.groups * shape.channels;
        // Far from 0: squares would cancel.
        let x: Vec<f32> = numbers(shape.len(), 1).iter().map(|x| 30.0 + x).collect();
        let (dy, mean) = (numbers(shape.len(), 2), vec![30.0; count]);
        let (scale, shift) = (numbers(shape.channels, 3), numbers(shape.channels, 4));
        let same = x.clone();
        cases.push(Case::new(
            format!("moments of {shape:?}"),
            1e-6,
            {
                let x = x.clone();
                move || {
                    let (mut mean, mut variance) = (vec![0.0; count], vec![0.0; count]);
                    host_norm::moments(&x, shape, &mut mean, &mut variance);
                    mean.into_iter().chain(variance).collect()
                }
            },
            move |device| {
                let (mut mean, mut variance) = (room(device, count)?, room(device, count)?);
                norm::moments(&put(device, &same)?, shape, &mut mean, &mut variance)?;
                Ok([mean.to_vec()?, variance.to_vec()?].concat())
            },
        ));
        cases.push(of(
            format!("gradient_sums of {shape:?}"),
            1e-5,
            [x.clone(), dy.clone(), mean],
            2 * count,
            move |[x, dy, mean], out| {
                let (sums, products) = out.split_at_mut(count);
                let scale = vec![1.0; count];
                let affine = host_norm::Affine { scale: &scale, shift: mean, slope: None };
                host_norm::gradient_sums(x, dy, shape, mean, affine, sums, products);
            },
            move |[x, dy, mean], out| {
                let (mut sums, mut products) = (room(x.device(), count)?, room(x.device(), count)?);
                norm::gradient_sums(x, dy, shape, mean, &mut sums, &mut products)?;
                out.write(&[sums.to_vec()?, products.to_vec()?].concat())
            },
        ));
        cases.push(whole(shape, [x, dy, scale, shift]));
    }
    cases
}

/// A normalisation as the tape does it, forward and backward.
fn whole(shape: Groups, inputs: [Vec<f32>; 4]) -> Case {
    const EPSILON: f32 = 1e-3;
    let (count, channels, length) = (shape.groups * shape.channels, shape.channels, shape.len());
    of(
        format!("normalisation of {shape:?}"),
        2e-5,
        inputs,
        2 * length + 2 * channels,
        move |[x, dy, scale, shift], out| {
            let [mut mean, mut variance, mut sums, mut products] = std::array::from_fn(|_| vec![0.0; count]);
            host_norm::moments(x, shape, &mut mean, &mut variance);
            let reciprocal: Vec<f32> = variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
            let factor: Vec<f32> = (0..count).map(|i| reciprocal[i] * scale[i % channels]).collect();
            let offset: Vec<f32> = (0..count).map(|i| shift[i % channels] - mean[i] * factor[i]).collect();
            let (y, rest) = out.split_at_mut(length);
            let (dx, parameters) = rest.split_at_mut(length);
            let affine = host_norm::Affine { scale: &factor, shift: &offset, slope: None };
            host_norm::affine(x, shape, affine, y);
            host_norm::gradient_sums(x, dy, shape, &mean, affine, &mut sums, &mut products);
            let rows = shape.rows as f32;
            let slope: Vec<f32> =
                (0..count).map(|i| -factor[i] * reciprocal[i] * reciprocal[i] * products[i] / rows).collect();
            let level: Vec<f32> =
                (0..count).map(|i| -factor[i] * sums[i] / rows - slope[i] * mean[i]).collect();
            dx.copy_from_slice(dy);
            host_norm::input_gradient(x, dx, shape, affine, &slope, &level);
            let (for_scale, for_shift) = parameters.split_at_mut(channels);
            for c in 0..channels {
                for_scale[c] = (c..count).step_by(channels).map(|i| products[i] * reciprocal[i]).sum();
                for_shift[c] = (c..count).step_by(channels).map(|i| sums[i]).sum();
            }
        },
        move |[x, dy, scale, shift], out| {
            let device = x.device();
            let new = |count| room(device, count);
            let [mut mean, mut variance] = [new(count)?, new(count)?];
            norm::moments(x, shape, &mut mean, &mut variance)?;
            let affine =
                norm::affine_of_statistics(&mean, &variance, shape, EPSILON, Some(scale), Some(shift))?;
            let mut y = new(length)?;
            norm::affine(x, shape, &affine.factor, &affine.offset, &mut y)?;
            let [mut sums, mut products] = [new(count)?, new(count)?];
            norm::gradient_sums(x, dy, shape, &mean, &mut sums, &mut products)?;
            let statistics = [&mean, &affine.reciprocal, &sums, &products];
            let [factor, slope, offset] = norm::gradient_of_statistics(statistics, shape, Some(scale))?;
            let mut dx = new(length)?;
            dx.copy_from(dy)?;
            norm::input_gradient(x, &mut dx, shape, [&factor, &slope, &offset])?;
            let [mut for_scale, mut for_shift] = [new(channels)?, new(channels)?];
            let sums = [&affine.reciprocal, &sums, &products];
            norm::parameter_gradients(sums, shape, &mut for_scale, &mut for_shift)?;
            let all = [y.to_vec()?, dx.to_vec()?, for_scale.to_vec()?, for_shift.to_vec()?];
            out.write(&all.concat())
        },
    )
}
