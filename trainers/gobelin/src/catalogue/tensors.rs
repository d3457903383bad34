//! Tensors from a file, as the catalogue takes them.

use std::collections::BTreeMap;
use std::path::Path;

use gobelin_autograd::{Tensor, Var};
use gobelin_harness::Error;
use gobelin_losses::catalogue::{Entry, Given};
use gobelin_nets::weights::{self, Stored};

use crate::shell::wrong;

/// The tensors of a file by name, floats through `track`.
///
/// # Errors
/// If the file cannot be read, is no safetensors, or has a tensor of a type that none may have.
pub fn read<R>(
    path: &Path,
    entry: &Entry<R>,
    track: impl Fn(Tensor) -> Var,
) -> Result<BTreeMap<String, Given>, Error> {
    let given = |(name, stored): (String, Stored)| {
        let given = match (stored.floats(), stored.integers()) {
            (Some(values), _) => Given::Float(track(Tensor::new(&stored.shape, values))),
            (_, Some(values)) => Given::Integer { shape: stored.shape, values },
            _ => {
                let spec = entry.tensors.iter().find(|spec| spec.name == name);
                let expected = spec.map_or_else(
                    || "F32, I64, I32 or U8".to_owned(),
                    |spec| format!("{} {}", spec.kind.describe(), spec.shape),
                );
                return Err(Error::Call(format!(
                    "{}: tensor `{name}` is {:?} {:?}, expected {expected}",
                    path.display(),
                    stored.dtype,
                    stored.shape
                )));
            }
        };
        Ok((name, given))
    };
    weights::read(path).map_err(wrong)?.into_iter().map(given).collect()
}
