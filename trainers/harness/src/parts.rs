//! Nets, optimisers and averages as parts of a trainer's state.

use gobelin_autograd::Tensor;
use gobelin_autograd::optimiser::{self, Average, Lbfgs, Optimiser};
use gobelin_nets::Module;

use crate::state::{Entry, State, StateError};

impl State {
    /// Stores every tensor of a net under `prefix/`.
    #[track_caller]
    pub fn put_module(&mut self, prefix: &str, module: &dyn Module) {
        for entry in module.entries() {
            let value = entry.parameter.borrow();
            self.put_floats(format!("{prefix}/{}", entry.name), value.shape(), value.data());
        }
    }

    /// Takes back what [`State::put_module`] stored; the net is unchanged unless all of it fits.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load_module(&self, prefix: &str, module: &dyn Module) -> Result<(), StateError> {
        let entries = module.entries();
        let value = |entry: &gobelin_nets::Entry| {
            let shape = entry.parameter.shape();
            Ok(Tensor::new(&shape, self.floats(&format!("{prefix}/{}", entry.name), &shape)?))
        };
        let values: Vec<Tensor> = entries.iter().map(value).collect::<Result<_, StateError>>()?;
        for (entry, value) in entries.iter().zip(values) {
            entry.parameter.set(value);
        }
        Ok(())
    }

    /// Stores an optimiser's steps and slots under `prefix/`.
    #[track_caller]
    pub fn put_optimiser(&mut self, prefix: &str, optimiser: &dyn Optimiser) {
        self.put_learned(prefix, optimiser.state());
    }

    /// Takes back what [`State::put_optimiser`] stored.
    ///
    /// # Errors
    /// It was stored by another kind of optimiser or over other parameters.
    pub fn load_optimiser(&self, prefix: &str, optimiser: &mut dyn Optimiser) -> Result<(), StateError> {
        Ok(optimiser.load_state(&self.learned(prefix)?)?)
    }

    /// Stores what L-BFGS knows of past steps under `prefix/`.
    #[track_caller]
    pub fn put_lbfgs(&mut self, prefix: &str, lbfgs: &Lbfgs) {
        self.put_learned(prefix, lbfgs.state());
    }

    /// Takes back what [`State::put_lbfgs`] stored.
    ///
    /// # Errors
    /// It was stored for other parameters.
    pub fn load_lbfgs(&self, prefix: &str, lbfgs: &mut Lbfgs) -> Result<(), StateError> {
        Ok(lbfgs.load_state(&self.learned(prefix)?)?)
    }

    /// Stores an average of weights under `prefix/`.
    #[track_caller]
    pub fn put_average(&mut self, prefix: &str, average: &Average) {
        self.put_learned(prefix, average.state());
    }

    /// Takes back what [`State::put_average`] stored.
    ///
    /// # Errors
    /// It was stored for other parameters.
    pub fn load_average(&self, prefix: &str, average: &mut Average) -> Result<(), StateError> {
        Ok(average.load_state(&self.learned(prefix)?)?)
    }

    /// Stores a plain tensor, as of a pool or of fixed noise.
    #[track_caller]
    pub fn put_tensor(&mut self, name: impl Into<String>, tensor: &Tensor) {
        self.put_floats(name, tensor.shape(), tensor.data());
    }

    /// Takes back a tensor of the given shape.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, StateError> {
        Ok(Tensor::new(shape, self.floats(name, shape)?))
    }

    #[track_caller]
    fn put_learned(&mut self, prefix: &str, state: optimiser::State) {
        self.put_integer(format!("{prefix}/steps"), state.steps as i64);
        for (name, tensor) in state.tensors {
            self.put_tensor(format!("{prefix}/slots/{name}"), &tensor);
        }
    }

    fn learned(&self, prefix: &str) -> Result<optimiser::State, StateError> {
        let steps = self.integer(&format!("{prefix}/steps"))?;
        // An optimiser without slots (plain SGD) stores none.
        let slots = self.part(&format!("{prefix}/slots")).unwrap_or_default();
        let tensor = |(name, entry): (&str, &Entry)| match entry {
            Entry::Floats { shape, data } => Some((name.to_owned(), Tensor::new(shape, data))),
            _ => None,
        };
        Ok(optimiser::State { steps: steps as u64, tensors: slots.iter().filter_map(tensor).collect() })
    }
}
