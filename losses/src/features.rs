//! What the losses that compare pictures by their features need of a network.

use gobelin_autograd::Var;

/// A network whose layers can be looked at: VGG-19 with its trained weights, or a random one.
pub trait Features {
    /// The outputs of the named layers for pictures of `(N, H, W, 3)`, each `(N, H', W', C')`, in the order asked for.
    fn at(&self, pictures: &Var, layers: &[&str]) -> Vec<Var>;
}
