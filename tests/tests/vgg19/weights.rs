//! The weights of `tests/reference/vgg.py`, which both sides compute from a formula.

use std::sync::OnceLock;

use gobelin_autograd::Tensor;
use gobelin_nets::vgg19::Vgg19;
use gobelin_nets::weights::{self, Stored};

/// The network, from a file that is written once and stays mapped after it is deleted.
pub fn network() -> Vgg19 {
    static NETWORK: OnceLock<Vgg19> = OnceLock::new();
    let open = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vgg19.safetensors");
        let stored = |(name, shape, values): (_, Vec<usize>, Vec<f32>)| {
            (name, Stored::of(&Tensor::new(&shape, values)))
        };
        weights::write(&path, &gobelin_tests::vgg19().into_iter().map(stored).collect()).unwrap();
        Vgg19::open(&path).unwrap()
    };
    NETWORK.get_or_init(open).clone()
}
