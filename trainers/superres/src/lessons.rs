//! What the network learns from, batch by batch.

use gobelin_autograd::{Bundle, Tensor};
use gobelin_datasets::Loader;
use gobelin_harness::{Dealer, Failure, Pictures, State, StateError};

use crate::degrade::{bicubic, low_resolution};

/// What the host hands to an update, pictures `(N, H, W, 3)` in [-1, 1].
#[derive(Clone, Debug)]
pub struct Lesson {
    /// What the network should make.
    pub wanted: Tensor,
    /// What it is shown, if that is something else.
    pub seen: Option<Tensor>,
    /// The mean squared error of bicubic interpolation, where that is asked for.
    pub bicubic: Option<f32>,
}

impl Bundle for Lesson {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.wanted);
        self.seen.each_tensor(visit);
    }
}

/// Deals lessons from a data set's pictures.
pub struct Lessons {
    pictures: Pictures,
    scale: Option<usize>,
    is_compared: bool,
}

impl Lessons {
    /// Of enlarging `scale` times, or else of making other pictures of the same size; with bicubic interpolation's error if that
    /// `is_compared`.
    pub fn new(loader: Loader, scale: Option<usize>, is_compared: bool) -> Self {
        Self { pictures: Pictures::new(loader, "data-position"), scale, is_compared }
    }

    /// Where the pictures come from.
    pub fn loader(&self) -> &Loader {
        self.pictures.loader()
    }
}

impl Dealer for Lessons {
    type Hand = Lesson;

    fn deal(&mut self) -> Result<Lesson, Failure> {
        let wanted = self.pictures.deal()?;
        let Some(scale) = self.scale else { return Ok(Lesson { wanted, seen: None, bicubic: None }) };
        let seen = low_resolution(&wanted, scale);
        let bicubic = self.is_compared.then(|| squared_error(&bicubic(&seen, scale), &wanted));
        Ok(Lesson { wanted, seen: Some(seen), bicubic })
    }

    fn save(&self, state: &mut State) {
        self.pictures.save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.pictures.load(state)
    }
}

fn squared_error(made: &Tensor, wanted: &Tensor) -> f32 {
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    (made.data().iter().zip(wanted.data()).map(square).sum::<f64>() / made.len() as f64) as f32
}
