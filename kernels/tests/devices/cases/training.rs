use gobelin_kernels::cpu::optimiser as host;
use gobelin_kernels::cpu::random::Philox;
use gobelin_kernels::cuda::elementwise::{self, Map, Zip};
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
    cases
}

/// Weights limited, and the norm of all gradients.
fn clipping() -> Case {
    Case::new(
        "clip_weights and square_sum",
        1e-6,
        || {
            let square: f64 = tensors().iter().map(|(_, g, _)| host::square_sum(g)).sum();
            let clipped = tensors().into_iter().flat_map(|(p, ..)| p).map(|p| p.clamp(-0.3, 0.3));
            clipped.chain([square as f32]).collect()
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
            let mut square = room(device, 1)?;
            optimiser::clip_weights(&table, 0.3)?;
            optimiser::square_sum(&table, &mut square)?;
            drop(table);
            let mut all = Vec::new();
            for (p, _) in &held {
                all.extend(p.to_vec()?);
            }
            all.extend(square.to_vec()?);
            Ok(all)
        },
    )
}

/// Random numbers, to the bit, also where the counter's low word overflows.
fn random(count: usize) -> Case {
    const START: Philox = Philox { key: 0x0123_4567_89ab_cdef, counter: 0x1_ffff_fff0 };
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
            let mut philox = Philox { key: 5, counter: 0 };
            let (mut total, mut drawn) = (vec![0.0; COUNT], vec![0.0; COUNT]);
            for _ in 0..4 {
                philox.uniform(0.0, 1.0, &mut drawn);
                total.iter_mut().zip(&drawn).for_each(|(total, x)| *total += x * x);
            }
            total
        },
        |device| {
            let mut stream = Stream::new(device, Philox { key: 5, counter: 0 })?;
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
                // SAFETY: the buffers made before live until the end.
                unsafe { graph.replay()? };
                // Memory taken between replays is not the recording's.
                elementwise::fill(&mut room(device, COUNT)?, f32::NAN)?;
            }
            total.to_vec()
        },
    )
}
