//! Every layer against torchvision's.

use gobelin_autograd::Tensor;
use gobelin_autograd::ops::permute_tensor;
use gobelin_nets::vgg19::{Layer, Pooling, View};
use gobelin_tests::reference;
use safetensors::SafeTensors;

use crate::weights::network;

/// Relative to the largest value of a layer.
const TOLERANCE: f32 = 1e-4;

#[test]
fn every_layer_is_torchvisions() {
    let bytes = std::fs::read(reference("vgg19.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let read = |name: &str| {
        let view = file.tensor(name).unwrap();
        let values = view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b));
        Tensor::new(view.shape(), values.collect::<Vec<f32>>())
    };
    let picture = permute_tensor(&read("picture"), &[0, 2, 3, 1]).into();
    let layers: Vec<Layer> = Layer::all().collect();
    let fused: Vec<Layer> =
        layers.iter().copied().filter(|layer| !layer.to_string().starts_with("conv")).collect();
    let mut worst = 0.0f32;
    for pooling in [Pooling::Max, Pooling::Average] {
        let network = network().viewed(View { pooling, ..View::default() });
        for asked in [&layers, &fused] {
            for (layer, map) in asked.iter().zip(network.features(&picture, asked)) {
                let name = format!("{pooling}/{}", layer.index());
                let (expected, largest) = (read(&name), read(&format!("{name}/largest")).item());
                let map = permute_tensor(map.tensor(), &[0, 3, 1, 2]);
                let step = (map.len() / 100).max(1);
                let found: Vec<f32> = map.data().iter().copied().step_by(step).collect();
                assert_eq!(found.len(), expected.len(), "{name}");
                for (found, expected) in found.iter().zip(expected.data()) {
                    let difference = (found - expected).abs() / largest;
                    assert!(difference < TOLERANCE, "{layer} ({pooling}): {found}, expected {expected}");
                    worst = worst.max(difference);
                }
            }
        }
    }
    println!("largest difference, relative to the layer's largest value: {worst:e}");
}
