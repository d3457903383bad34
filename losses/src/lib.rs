//! A handbook of vision losses that runs: one file a loss, with its formula, shapes, units, defaults and paper, what it is for, when
//! it fails, and what to use then.
//!
//! # Which loss
//!
//! | you train | begin with | when | then |
//! |---|---|---|---|
//! | pictures whose answer is known: restoration, super-resolution, depth, flow | [`charbonnier`] or [`mae`] | PSNR is what counts | [`mse`] |
//! | | | a few answers are far off | [`huber`] |
//! | | | structure counts more than single pixels | [`ssim`] or [`ms_ssim`] beside [`mae`] |
//! | | | textures come out blurred: many answers are right, and their mean is none of them | [`perceptual`], then an adversarial loss beside it ([`gan`]) |
//! | classes that exclude each other | [`cross_entropy`] | rare classes are not learned | class weights, or [`dice`] beside it |
//! | | | the score is IoU | fine-tune with [`lovasz`] |
//! | masks, yes or no for each pixel | [`bce`] and [`dice`], added | easy background drowns the rest | [`focal`] |
//! | | | a miss is worse than a false alarm | [`tversky`] |
//! | | | touching objects grow together | [`pixel_weight_cross_entropy`] with [`weight_map`] |
//! | | | lines are broken where they must not be | [`topology`] or [`cldice`] |
//! | embeddings of labelled samples | [`triplet_batch`], semi-hard | the loss stands at the margin: collapse | [`mining`] says which triplets |
//! | | | only pairs are known | [`contrastive`] |
//! | | | triplets are given | [`triplet`] |
//! | a generator of pictures | [`gan::non_saturating`] | the discriminator is sure of everything | R1 or a gradient penalty: [`gan::penalty`] |
//! | | | one picture for all noise | [`gan::wasserstein`] with the penalty, [`gan::hinge`] with spectral norm |
//! | pictures into pictures, without pairs | [`gan::least_squares`] and [`cycle`] | colours wander | [`identity`] |
//! | a picture itself, or a network that paints | [`style_transfer`]: [`content`], [`style`] and [`tv`] | a weight does not do what its paper says | it is for another divisor: [`style::Gram`] |
//!
//! What trainers report beside their losses is in [`metrics`].
//!
//! # Where they look
//!
//! The gradients of some losses at one wrong prediction, as `gobelin loss --grad` writes them: red where a value is to fall, blue where
//! it is to rise, each by the root of its share of the largest (`losses/pictures/gradients.py`).
//!
//! ![Gradients of losses of masks](../../../losses/pictures/masks.png)
//!
//! A membrane is predicted with a gap, one stretch too thick, and a speck beside it, each pixel with 88% certainty. [`bce`] draws at every pixel
//! that is not yet certain, [`focal`] and [`lovasz`] at the wrong ones alone. [`dice`] and [`tversky`] know only how much is missing and too
//! much: every pixel of a kind is drawn at alike. [`cldice`] works on centre lines, and leaves the thick stretch's width alone. [`topology`], here
//! through random filters, draws hardest around the gap and along the thick stretch; its pattern is that of VGG-19's poolings.
//!
//! ![Gradients of losses of pictures](../../../losses/pictures/pictures.png)
//!
//! A texture is predicted blurred on the left, noisy in the middle, and one pixel off on the right. [`mse`] sees the size of errors,
//! [`mae`] their sign alone, [`huber`] both. For [`ssim`] lost and displaced structure outweighs noise; [`ms_ssim`] looks coarser still.
//! [`perceptual`], here through random filters, minds the blur most. [`tv`] knows no target: it smooths everything.
//!
//! # What holds for all
//!
//! - Logits, never probabilities, where both exist; logits of +-1e4 give finite values and gradients.
//! - A [`Reduction`] brings the values together: their mean unless said otherwise.
//! - Nothing to count (no valid triplet, every pixel ignored) gives 0 with a zero gradient. NaN comes out as NaN, but what is ignored
//!   has no part, not even as NaN.
//! - Every gradient can be differentiated again. Where a loss has a kink, its page says what the derivative there is.
//! - Pictures are (N, H, W, C) in code. The [`catalogue`], which knows every loss by name, takes and gives (N, C, H, W), as
//!   files have them.
//! - Values and gradients are held to PyTorch's, or to a program written from the paper's formula where no library has the loss:
//!   1e-4 of the value, 1e-3 of the largest gradient. Gradients are also held to differences of values, and second derivatives to
//!   differences of gradients where the loss is smooth.
//!
//! # Calling one
//!
//! ```
//! use gobelin_autograd::{Tape, Tensor, ops};
//! use gobelin_losses::{Reduction, bce::bce, dice::Dice};
//!
//! let tape = Tape::new();
//! let logits = tape.leaf(Tensor::new(&[1, 2, 2, 1], [2.0, -1.0, 0.5, -3.0]));
//! let mask = Tensor::new(&[1, 2, 2, 1], [1.0, 0.0, 1.0, 0.0]).into();
//! let pixels = bce(&logits, &mask, 1.0, None, Reduction::Mean);
//! let loss = ops::add(&pixels, &Dice::default().of_masks(&logits, &mask));
//! let gradient = tape.gradients(&loss, &[&logits]).remove(0);
//! assert!(gradient.data()[0] < 0.0 && gradient.data()[1] > 0.0);
//! ```
//!
//! From the shell, on tensors in a file:
//!
//! ```text
//! gobelin loss dice --input in.safetensors --set smooth=0.5 --grad gradients.safetensors
//! gobelin loss dice --list
//! ```

pub mod bce;
pub mod catalogue;
pub mod charbonnier;
mod classes;
pub mod cldice;
pub mod content;
pub mod contrastive;
pub mod cross_entropy;
pub mod cycle;
pub mod dice;
pub mod features;
pub mod focal;
pub mod gan;
pub mod huber;
pub mod identity;
mod jaccard_order;
pub mod layers;
pub mod lovasz;
pub mod mae;
pub mod metrics;
pub mod mining;
pub mod ms_ssim;
pub mod mse;
pub mod perceptual;
pub mod pixel_weight_cross_entropy;
pub mod reduction;
pub mod ssim;
pub mod style;
pub mod style_transfer;
#[cfg(test)]
mod testing;
pub mod topology;
pub mod triplet;
pub mod triplet_batch;
pub mod tv;
pub mod tversky;
pub mod weight_map;

pub use classes::Truth;
pub use reduction::Reduction;
