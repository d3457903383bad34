//! Softmax pre-training: the net first learns to tell the people to train on apart as classes, which is quicker than
//! triplets at the start; the classifier is then dropped.

use gobelin_autograd::optimiser::Optimiser;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Device, Figure, Parameter, Tape, Tensor, Var, ops};
use gobelin_harness::{State, StateError};
use gobelin_losses::cross_entropy::CrossEntropy;
use gobelin_nets::layers::Linear;
use gobelin_nets::{Module, Pass, parameters, to_device};

use crate::learner::{Faces, Learner};

/// What unit embeddings are multiplied by: a classifier of vectors of length 1 could not be sure otherwise (Wang et al.
/// 2017, "NormFace", section 3.3).
const SCALE: f32 = 16.0;

/// A class for each person, on top of the embeddings.
pub struct Classifier {
    layer: Linear,
    optimiser: Box<dyn Optimiser>,
}

/// What a step of pre-training tells.
#[derive(Clone, Debug)]
pub struct Classified {
    /// The cross-entropy.
    pub loss: Figure,
    /// The share of the batch whose person is the likeliest class.
    pub accuracy: Figure,
    /// The norm of the net's gradient.
    pub gradient: Figure,
    /// What it was taken from, (N, D).
    pub embeddings: Tensor,
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

    /// One update of the net and the classifier, where `people` (N) has the number of each picture's person.
    pub fn update(&mut self, learner: &mut Learner, faces: &Faces, people: &Tensor) -> Classified {
        let own: Vec<Parameter> = parameters(&self.layer).into_iter().map(|(_, weight)| weight).collect();
        let mut accuracy = Figure::Known(0.0);
        let gradients = learner.gradients(faces, &own, |tape: &Tape, embeddings: &Var| {
            let logits = ops::scale(&self.layer.forward(&Pass::training(tape), embeddings), SCALE);
            accuracy = share_right(logits.tensor(), people);
            CrossEntropy::default().of(&logits, people, None)
        });
        self.optimiser.step(&gradients.others);
        let gradient = learner.descent.step(&gradients.net);
        Classified { loss: (&gradients.loss).into(), accuracy, gradient, embeddings: gradients.embeddings }
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

/// The share of rows of logits (N, people) that are largest at the person's own place.
fn share_right(logits: &Tensor, people: &Tensor) -> Figure {
    let count = people.len().max(1);
    if logits.device().is_some() {
        let logits: Var = logits.clone().into();
        let short = ops::sub(&ops::max_axes(&logits, &[1]), &ops::pick(&logits, people));
        let wrong = ops::count_outside(short.tensor(), 0.0, 0.0).into();
        return (&ops::add_scalar(&ops::scale(&wrong, -1.0 / count as f32), 1.0)).into();
    }
    let rows = logits.data().chunks_exact(logits.shape()[1]);
    let largest =
        |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(class, _)| class as f32);
    let right = rows.zip(people.data()).filter(|(row, person)| largest(row) == Some(**person)).count();
    Figure::Known(right as f64 / count as f64)
}
