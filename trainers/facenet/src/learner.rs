//! One update of a net of embeddings, in one pass or in two.
//!
//! **One pass** embeds the whole batch on a tape and goes back.
//!
//! **Two passes** (after Schroff et al. 2015, whose batches of 1800 faces are mined as a whole) hold no more of the net
//! in memory than a chunk of the batch takes. The first embeds chunk after chunk without a tape; the loss of all embeddings
//! and its gradient by them follow from the embeddings alone. The second embeds each chunk again, on a tape, and goes
//! back from that gradient; the chunks' gradients add up.
//!
//! The gradient is exact for the net that the two passes see, in which **batch norm takes its statistics from each chunk**, in
//! both passes the same ("ghost" batches: Hoffer et al. 2017). One pass takes them from the whole batch: another function of
//! the pictures, the closer the larger the chunk. A chunk must look like the batch for this to do no harm, so its pictures are
//! taken from all over the batch, every n-th, and never a few people alone. The running statistics move towards each
//! chunk's, in the second pass, and so reach the data's in fewer steps than in one pass.

use gobelin_autograd::optimiser::{AdaGrad, AdaGradOptions, Adam, AdamOptions, Descent, Optimiser};
use gobelin_autograd::{Bundle, Parameter, Tape, Tensor, Var, ops};
use gobelin_nets::{Module, Pass, parameters};

/// How a net learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// AdaGrad, as in the paper.
    AdaGrad,
    /// Adam with PyTorch's defaults.
    Adam,
}

impl Method {
    /// An optimiser at its beginning.
    pub fn optimiser(self, parameters: Vec<(String, Parameter)>, learning_rate: f64) -> Box<dyn Optimiser> {
        match self {
            Self::AdaGrad => Box::new(AdaGrad::new(
                parameters,
                AdaGradOptions { learning_rate, ..AdaGradOptions::default() },
            )),
            Self::Adam => {
                Box::new(Adam::new(parameters, AdamOptions { learning_rate, ..AdamOptions::default() }))
            }
        }
    }
}

/// A net of embeddings and how it learns.
pub struct Learner {
    /// Maps pictures (N, H, W, 3) to embeddings (N, D).
    pub net: Box<dyn Module>,
    /// Its optimiser.
    pub descent: Descent,
    method: Method,
    learning_rate: f64,
    /// Most pictures in a pass; 0: all.
    chunk: usize,
    exact: bool,
}

/// The pictures of a step, and which of them are embedded together: an input of recorded work.
#[derive(Clone, Debug)]
pub struct Faces {
    /// (N, H, W, 3).
    pictures: Tensor,
    /// Where they are too many to be embedded at once.
    chunks: Option<Chunks>,
}

#[derive(Clone, Debug)]
struct Chunks {
    /// The pictures' places in each, whole numbers.
    rows: Vec<Tensor>,
    /// The place of each picture's row among those of all chunks, one after the other.
    order: Tensor,
}

impl Bundle for Faces {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.pictures);
        if let Some(Chunks { rows, order }) = &mut self.chunks {
            rows.iter_mut().for_each(&mut *visit);
            visit(order);
        }
    }
}

/// A loss and its gradients.
pub struct Gradients {
    /// The embeddings that it is of, (N, D).
    pub embeddings: Tensor,
    /// The loss, a scalar.
    pub loss: Tensor,
    /// Those of the net's weights, in its order.
    pub net: Vec<Tensor>,
    /// Those of the other parameters asked for, in their order.
    pub others: Vec<Tensor>,
}

impl Learner {
    /// A net at its beginning. `chunk`: most pictures in a pass, 0 for all; `exact`: without algorithms that trade
    /// digits for speed.
    pub fn new(net: Box<dyn Module>, method: Method, learning_rate: f64, chunk: usize, exact: bool) -> Self {
        let descent = Descent::new(parameters(&*net), |weights| method.optimiser(weights, learning_rate));
        Self { net, descent, method, learning_rate, chunk, exact }
    }

    /// Forgets what the optimiser has learned, for a new loss.
    pub fn restart_optimiser(&mut self) {
        self.descent = Descent::new(parameters(&*self.net), |weights| {
            self.method.optimiser(weights, self.learning_rate)
        });
    }

    /// Another optimiser of the same kind and rate.
    pub fn optimiser_of(&self, parameters: Vec<(String, Parameter)>) -> Box<dyn Optimiser> {
        self.method.optimiser(parameters, self.learning_rate)
    }

    /// Pictures (N, H, W, 3) to learn from.
    pub fn faces(&self, pictures: Tensor) -> Faces {
        let chunks = chunks(pictures.shape()[0], self.chunk);
        Faces { pictures, chunks: (chunks.len() > 1).then(|| Chunks::new(&chunks)) }
    }

    /// The gradients of `objective`, a loss of the embeddings of `faces`, by the net's weights and by those of its own parameters
    /// that `others` names.
    pub fn gradients(
        &self,
        faces: &Faces,
        others: &[Parameter],
        objective: impl FnOnce(&Tape, &Var) -> Var,
    ) -> Gradients {
        match &faces.chunks {
            None => self.in_one_pass(&faces.pictures, others, objective),
            Some(chunks) => self.in_two_passes(&faces.pictures, chunks, others, objective),
        }
    }

    /// The embeddings of pictures, chunk by chunk; nothing is changed.
    pub fn embed(&self, faces: &Faces) -> Tensor {
        match &faces.chunks {
            None => self.embed_once(&faces.pictures),
            Some(chunks) => self.embed_chunks(&faces.pictures, chunks),
        }
    }

    fn in_one_pass(
        &self,
        pictures: &Tensor,
        others: &[Parameter],
        objective: impl FnOnce(&Tape, &Var) -> Var,
    ) -> Gradients {
        let tape = Tape::new();
        let embeddings = self.net.forward(&Pass::training(&tape).exact(self.exact), &pictures.clone().into());
        let loss = objective(&tape, &embeddings);
        let wanted: Vec<Parameter> = self.descent.weights().chain(others).cloned().collect();
        let mut net = tape.parameter_gradients(&loss, &wanted);
        let others = net.split_off(self.descent.weights().len());
        Gradients { loss: loss.into_tensor(), embeddings: embeddings.into_tensor(), net, others }
    }

    fn in_two_passes(
        &self,
        pictures: &Tensor,
        chunks: &Chunks,
        others: &[Parameter],
        objective: impl FnOnce(&Tape, &Var) -> Var,
    ) -> Gradients {
        let embeddings = self.embed_chunks(pictures, chunks);
        let tape = Tape::new();
        let leaf = tape.leaf(embeddings.clone());
        let loss = objective(&tape, &leaf);
        let leaves: Vec<Var> = others.iter().map(|other| tape.parameter(other)).collect();
        let inputs: Vec<&Var> = std::iter::once(&leaf).chain(&leaves).collect();
        let mut others = tape.gradients(&loss, &inputs);
        let by_embeddings = others.remove(0);
        drop(tape);

        let weights: Vec<Parameter> = self.descent.weights().cloned().collect();
        let mut net: Option<Vec<Tensor>> = None;
        for rows in &chunks.rows {
            let tape = Tape::new();
            let pass = Pass::training(&tape).exact(self.exact);
            let embedded = self.net.forward(&pass, &gathered(pictures, rows).into());
            // Its gradient by the embeddings is the loss's.
            let along = ops::sum(&ops::mul(&embedded, &gathered(&by_embeddings, rows).into()));
            let part = tape.parameter_gradients(&along, &weights);
            net = Some(match net {
                None => part,
                Some(sums) => sums.into_iter().zip(part).map(added).collect(),
            });
        }
        Gradients { embeddings, loss: loss.into_tensor(), net: net.unwrap_or_default(), others }
    }

    fn embed_once(&self, pictures: &Tensor) -> Tensor {
        self.net.forward(&Pass::sampling().exact(self.exact), &pictures.clone().into()).into_tensor()
    }

    fn embed_chunks(&self, pictures: &Tensor, chunks: &Chunks) -> Tensor {
        let embed = |rows| Var::from(self.embed_once(&gathered(pictures, rows)));
        let parts: Vec<Var> = chunks.rows.iter().map(embed).collect();
        let parts = ops::concat(&parts.iter().collect::<Vec<_>>(), 0);
        ops::gather_rows(&parts, &chunks.order).into_tensor()
    }
}

impl Chunks {
    fn new(chunks: &[Vec<usize>]) -> Self {
        let mut order = vec![0.0; chunks.iter().map(Vec::len).sum()];
        for (place, &row) in chunks.iter().flatten().enumerate() {
            order[row] = place as f32;
        }
        let numbers = |rows: &Vec<usize>| {
            Tensor::new(&[rows.len()], rows.iter().map(|&row| row as f32).collect::<Vec<_>>())
        };
        Self { rows: chunks.iter().map(numbers).collect(), order: Tensor::new(&[order.len()], order) }
    }
}

/// The rows of each chunk: as few chunks of at most `most` as there can be, as equal as can be, each with every n-th row.
fn chunks(count: usize, most: usize) -> Vec<Vec<usize>> {
    let chunks = if most == 0 { 1 } else { count.div_ceil(most).max(1) };
    (0..chunks).map(|first| (first..count).step_by(chunks).collect()).collect()
}

/// Rows of a tensor of any rank.
fn gathered(tensor: &Tensor, rows: &Tensor) -> Tensor {
    let mut shape = tensor.shape().to_vec();
    let matrix = [shape[0], shape[1..].iter().product()];
    shape[0] = rows.len();
    ops::gather_rows(&tensor.reshape(&matrix).into(), rows).into_tensor().reshape(&shape)
}

/// The sum of two gradients, over the first one's memory where that lies on the host.
fn added((sum, part): (Tensor, Tensor)) -> Tensor {
    if sum.device().is_some() {
        return ops::add(&sum.into(), &part.into()).into_tensor();
    }
    sum.zip_into(&part, |a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_even_and_spread_over_the_batch() {
        assert_eq!(chunks(5, 0), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(chunks(5, 5), chunks(5, 0));
        assert_eq!(chunks(7, 3), [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
        let sizes: Vec<usize> = chunks(1800, 64).iter().map(Vec::len).collect();
        assert!(sizes.iter().all(|&size| size == 62 || size == 63) && sizes.iter().sum::<usize>() == 1800);
    }

    #[test]
    fn rows_of_chunks_go_back_where_they_came_from() {
        let whole = Tensor::new(&[7, 1], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let chunks = Chunks::new(&chunks(7, 3));
        let parts: Vec<Var> = chunks.rows.iter().map(|rows| gathered(&whole, rows).into()).collect();
        let parts = ops::concat(&parts.iter().collect::<Vec<_>>(), 0);
        assert_eq!(parts.tensor().data(), [0.0, 3.0, 6.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(ops::gather_rows(&parts, &chunks.order).tensor().data(), whole.data());
    }

    #[test]
    fn rows_are_gathered_whole() {
        let tensor = Tensor::new(&[3, 1, 2], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let found = gathered(&tensor, &Tensor::new(&[2], [2.0, 0.0]));
        assert_eq!((found.shape(), found.data()), (&[2, 1, 2][..], &[4.0, 5.0, 0.0, 1.0][..]));
    }
}
