//! A U-Net at 128 pixels, batch 4, trained on pixel-wise cross-entropy and a tenth of the topology loss on VGG-19's relu1_2, relu2_2
//! and relu3_4, with Adam.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Optimiser};
use gobelin_autograd::{Parameter, Tape, Var, ops, random};
use gobelin_losses::Reduction;
use gobelin_losses::bce::bce;
use gobelin_nets::unet::{Options, UNet};
use gobelin_nets::{Module, Pass, parameters};

use super::setup::Setup;

const BATCH: usize = 4;
const SIZE: usize = 128;
/// The topology loss's weight.
const MU: f32 = 0.1;

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let (vgg, layers) =
        (super::vgg(), super::layers(setup.pick(&["relu1_2", "relu2_2", "relu3_4"][..], &["relu1_1"])));
    let options = setup.pick(Options::default(), Options { width: 2, depth: 2, ..Options::default() });
    let net = UNet::new(options, &mut random::generator(0, 0));
    setup.net(&net);
    let named = parameters(&net);
    let weights: Vec<Parameter> = named.iter().map(|(_, weight)| weight.clone()).collect();
    let mut optimiser = Adam::new(named, AdamOptions { learning_rate: 1e-4, ..AdamOptions::default() });
    let (batch, size) = setup.pick((BATCH, SIZE), (1, 16));
    let pictures = setup.put(super::pictures_of(1, &[batch, size, size, 3]));
    // Uniform in [-1, 1], so above 0.6 for a fifth of the pixels.
    let mask = super::pictures_of(2, &[batch, size, size, 1]).map(|v| f32::from(v > 0.6));
    let mask: Var = setup.put(mask).into();
    let coloured = move |mask: &Var| ops::broadcast_to(mask, &[batch, size, size, 3]);
    let mut replay = setup.replay();
    let mut step = move |()| {
        let wanted = vgg.features(&coloured(&mask), &layers);
        let tape = Tape::new();
        let logits = net.forward(&Pass::training(&tape), &pictures.clone().into());
        let mut loss = bce(&logits, &mask, 1.0, None, Reduction::Mean);
        let maps = vgg.features(&coloured(&ops::sigmoid(&logits)), &layers);
        for (map, wanted) in maps.iter().zip(&wanted) {
            loss = ops::add(&loss, &ops::scale(&ops::mean_squared_difference(map, wanted), MU));
        }
        drop((logits, maps, wanted));
        let gradients = tape.parameter_gradients(&loss, &weights);
        drop(tape);
        optimiser.step(&gradients);
    };
    Box::new(move || replay.run((), &mut step))
}
