//! What the tests across crates share.

use std::path::{Path, PathBuf};

use gobelin_autograd::Tensor;
use gobelin_autograd::ops::permute_tensor;
use gobelin_nets::{Kind, Module};

/// Numbers in [-1, 1) from an integer hash of the seed and each number's index: what `uniform` in
/// `tests/reference/gan_steps.py` gives, so that inputs need not be stored.
pub fn uniform(seed: u64, count: usize) -> Vec<f32> {
    const MASK: u64 = 0xffff_ffff;
    (0..count as u64)
        .map(|index| {
            let mut x = (index * 2_654_435_761 + seed * 40_503 + 12_345) & MASK;
            for _ in 0..2 {
                x ^= x >> 16;
                x = (x * 0x045d_9f3b) & MASK;
            }
            x ^= x >> 16;
            (x as f64 / 4_294_967_296.0) as f32 * 2.0 - 1.0
        })
        .collect()
}

/// Sets what is trained of a net to what the scripts' `set_weights` give, `uniform` from `seed` on: filters within plus and minus
/// `filter`, the scales of norms 1 plus and minus 0.1, the rest within plus and minus `other`.
pub fn set_weights(net: &dyn Module, seed: u64, filter: f32, other: f32) {
    let trained = net.entries().into_iter().filter(|entry| entry.kind.is_trained());
    for (number, entry) in trained.enumerate() {
        let shape = entry.parameter.shape();
        let numbers = uniform(seed + number as u64, shape.iter().product());
        let value = if entry.kind == Kind::Filter {
            let [height, width, inner, outer] = shape[..] else { panic!("{}: shape {shape:?}", entry.name) };
            let stored = Tensor::new(&[outer, inner, height, width], numbers).map(|v| filter * v);
            permute_tensor(&stored, &[2, 3, 1, 0])
        } else if entry.name.ends_with("weight") {
            Tensor::new(&shape, numbers).map(|v| 1.0 + 0.1 * v)
        } else {
            Tensor::new(&shape, numbers).map(|v| other * v)
        };
        entry.parameter.set(value);
    }
}

/// A file of reference values beside the script that makes it.
pub fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference").join(name)
}

/// A reference file of JSON.
///
/// # Panics
/// If it is missing or broken.
pub fn reference_json(name: &str) -> serde_json::Value {
    let path = reference(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// VGG-19's weights as `tests/reference/vgg.py` computes them from a formula: names, shapes and values.
pub fn vgg19() -> Vec<(String, Vec<usize>, Vec<f32>)> {
    /// Channels and convolutions of each block.
    const BLOCKS: [(usize, usize); 5] = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)];
    let mut tensors = Vec::new();
    let (mut number, mut channels) = (0, 3);
    for (width, depth) in BLOCKS {
        for _ in 0..depth {
            let fan_in = 9 * channels;
            let bound = (6.0 / fan_in as f64).sqrt() as f32;
            let mut add = |name: &str, shape: Vec<usize>, seed: usize, bound: f32| {
                let values =
                    uniform(seed as u64, shape.iter().product()).into_iter().map(|value| value * bound);
                tensors.push((format!("features.{number}.{name}"), shape, values.collect()));
            };
            add("weight", vec![width, channels, 3, 3], number, bound);
            add("bias", vec![width], 1000 + number, 0.1);
            (number, channels) = (number + 2, width);
        }
        number += 1;
    }
    tensors
}
