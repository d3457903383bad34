use gobelin_kernels::cpu::optimiser as host;
use gobelin_kernels::cpu::random::Philox;
use gobelin_kernels::cuda::elementwise::{self, Map, Zip};
use gobelin_kernels::cuda::layout;
use gobelin_kernels::cuda::lbfgs;
use gobelin_kernels::cuda::optimiser::{self, Table, Tensors};
use gobelin_kernels::cuda::random::Stream;
use gobelin_kernels::cuda::{Device, DeviceBuffer, Result};

use crate::case::{Case, numbers, put, room};

/// Tensors of a net: one value, less and more than a block's, none.
const LENGTHS: [usize; 5] = [1, 1000, 0, 5000, 1024];

#[derive(Clone, Copy, Debug)]
enum Rule {
    Sgd(host::Sgd, bool),
    Adam(host::Adam),
    RmsProp(host::RmsProp, bool, bool),
    AdaGrad(host::AdaGrad),
}

impl Rule {
    /// Which slots there are.
    fn slots(self) -> [bool; 3] {
        match self {
            Self::Sgd(_, moving) => [moving, false, false],
            Self::Adam(_) => [true, true, false],
            Self::RmsProp(_, centred, moving) => [true, centred, moving],
            Self::AdaGrad(_) => [true, false, false],
        }
    }

    fn on_host(self, p: &mut [f32], g: &[f32], [a, b, c]: &mut [Vec<f32>; 3]) {
        match self {
            Self::Sgd(rule, moving) => host::sgd(rule, p, g, moving.then_some(a)),
            Self::Adam(rule) => host::adam(rule, p, g, [a, b]),
            Self::RmsProp(rule, centred, moving) => {
                host::rmsprop(rule, p, g, a, centred.then_some(b), moving.then_some(c));
            }
            Self::AdaGrad(rule) => host::adagrad(rule, p, g, a),
        }
    }

    fn on_card(self, device: &Device, table: &Table) -> Result<()> {
        match self {
            Self::Sgd(rule, _) => optimiser::sgd(&DeviceBuffer::from_slice(device, &[rule.into()])?, table),
            Self::Adam(rule) => optimiser::adam(&DeviceBuffer::from_slice(device, &[rule.into()])?, table),
            Self::RmsProp(rule, ..) => {
                optimiser::rmsprop(&DeviceBuffer::from_slice(device, &[rule.into()])?, table)
            }
            Self::AdaGrad(rule) => {
                optimiser::adagrad(&DeviceBuffer::from_slice(device, &[rule.into()])?, table)
            }
        }
    }
}

/// Parameter, gradient and slots of a tensor.
type Tensor = (Vec<f32>, Vec<f32>, [Vec<f32>; 3]);

fn tensors() -> Vec<Tensor> {
    let slot = |length, seed| -> Vec<f32> { numbers(length, seed).iter().map(|x| 0.3 + 0.2 * x).collect() };
    LENGTHS
        .into_iter()
        .map(|n| (numbers(n, 1), numbers(n, 2), [slot(n, 3), slot(n, 4), slot(n, 5)]))
        .collect()
}

fn optimise(rule: Rule) -> Case {
    let (is_there, tolerance) = (rule.slots(), 2e-6);
    Case::new(
        format!("{rule:?}"),
        tolerance,
        move || {
            let mut all = Vec::new();
            for (mut p, g, mut slots) in tensors() {
                rule.on_host(&mut p, &g, &mut slots);
                all.extend(p);
                all.extend(slots.into_iter().zip(is_there).filter(|slot| slot.1).flat_map(|slot| slot.0));
            }
            all
        },
        move |device| {
            let mut held = Vec::new();
            for (p, g, slots) in tensors() {
                let slots = slots.iter().map(|slot| put(device, slot)).collect::<Result<Vec<_>>>()?;
                held.push((put(device, &p)?, put(device, &g)?, slots));
            }
            let each = held.iter_mut().map(|(parameter, gradient, slots)| {
                let mut slots =
                    slots.iter_mut().zip(is_there).map(|(slot, is_there)| is_there.then_some(slot));
                Tensors { parameter, gradient, slots: std::array::from_fn(|_| slots.next().unwrap()) }
            });
            rule.on_card(device, &Table::new(device, each.collect())?)?;
            let mut all = Vec::new();
            for (p, _, slots) in &held {
                all.extend(p.to_vec()?);
                for (slot, _) in slots.iter().zip(is_there).filter(|slot| slot.1) {
                    all.extend(slot.to_vec()?);
                }
            }
            Ok(all)
        },
    )
}

pub fn cases() -> Vec<Case> {
    let sgd = |nesterov| host::Sgd { rate: 0.1, decay: 0.01, momentum: 0.9, gain: 0.8, nesterov };
    let rmsprop =
        host::RmsProp { rate: 0.1, decay: 0.01, alpha: 0.9, gain: 0.1, epsilon: 1e-3, momentum: 0.5 };
    let adam = host::Adam {
        rate: 0.1,
        decay: 0.01,
        keep: 0.99,
        betas: [0.5, 0.9],
        gains: [0.5, 0.1],
        correction: 0.4,
        epsilon: 1e-3,
    };
    let mut cases: Vec<Case> = [
        Rule::Sgd(sgd(false), false),
        Rule::Sgd(sgd(false), true),
        Rule::Sgd(sgd(true), true),
        Rule::Adam(adam),
        Rule::RmsProp(rmsprop, false, false),
        Rule::RmsProp(rmsprop, true, false),
        Rule::RmsProp(rmsprop, false, true),
        Rule::RmsProp(rmsprop, true, true),
        Rule::AdaGrad(host::AdaGrad { rate: 0.1, decay: 0.01, epsilon: 1e-3 }),
    ]
    .map(optimise)
    .into();
    cases.push(clipping());
    cases.extend([1, 4, 1003, 70_000].map(random));
    cases.push(recording());
    cases.push(constants());
    cases.push(singles());
    // Fewer and more values than a block's and than all blocks take at once, and no pair.
    cases.extend(
        [(1, 3), (700, 0), (700, 1), (5000, 4), (300_000, 2)].map(|(length, pairs)| descent(length, pairs)),
    );
    cases
}

/// L-BFGS's direction, and what is told of it, beside the two loops as the book has them.
fn descent(length: usize, count: usize) -> Case {
    const SCALE: f64 = 0.7;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // A change of the gradient that is like the step keeps the product above 0.
    let pairs = move || -> Vec<[Vec<f32>; 2]> {
        let pair = |number: u64| {
            let (step, other) = (numbers(length, 10 + number), numbers(length, 20 + number));
            let change = step.iter().zip(other).map(|(step, other)| 2.0 * step + 0.3 * other).collect();
            [step, change]
        };
        (0..count as u64).map(pair).collect()
    };
    let doubles = |values: &[f32]| -> Vec<f64> { values.iter().map(|&v| f64::from(v)).collect() };
    Case::new(
        format!("the direction of L-BFGS, {length} values, {count} pairs"),
        2e-6,
        move || {
            let gradient = doubles(&numbers(length, 1));
            let pairs: Vec<[Vec<f64>; 2]> =
                pairs().iter().map(|pair| pair.each_ref().map(|v| doubles(v))).collect();
            let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
            let mut shares = vec![0.0; count];
            for (share, [step, change]) in shares.iter_mut().zip(&pairs).rev() {
                *share = product(step, &q) / product(step, change);
                q.iter_mut().zip(change).for_each(|(q, change)| *q -= *share * change);
            }
            if count > 0 {
                for q in &mut q {
                    *q *= SCALE;
                }
            }
            for (share, [step, change]) in shares.iter().zip(&pairs) {
                let rest = share - product(change, &q) / product(step, change);
                q.iter_mut().zip(step).for_each(|(q, step)| *q += rest * step);
            }
            let sum: f64 = gradient.iter().map(|g| g.abs()).sum();
            let largest = q.iter().fold(0.0f64, |largest, q| largest.max(q.abs()));
            let told = [product(&gradient, &q) / length as f64, sum / length as f64, largest];
            q.into_iter().chain(told).map(|value| value as f32).collect()
        },
        move |device| {
            let held: Vec<[DeviceBuffer; 2]> = pairs()
                .iter()
                .map(|[step, change]| Ok([put(device, step)?, put(device, change)?]))
                .collect::<Result<_>>()?;
            let products =
                pairs().into_iter().map(|[step, change]| product(&doubles(&step), &doubles(&change)));
            let pairs: Vec<lbfgs::Pair> = held
                .iter()
                .zip(products)
                .map(|([step, change], product)| lbfgs::Pair { step, change, product })
                .collect();
            let (mut direction, mut told) = (room(device, length)?, DeviceBuffer::<f64>::new(device, 3)?);
            let gradient = put(device, &numbers(length, 1))?;
            lbfgs::direction(&gradient, &pairs, SCALE as f32, &mut direction, &mut told)?;
            let told = told.to_vec()?;
            let told = [told[0] / length as f64, told[1] / length as f64, told[2]];
            Ok(direction.to_vec()?.into_iter().chain(told.map(|v| v as f32)).collect())
        },
    )
}

/// Weights limited, and the sum of the squares of each gradient.
fn clipping() -> Case {
    Case::new(
        "clip_weights and square_sums",
        1e-6,
        || {
            let squares: Vec<f32> = tensors().iter().map(|(_, g, _)| host::square_sum(g) as f32).collect();
            let clipped = tensors().into_iter().flat_map(|(p, ..)| p).map(|p| p.clamp(-0.3, 0.3));
            clipped.chain(squares).collect()
        },
        |device| {
            let mut held = Vec::new();
            for (p, g, _) in tensors() {
                held.push((put(device, &p)?, put(device, &g)?));
            }
            let each = held.iter_mut().map(|(parameter, gradient)| Tensors {
                parameter,
                gradient,
                slots: [None, None, None],
            });
            let table = Table::new(device, each.collect())?;
            optimiser::clip_weights(&table, 0.3)?;
            drop(table);
            let mut squares = room(device, held.len())?;
            let gradients: Vec<&DeviceBuffer> = held.iter().map(|(_, gradient)| gradient).collect();
            optimiser::square_sums(&gradients, &mut squares)?;
            let mut all = Vec::new();
            for (p, _) in &held {
                all.extend(p.to_vec()?);
            }
            all.extend(squares.to_vec()?);
            Ok(all)
        },
    )
}

/// Random numbers, to the bit, also where the counter's low word overflows.
fn random(count: usize) -> Case {
    const START: Philox =
        Philox { key: 0x0123_4567_89ab_cdef, stream: 0xfedc_ba98_7654_3210, counter: 0x1_ffff_fff0 };
    Case::new(
        format!("{count} random numbers"),
        0.0,
        move || {
            let mut philox = START;
            let [mut uniform, mut normal] = [vec![0.0; count], vec![0.0; count]];
            philox.uniform(-1.0, 3.0, &mut uniform);
            philox.normal(0.5, 2.0, &mut normal);
            let counter = (philox.counter - START.counter) as f32;
            [uniform, normal, vec![counter]].concat()
        },
        move |device| {
            let mut stream = Stream::new(device, START)?;
            let [mut uniform, mut normal] = [room(device, count)?, room(device, count)?];
            stream.uniform(-1.0, 3.0, &mut uniform)?;
            stream.normal(0.5, 2.0, &mut normal)?;
            let counter = (stream.philox()?.counter - START.counter) as f32;
            Ok([uniform.to_vec()?, normal.to_vec()?, vec![counter]].concat())
        },
    )
}

/// A step done once, recorded, and replayed three times: each time it draws new numbers, squares them in memory of its own and adds them up.
fn recording() -> Case {
    const COUNT: usize = 1003;
    Case::new(
        "a recorded step",
        1e-6,
        || {
            let mut philox = Philox { key: 5, stream: 1, counter: 0 };
            let (mut total, mut drawn) = (vec![0.0; COUNT], vec![0.0; COUNT]);
            for _ in 0..4 {
                philox.uniform(0.0, 1.0, &mut drawn);
                total.iter_mut().zip(&drawn).for_each(|(total, x)| *total += x * x);
            }
            total
        },
        |device| {
            let mut stream = Stream::new(device, Philox { key: 5, stream: 1, counter: 0 })?;
            let mut total = put(device, &[0.0; COUNT])?;
            let mut step = || {
                let (mut drawn, mut squared) = (room(device, COUNT)?, room(device, COUNT)?);
                stream.uniform(0.0, 1.0, &mut drawn)?;
                elementwise::map(&drawn, &mut squared, Map::Square)?;
                elementwise::zip_in_place(&mut total, &squared, Zip::Add)
            };
            // Once by itself: kernels must be loaded before they are recorded.
            step()?;
            let (graph, ()) = device.record(step)?;
            for _ in 0..3 {
                graph.replay()?;
                // Memory taken between replays is not the recording's.
                elementwise::fill(&mut room(device, COUNT)?, f32::NAN)?;
            }
            total.to_vec()
        },
    )
}

/// A recorded step with a constant, whose buffer is dropped inside, and with a buffer from before, which is dropped afterwards:
/// neither's memory goes to anybody else.
fn constants() -> Case {
    const COUNT: usize = 1003;
    Case::new(
        "a recording keeps what it reads",
        0.0,
        || vec![3.0 * (2.5 + 4.0); COUNT],
        |device| {
            let mut total = put(device, &[0.0; COUNT])?;
            let addend = put(device, &[2.5; COUNT])?;
            let (graph, ()) = device.record(|| {
                let constant = DeviceBuffer::constant(device, &[4.0; COUNT])?;
                elementwise::zip_in_place(&mut total, &constant, Zip::Add)?;
                drop(constant);
                elementwise::fill(&mut room(device, COUNT)?, f32::NAN)?;
                elementwise::zip_in_place(&mut total, &addend, Zip::Add)
            })?;
            drop(addend);
            for _ in 0..3 {
                let mut others = [room(device, COUNT)?, room(device, COUNT)?];
                others.iter_mut().try_for_each(|other| elementwise::fill(other, f32::NAN))?;
                graph.replay()?;
            }
            // Copied by another recording, which shares the memory that both make on their way.
            let mut copy = room(device, COUNT)?;
            let (other, ()) = device.record(|| {
                elementwise::fill(&mut room(device, COUNT)?, f32::NAN)?;
                copy.copy_from(&total)
            })?;
            other.replay()?;
            copy.to_vec()
        },
    )
}

/// More single values than one launch gathers.
fn singles() -> Case {
    let values = || (0..70).map(|i| i as f32);
    Case::new(
        "gather_singles",
        0.0,
        move || values().collect(),
        move |device| {
            let singles: Vec<DeviceBuffer> = values().map(|v| put(device, &[v])).collect::<Result<_>>()?;
            let mut all = room(device, singles.len())?;
            layout::gather_singles(&singles.iter().collect::<Vec<_>>(), &mut all)?;
            all.to_vec()
        },
    )
}
