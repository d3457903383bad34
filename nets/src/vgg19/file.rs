//! A mapped file of VGG-19's weights.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use gobelin_autograd::Tensor;
use memmap2::Mmap;
use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensors};

use crate::weights::{PICKLE, is_float, is_pickle, read_floats};

/// How to get the right file.
const HELP: &str = "get the weights with python: safetensors.torch.save_file(torchvision.models.vgg19(weights=\"DEFAULT\").state_dict(), \"vgg19.safetensors\")";

/// Why VGG-19's weights could not be had; one line that says how to get the right file.
#[derive(Debug, thiserror::Error)]
pub enum Vgg19Error {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}; {HELP}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no safetensors.
    #[error("{}: {found}, expected safetensors; {HELP}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is, or what is wrong with it.
        found: String,
    },
    /// A tensor is not there.
    #[error("{}: no tensor `{name}` among {found}; expected torchvision's names; {HELP}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What the file has.
        found: String,
    },
    /// A tensor has another type or shape than VGG-19's.
    #[error("{}: tensor `{name}` is {found}, expected F32 (or F16, BF16) {expected:?}: not VGG-19; {HELP}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type and shape.
        found: String,
        /// VGG-19's shape.
        expected: Vec<usize>,
    },
}

/// Tensors of floats in a mapped file. Nothing is read before it is asked for.
pub(super) struct Mapped {
    map: Mmap,
    path: PathBuf,
    /// Where the header ends.
    start: usize,
    tensors: HashMap<String, TensorInfo>,
}

impl Mapped {
    pub(super) fn open(path: &Path) -> Result<Self, Vgg19Error> {
        let io_error = |source| Vgg19Error::Io { path: path.into(), source };
        let format = |found| Vgg19Error::Format { path: path.into(), found };
        let file = File::open(path).map_err(io_error)?;
        let about = file.metadata().map_err(io_error)?;
        if about.is_dir() {
            return Err(format("a folder".into()));
        }
        let length = about.len();
        if length < 8 {
            return Err(format(format!("a file of {length} bytes")));
        }
        // SAFETY: the map is only read. A file that another process truncates meanwhile ends this one with SIGBUS, as
        // with any mapped file.
        let map = unsafe { Mmap::map(&file) }.map_err(io_error)?;
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| {
            format(if is_pickle(&map) { PICKLE.into() } else { format!("a broken header ({error})") })
        })?;
        let tensors = metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        Ok(Self { map, path: path.into(), start: 8 + header, tensors })
    }

    /// Checks that a tensor is there, of floats and of this shape, and gives its type.
    pub(super) fn check(&self, name: &str, shape: &[usize]) -> Result<Dtype, Vgg19Error> {
        let Some(info) = self.tensors.get(name) else {
            let first = self.tensors.keys().min();
            return Err(Vgg19Error::Missing {
                path: self.path.clone(),
                name: name.into(),
                found: match first {
                    Some(first) => format!("{} tensors, of which `{first}` is the first", self.tensors.len()),
                    None => "none at all".into(),
                },
            });
        };
        if info.shape != shape || !is_float(info.dtype) {
            return Err(Vgg19Error::Mismatch {
                path: self.path.clone(),
                name: name.into(),
                found: format!("{:?} {:?}", info.dtype, info.shape),
                expected: shape.into(),
            });
        }
        Ok(info.dtype)
    }

    /// The values of a tensor that was checked.
    pub(super) fn read(&self, name: &str) -> Tensor {
        let TensorInfo { dtype, shape, data_offsets: (from, to) } = &self.tensors[name];
        let bytes = &self.map[self.start + from..self.start + to];
        Tensor::build(shape, |values| read_floats(*dtype, bytes, values))
    }
}
