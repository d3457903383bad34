//! Products of matrices.

pub(crate) mod micro;
