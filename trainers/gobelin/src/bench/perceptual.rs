//! Johnson's transformation network at 128 pixels, batch 4, trained on a perceptual loss (VGG-19's relu2_2) with Adam.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Optimiser};
use gobelin_autograd::{Parameter, Tape, ops, random};
use gobelin_nets::transform::Transform;
use gobelin_nets::{Module, Pass, parameters};

use super::setup::Setup;

const SHAPE: [usize; 4] = [4, 128, 128, 3];

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let (vgg, layers) = (super::vgg(), super::layers(&["relu2_2"]));
    let net = Transform::new(setup.pick(32, 4), &mut random::generator(0, 0));
    setup.net(&net);
    let named = parameters(&net);
    let weights: Vec<Parameter> = named.iter().map(|(_, weight)| weight.clone()).collect();
    let mut optimiser = Adam::new(named, AdamOptions::default());
    let shape = setup.pick(SHAPE, [1, 16, 16, 3]);
    let [pictures, targets] = [1, 2].map(|stream| setup.put(super::pictures_of(stream, &shape)));
    let mut replay = setup.replay();
    let mut step = move |()| {
        let wanted = vgg.features(&targets.clone().into(), &layers).remove(0);
        let tape = Tape::new();
        let made = net.forward(&Pass::training(&tape), &pictures.clone().into());
        let loss = ops::mean_squared_difference(&vgg.features(&made, &layers)[0], &wanted);
        drop((made, wanted));
        let gradients = tape.parameter_gradients(&loss, &weights);
        drop(tape);
        optimiser.step(&gradients);
    };
    Box::new(move || replay.run((), &mut step))
}
