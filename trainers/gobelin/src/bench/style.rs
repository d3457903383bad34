//! Gatys' style transfer at 256 pixels: content relu4_2, style relu1_1 to relu5_1 of VGG-19, total variation; one Adam step on the
//! picture.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Optimiser};
use gobelin_autograd::{Parameter, Tape, Var, ops};
use gobelin_nets::vgg19::Layer;

use super::setup::Setup;

const SIZE: usize = 256;
const STYLE_WEIGHT: f32 = 1e3;
/// The style layers, and between them the content layer.
const LAYERS: [&str; 6] = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"];
const CONTENT: usize = 4;

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let vgg = super::vgg();
    let (names, content_place) = setup.pick((&LAYERS[..], CONTENT), (&LAYERS[..2], 1));
    let layers: Vec<Layer> = super::layers(names);
    let size = setup.pick(SIZE, 16);
    let [content, style] = [1, 2].map(|stream| setup.put(super::pictures_of(stream, &[1, size, size, 3])));
    let content_map = vgg.features(&content.clone().into(), &layers[content_place..=content_place]).remove(0);
    let style_grams: Vec<Var> = vgg.features(&style.into(), &layers).iter().map(gram).collect();
    let picture = Parameter::new(content);
    setup.parameter(&picture);
    let options = AdamOptions { learning_rate: 0.02, ..AdamOptions::default() };
    let mut optimiser = Adam::new(vec![("picture".into(), picture.clone())], options);
    let mut replay = setup.replay();
    let mut step = move |()| {
        let tape = Tape::new();
        let x = tape.parameter(&picture);
        let mut loss = ops::add(&variation(&x, 1), &variation(&x, 2));
        for (place, map) in vgg.features(&x, &layers).iter().enumerate() {
            let term = if place == content_place {
                ops::mean_squared_difference(map, &content_map)
            } else {
                ops::scale(&ops::mean_squared_difference(&gram(map), &style_grams[place]), STYLE_WEIGHT)
            };
            loss = ops::add(&loss, &term);
        }
        drop(x);
        let gradients = tape.parameter_gradients(&loss, std::slice::from_ref(&picture));
        drop(tape);
        optimiser.step(&gradients);
    };
    Box::new(move || replay.run((), &mut step))
}

/// The Gram matrices of maps `(N, H, W, C)`, divided by `C H W`.
fn gram(map: &Var) -> Var {
    let values: usize = map.shape()[1..].iter().product();
    ops::scale(&ops::gram(map), 1.0 / values as f32)
}

/// The mean difference of neighbours along an axis.
fn variation(x: &Var, axis: usize) -> Var {
    let length = x.shape()[axis] - 1;
    ops::mean_absolute_difference(&ops::narrow(x, axis, 1, length), &ops::narrow(x, axis, 0, length))
}
