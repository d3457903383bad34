//! Layers: one file each.

mod activation;
mod batch_norm;
mod conv;
mod conv_transpose;
mod instance_norm;
mod spectral;
mod upsample;

pub use activation::Activation;
pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use instance_norm::InstanceNorm;
pub use spectral::SpectralConv;
pub use upsample::Upsample;
