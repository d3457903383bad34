//! The weights of `tests/reference/vgg.py`, which both sides compute from a formula.

use std::sync::OnceLock;

use gobelin_nets::vgg19::Vgg19;
use gobelin_nets::weights::{self, Stored, Weights};
use gobelin_tests::uniform;
use safetensors::Dtype;

/// torchvision's number, channels in and channels out of each convolution.
const CONVOLUTIONS: [(usize, usize, usize); 16] = [
    (0, 3, 64),
    (2, 64, 64),
    (5, 64, 128),
    (7, 128, 128),
    (10, 128, 256),
    (12, 256, 256),
    (14, 256, 256),
    (16, 256, 256),
    (19, 256, 512),
    (21, 512, 512),
    (23, 512, 512),
    (25, 512, 512),
    (28, 512, 512),
    (30, 512, 512),
    (32, 512, 512),
    (34, 512, 512),
];

/// The network, from a file that is written once and stays mapped after it is deleted.
pub fn network() -> Vgg19 {
    static NETWORK: OnceLock<Vgg19> = OnceLock::new();
    let open = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vgg19.safetensors");
        weights::write(&path, &formula()).unwrap();
        Vgg19::open(&path).unwrap()
    };
    NETWORK.get_or_init(open).clone()
}

fn formula() -> Weights {
    let mut tensors = Weights::new();
    for (number, channels_in, channels_out) in CONVOLUTIONS {
        let fan_in = channels_in * 9;
        let bound = (6.0 / fan_in as f64).sqrt() as f32;
        let mut add = |name: &str, shape: Vec<usize>, seed: usize, bound: f32| {
            let values = uniform(seed as u64, shape.iter().product());
            let bytes = values.into_iter().flat_map(|value| (value * bound).to_le_bytes()).collect();
            tensors.insert(format!("features.{number}.{name}"), Stored { dtype: Dtype::F32, shape, bytes });
        };
        add("weight", vec![channels_out, channels_in, 3, 3], number, bound);
        add("bias", vec![channels_out], 1000 + number, 0.1);
    }
    tensors
}
