//! A small tape-based autograd: tensors, ops with derivatives of every order, a gradient check, optimisers.
//!
//! A [`Tensor`] is dense `f32` in row-major order and cheap to clone. A [`Var`] is a tensor and, if it is tracked,
//! its place on a [`Tape`]. Ops take and return `Var`s; where nothing is tracked they record nothing, so inference is
//! the same code.
//!
//! ```
//! use gobelin_autograd::{Tape, Tensor, ops};
//!
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::new(&[3], vec![1.0, -2.0, 3.0]));
//! let loss = ops::sum(&ops::square(&x));
//! let gradient = tape.gradients(&loss, &[&x]).remove(0);
//! assert_eq!(gradient.data(), [2.0, -4.0, 6.0]);
//! ```
//!
//! Every derivative is itself written with differentiable ops, so a gradient can be differentiated again:
//! [`Tape::differentiable_gradients`] returns `Var`s. That is what gradient penalties and Hessian-vector products need.
//!
//! Ops run on a graphics card where their inputs lie there ([`Tensor::to_device`]), and a whole step of them can be recorded and
//! replayed ([`Replay`]) while what the next one needs is on its way ([`Ahead`]).
//!
//! Mistakes in code (shapes that do not fit) panic at the caller's line and name the op, the shapes and what was
//! expected. Nothing here reads data from outside, so nothing here returns an error.

mod ahead;
pub mod check;
mod copies;
mod figures;
pub mod ops;
pub mod optimiser;
mod parameter;
pub mod profile;
pub mod random;
mod replay;
mod tape;
mod tensor;
mod values;
mod var;

pub use ahead::Ahead;
pub use copies::Copies;
pub use figures::{Figure, Figures};
pub use gobelin_kernels::cuda::{Device, Error as DeviceError, Precision};
pub use parameter::Parameter;
pub use replay::{Bundle, Replay};
pub use tape::{Rule, Step, Tape};
pub use tensor::Tensor;
pub use values::{attempt, expect};
pub use var::Var;
