//! Layers: one file each.

mod activation;
mod batch_norm;
mod conv;
mod conv_norm;
mod conv_transpose;
mod instance_norm;
mod linear;
mod pool;
mod reflection_pad;
mod residual;
mod spectral;
mod upsample;

pub use activation::Activation;
pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub(crate) use conv_norm::{conv_norm_relu, he_deviation};
pub use conv_transpose::ConvTranspose;
pub use instance_norm::InstanceNorm;
pub use linear::Linear;
pub use pool::Pool;
pub use reflection_pad::ReflectionPad;
pub use residual::ResidualBlock;
pub use spectral::SpectralConv;
pub use upsample::Upsample;
