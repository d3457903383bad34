//! Softmax pre-training: the net first learns to tell the people to train on apart as classes, which is quicker than
//! triplets at the start; the classifier is then dropped.

use gobelin_autograd::optimiser::Optimiser;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Device, Parameter, Tape, Tensor, Var, ops};
use gobelin_harness::{State, StateError};
use gobelin_losses::cross_entropy::CrossEntropy;
use gobelin_nets::layers::Linear;
use gobelin_nets::{Module, Pass, parameters, to_device};

use crate::learner::Learner;

/// What unit embeddings are multiplied by: a classifier of vectors of length 1 could not be sure otherwise (Wang et al.
/// 2017, "NormFace", section 3.3).
const SCALE: f32 = 16.0;

/// A class for each person, on top of the embeddings.
pub struct Classifier {
    layer: Linear,
    optimiser: Box<dyn Optimiser>,
}

/// What a step of pre-training tells.
#[derive(Clone, Copy, Debug)]
pub struct Classified {
    /// The cross-entropy.
    pub loss: f32,
    /// The share of the batch whose person is the likeliest class.
    pub accuracy: f64,
    /// The norm of the net's gradient.
    pub gradient: f64,
}

impl Classifier {
    /// A fresh classifier of embeddings of `dimensions`, which learns as `learner` does.
    pub fn new(dimensions: usize, people: usize, learner: &Learner, generator: &mut Generator) -> Self {
        let layer = Linear::new([dimensions, people], (1.0 / dimensions as f32).sqrt(), generator);
        let optimiser = learner.optimiser_of(parameters(&layer));
        Self { layer, optimiser }
    }

    /// Moves it to a graphics card.
    pub fn to_device(&self, card: &Device) {
        to_device(&self.layer, card);
    }

    /// One update of the net and the classifier; also the embeddings it was taken from.
    pub fn update(
        &mut self,
        learner: &mut Learner,
        pictures: &Tensor,
        people: &[i64],
    ) -> (Classified, Tensor) {
        let own: Vec<Parameter> = parameters(&self.layer).into_iter().map(|(_, weight)| weight).collect();
        let mut accuracy = 0.0;
        let gradients = learner.gradients(pictures, &own, |tape: &Tape, embeddings: &Var| {
            let logits = ops::scale(&self.layer.forward(&Pass::training(tape), embeddings), SCALE);
            accuracy = share_right(logits.tensor(), people);
            CrossEntropy::default().of(&logits, people, None)
        });
        self.optimiser.step(&gradients.others);
        let gradient = learner.descent.step(&gradients.net).get();
        (Classified { loss: gradients.loss, accuracy, gradient }, gradients.embeddings)
    }

    /// Stores the classifier and its optimiser.
    pub fn save(&self, state: &mut State) {
        state.put_module("classifier", &self.layer);
        state.put_optimiser("classifier-optimiser", &*self.optimiser);
    }

    /// Takes them back.
    ///
    /// # Errors
    /// They are missing or of other people.
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        state.load_module("classifier", &self.layer)?;
        state.load_optimiser("classifier-optimiser", &mut *self.optimiser)
    }

    /// Whether a state was saved while there was a classifier.
    pub fn is_in(state: &State) -> bool {
        state.contains("classifier/weight")
    }
}

fn share_right(logits: &Tensor, people: &[i64]) -> f64 {
    let rows = logits.data().chunks_exact(logits.shape()[1]);
    let largest =
        |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(class, _)| class as i64);
    let right = rows.zip(people).filter(|(row, person)| largest(row) == Some(**person)).count();
    right as f64 / people.len().max(1) as f64
}
