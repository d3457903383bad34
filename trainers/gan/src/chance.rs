//! What steps draw by chance, where they compute.

use gobelin_autograd::random::Stream;
use gobelin_autograd::{Bundle, Device, Tensor};
use gobelin_harness::{RunOptions, State, StateError};
use gobelin_losses::gan::Labels;

use crate::game::{Hand, Rules};
use crate::options::GanOptions;

/// Streams of the run's seed.
const NOISE: u64 = 1;
const LABELS: u64 = 2;
const SHOWN: u64 = 3;
const JUDGED: u64 = 4;
const PLACES: u64 = 5;

/// Noise, noisy labels, and places for the gradient penalty, each from a stream of its own.
pub struct Chance {
    noise: Stream,
    labels: Stream,
    places: Stream,
    /// The labels where none are swapped.
    plain: Labels,
    label_smoothing: f32,
    label_noise: f32,
}

impl Chance {
    /// At the beginning.
    pub(crate) fn new(options: &GanOptions, run: &RunOptions) -> Self {
        let [noise, labels, places] = [NOISE, LABELS, PLACES].map(|stream| Stream::new(run.seed, stream));
        let GanOptions { label_smoothing, label_noise, .. } = *options;
        let plain = Labels::smooth(label_smoothing);
        Self { noise, labels, places, plain, label_smoothing, label_noise }
    }

    /// Has a card draw from now on.
    pub fn to_device(&mut self, card: &Device) {
        self.streams().into_iter().for_each(|(_, stream)| stream.to_device(card));
        self.plain.each_tensor(&mut |labels| *labels = labels.to_device(card));
    }

    /// Noise for so many pictures.
    pub fn noise(&mut self, count: usize, rules: &Rules) -> Tensor {
        noise(&mut self.noise, count, rules)
    }

    /// What an update of the discriminator takes beside generated pictures.
    pub fn hand(&mut self, real: Tensor, rules: &Rules) -> Hand {
        let count = real.shape()[0];
        let labels = if self.label_noise > 0.0 {
            Labels::noisy(count, self.label_smoothing, self.label_noise, &mut self.labels)
        } else {
            self.plain.clone()
        };
        let place = (rules.gradient_penalty > 0.0).then(|| self.places.uniform(&[count], 0.0, 1.0));
        Hand { real, labels, place }
    }

    fn streams(&mut self) -> [(&'static str, &mut Stream); 3] {
        [("noise", &mut self.noise), ("labels", &mut self.labels), ("places", &mut self.places)]
    }

    /// Stores how much was drawn.
    pub fn save(&self, state: &mut State) {
        let streams = [("noise", &self.noise), ("labels", &self.labels), ("places", &self.places)];
        for (name, stream) in streams {
            state.put_integer(name, stream.position() as i64);
        }
    }

    /// Goes on where [`Chance::save`] was.
    ///
    /// # Errors
    /// An entry is missing or of another kind.
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        for (name, stream) in self.streams() {
            stream.seek(state.integer(name)? as u64);
        }
        Ok(())
    }
}

fn noise(numbers: &mut Stream, count: usize, rules: &Rules) -> Tensor {
    numbers.normal(&[count, 1, 1, rules.shape.noise], 0.0, 1.0)
}

/// Noise for a grid of `count` samples: always the same.
pub fn shown(seed: u64, count: usize, rules: &Rules) -> Tensor {
    noise(&mut Stream::new(seed, SHOWN), count, rules)
}

/// Batches of noise, of `count` each, for pictures to judge: always the same.
pub fn judged(seed: u64, count: usize, rules: Rules) -> impl Iterator<Item = Tensor> {
    let mut numbers = Stream::new(seed, JUDGED);
    std::iter::repeat_with(move || noise(&mut numbers, count, &rules))
}
