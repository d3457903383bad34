//! Convolution with filters that never change, such as those of a network that losses look through.

use std::sync::{Arc, OnceLock};

use gobelin_kernels::cpu::conv::Direction;
use gobelin_kernels::cpu::conv::{self, Activation, Epilogue, Prepared};
use gobelin_kernels::cuda::Device;
use gobelin_kernels::cuda::conv as device;
use gobelin_kernels::cuda::elementwise::{Map, Zip};

use super::conv2d::{Window, precision};
use crate::copies::Copies;
use crate::ops;
use crate::profile;
use crate::tensor::Tensor;
use crate::var::Var;

/// Most weights of filters that are prepared. Prepared, a layer of 512 by 512 channels takes 38 MB a direction where its weights take
/// 9, shared by both; transforming them anew takes 0.5 to 1 of its 4 ms on a map of 32x32. Style transfer at 256 pixels: 567 MB with all
/// layers prepared.
const MOST_PREPARED: usize = 9 * 256 * 256;

/// Filters and biases that never change, prepared once for each direction that is used; of large filters only the weights are kept.
pub struct FrozenFilters {
    window: Window,
    /// Channels in and out.
    channels: [usize; 2],
    weight: Box<dyn Fn() -> Tensor + Send + Sync>,
    bias: Tensor,
    kept: OnceLock<Tensor>,
    weight_on: Copies,
    bias_on: Copies,
    forward: OnceLock<Prepared>,
    input_gradient: OnceLock<Prepared>,
}

impl FrozenFilters {
    /// Filters of `window` from `channels[0]` to `channels[1]` channels. `weight` gives the weights `(kh, kw, I, O)`; it is
    /// called when a direction is first used, and what it gives is dropped as soon as that direction's filters are
    /// prepared: weights that lie in a mapped file need no memory of their own.
    ///
    /// # Panics
    /// If the bias does not have one value a channel.
    #[track_caller]
    pub fn new(
        window: Window,
        channels: [usize; 2],
        bias: Tensor,
        weight: impl Fn() -> Tensor + Send + Sync + 'static,
    ) -> Self {
        let shape = bias.shape();
        assert!(
            shape == [channels[1]],
            "frozen filters: biases of {shape:?}, expected [{}], the channels out",
            channels[1]
        );
        let weight = Box::new(weight);
        Self {
            window,
            channels,
            weight,
            bias,
            kept: OnceLock::new(),
            weight_on: Copies::default(),
            bias_on: Copies::default(),
            forward: OnceLock::new(),
            input_gradient: OnceLock::new(),
        }
    }

    /// The window they look through.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Channels in and out.
    pub fn channels(&self) -> [usize; 2] {
        self.channels
    }

    /// The weights `(kh, kw, I, O)`, read anew.
    ///
    /// # Panics
    /// If they have another shape.
    pub fn weight(&self) -> Tensor {
        let weight = (self.weight)();
        let expected = [self.window.kernel[0], self.window.kernel[1], self.channels[0], self.channels[1]];
        assert!(weight.shape() == expected, "frozen filters: {:?}, expected {expected:?}", weight.shape());
        weight
    }

    /// The biases, one a channel out.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// The weights, if they are too large to be prepared.
    fn kept(&self) -> Option<&Tensor> {
        let [height, width] = self.window.kernel;
        let large = height * width * self.channels[0] * self.channels[1] > MOST_PREPARED;
        large.then(|| self.kept.get_or_init(|| self.weight()))
    }

    /// The weights on a device, which prepares nothing.
    fn weight_on(&self, place: &Device) -> Tensor {
        self.weight_on.on(place, || self.weight())
    }

    fn bias_on(&self, place: &Device) -> Tensor {
        self.bias_on.on(place, || self.bias.clone())
    }

    fn prepared(&self, direction: Direction, geometry: &conv::Conv2d) -> &Prepared {
        let place = if direction == Direction::Forward { &self.forward } else { &self.input_gradient };
        place.get_or_init(|| Prepared::new(geometry, direction, self.weight().data()))
    }

    /// The convolution of pictures of this shape.
    #[track_caller]
    fn describe(&self, shape: &[usize]) -> conv::Conv2d {
        assert!(
            shape.len() == 4 && shape[3] == self.channels[0],
            "frozen_conv2d: a picture of {shape:?}, expected (N, H, W, {})",
            self.channels[0]
        );
        self.window.describe(shape, self.channels[1])
    }
}

/// Correlates `x` `(N, H, W, I)` with frozen filters, adds their bias, and takes `max(y, 0)` if `rectified`, all in one pass:
/// `(N, H', W', O)`.
///
/// Derivative: the transposed convolution of the gradient, of which only that part counts whose output is positive, if rectified.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn frozen_conv2d(x: &Var, filters: &Arc<FrozenFilters>, rectified: bool) -> Var {
    let geometry = filters.describe(x.shape());
    let activation = if rectified { Activation::Relu } else { Activation::Identity };
    let y = correlate(x, filters, &geometry, Some(activation));
    let (saved, filters) = (rectified.then(|| y.clone()), Arc::clone(filters));
    Var::record("frozen_conv2d", y, &[x], move |step| {
        let gradient = match &saved {
            None => step.gradient,
            Some(y) if step.is_final() => {
                let passed = |g: f32, y: f32| if y <= 0.0 { 0.0 } else { g };
                step.gradient.into_tensor().zip_into_as(y, Zip::ReluGradient, passed).into()
            }
            Some(y) => {
                let slopes = y.map_as(Map::LeakySlope(0.0), |y| f32::from(y > 0.0));
                ops::mul(&step.gradient, &slopes.into())
            }
        };
        vec![Some(back(&gradient, &filters, geometry))]
    })
}

/// The convolution; with an activation also the bias, which comes before it.
fn correlate(
    x: &Var,
    filters: &FrozenFilters,
    geometry: &conv::Conv2d,
    activation: Option<Activation>,
) -> Tensor {
    let shape = [geometry.batch, geometry.out_height(), geometry.out_width(), geometry.channels_out];
    profile::count(geometry.operations());
    let is_biased = activation.is_some();
    let activation = activation.unwrap_or(Activation::Identity);
    if let Some(place) = x.tensor().device() {
        let (x, weight) = (x.tensor().buffer(place), filters.weight_on(place));
        let bias = is_biased.then(|| filters.bias_on(place));
        let bias = bias.as_ref().map(|bias| bias.buffer(place));
        let epilogue = device::Epilogue { bias, activation };
        return Tensor::build_on(place, &shape, |y| {
            device::forward(geometry, precision(geometry, x), x, weight.buffer(place), epilogue, y)
        });
    }
    let (x, bias) = (x.tensor().data(), is_biased.then_some(&filters.bias));
    let epilogue = Epilogue { bias: bias.map(Tensor::data), activation };
    if let Some(weight) = filters.kept() {
        return Tensor::build(&shape, |y| conv::forward_then(geometry, x, weight.data(), epilogue, y));
    }
    let prepared = filters.prepared(Direction::Forward, geometry);
    Tensor::build(&shape, |y| conv::forward_prepared(geometry, x, prepared, epilogue, y))
}

/// The transposed convolution. Derivative: [`onward`].
fn back(dy: &Var, filters: &Arc<FrozenFilters>, geometry: conv::Conv2d) -> Var {
    let shape = [geometry.batch, geometry.height, geometry.width, geometry.channels_in];
    profile::count(geometry.operations());
    let dx = if let Some(place) = dy.tensor().device() {
        let (dy, weight) = (dy.tensor().buffer(place), filters.weight_on(place));
        Tensor::build_on(place, &shape, |dx| {
            device::input_gradient(&geometry, precision(&geometry, dy), dy, weight.buffer(place), dx)
        })
    } else {
        let gradient = dy.tensor().data();
        Tensor::build(&shape, |dx| {
            if let Some(weight) = filters.kept() {
                conv::input_gradient(&geometry, gradient, weight.data(), dx);
            } else {
                let prepared = filters.prepared(Direction::InputGradient, &geometry);
                conv::input_gradient_prepared(&geometry, gradient, prepared, dx);
            }
        })
    };
    let filters = Arc::clone(filters);
    Var::record("frozen_conv2d_input_gradient", dx, &[dy], move |step| {
        vec![Some(onward(&step.gradient, &filters, geometry))]
    })
}

/// The convolution alone. Derivative: [`back`].
fn onward(x: &Var, filters: &Arc<FrozenFilters>, geometry: conv::Conv2d) -> Var {
    let y = correlate(x, filters, &geometry, None);
    let filters = Arc::clone(filters);
    Var::record("frozen_conv2d_linear", y, &[x], move |step| {
        vec![Some(back(&step.gradient, &filters, geometry))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    fn filters(channels: [usize; 2]) -> (Arc<FrozenFilters>, Tensor, Tensor) {
        let weight = numbers(&[3, 3, channels[0], channels[1]], 1).map(move |w| w / channels[0] as f32);
        let (bias, copy) = (numbers(&[channels[1]], 2), weight.clone());
        let window = Window::square(3, 1, 1);
        (Arc::new(FrozenFilters::new(window, channels, bias.clone(), move || copy.clone())), weight, bias)
    }

    /// Few channels go through the plain algorithms, 32 through Winograd's, and so many that their filters are not prepared.
    #[test]
    fn values_and_gradients_are_those_of_the_ops_it_stands_for() {
        for channels in [[3, 5], [32, 33], [272, 256]] {
            let (filters, weight, bias) = filters(channels);
            let x = numbers(&[2, 11, 14, channels[0]], 3);
            for rectified in [false, true] {
                let plain = |x: &Var| {
                    let y = ops::conv2d(x, &weight.clone().into(), Window::square(3, 1, 1));
                    let y = ops::add(&y, &bias.clone().into());
                    if rectified { ops::relu(&y) } else { y }
                };
                let run = |function: &dyn Fn(&Var) -> Var| {
                    let tape = Tape::new();
                    let x = tape.leaf(x.clone());
                    let y = function(&x);
                    let loss = ops::sum(&ops::square(&y));
                    (y.into_tensor(), tape.gradients(&loss, &[&x]).remove(0))
                };
                let (y, gradient) = run(&|x| frozen_conv2d(x, &filters, rectified));
                let (expected, expected_gradient) = run(&plain);
                assert_eq!((y.data(), y.shape()), (expected.data(), expected.shape()));
                assert_eq!(gradient.data(), expected_gradient.data());
            }
        }
    }

    /// As a program may use them that has two.
    #[test]
    fn every_card_has_its_own() {
        let Some(cards) =
            [(); 2].map(|()| gobelin_emulation::device()).into_iter().collect::<Option<Vec<_>>>()
        else {
            return;
        };
        let (filters, ..) = filters([3, 5]);
        let x = numbers(&[1, 4, 4, 3], 3);
        let expected = frozen_conv2d(&x.clone().into(), &filters, true).into_tensor();
        for card in cards.iter().chain(&cards) {
            let y = frozen_conv2d(&x.to_device(card).into(), &filters, true).into_tensor();
            assert_eq!(y.device(), Some(card));
            for (found, expected) in y.data().iter().zip(expected.data()) {
                assert!((found - expected).abs() < 1e-2, "{found}, expected {expected}");
            }
        }
    }

    #[test]
    fn gradients() {
        for channels in [[2, 3], [32, 32]] {
            let (filters, ..) = filters(channels);
            let x = numbers(&[1, 3, 4, channels[0]], 3);
            GradientCheck::default()
                .assert(std::slice::from_ref(&x), |x| ops::square(&frozen_conv2d(&x[0], &filters, false)));
            // Small steps, since kinks lie where the output is 0.
            GradientCheck::default()
                .with_step(2e-3)
                .with_tolerance(2e-2)
                .assert(&[x], |x| ops::square(&frozen_conv2d(&x[0], &filters, true)));
        }
    }

    #[test]
    #[should_panic(expected = "a picture of [1, 4, 4, 2], expected (N, H, W, 3)")]
    fn shapes_that_do_not_fit_are_named() {
        let _ = frozen_conv2d(&numbers(&[1, 4, 4, 2], 1).into(), &filters([3, 5]).0, true);
    }
}
