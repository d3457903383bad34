//! Trained weights as safetensors files, under the names PyTorch's users expect.

use crate::error::Error;
use crate::files;
use crate::state::{Entry, State};
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// One tensor, in the byte order of the file.
struct Tensor<'a> {
    kind: Dtype,
    shape: &'a [usize],
    bytes: Vec<u8>,
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes `tensors` to the file at `path`, whole or not at all: floats as F32
/// and integers as I64. Other entries are a mistake in code and panic.
///
/// # Errors
/// The system's refusal.
pub fn write(path: &Path, tensors: &State) -> Result<(), Error> {
    let views = tensors.iter().map(|(name, entry)| {
        let tensor = match entry {
            Entry::Floats { shape, data } => {
                Tensor { kind: Dtype::F32, shape, bytes: data.iter().flat_map(|v| v.to_le_bytes()).collect() }
            }
            Entry::Integers { shape, data } => {
                Tensor { kind: Dtype::I64, shape, bytes: data.iter().flat_map(|v| v.to_le_bytes()).collect() }
            }
            _ => panic!("export {}: {name} is no tensor", path.display()),
        };
        (name, tensor)
    });
    // Transformers and others refuse files that do not say so. One entry only:
    // a map of several is written in no fixed order.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata)).expect("named tensors of fitting shapes");
    files::replace_with(path, &bytes)
}
