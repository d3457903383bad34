//! Weight files: safetensors under PyTorch's names and in PyTorch's layout.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use gobelin_autograd::Tensor;
use gobelin_autograd::ops::permute_tensor;
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::module::{Entry, Kind, Module};

/// Why weights could not be read or written; one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}; check the path and its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no safetensors.
    #[error("{}: no safetensors file ({reason}); expected one, such as PyTorch's safetensors.torch.save_file writes", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor the net needs is not there.
    #[error("{}: no tensor `{name}` ({count} others); expected the weights of this net with these options", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// How many tensors the file has.
        count: usize,
    },
    /// A tensor has another shape or type than the net's.
    #[error("{}: tensor `{name}` is {found}, expected {expected}; are these the weights of this net with these options?", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type and shape.
        found: String,
        /// The net's.
        expected: String,
    },
    /// The file has a tensor the net does not know.
    #[error("{}: tensor `{name}` belongs to no part of this net; expected the weights of this net with these options", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
}

/// A tensor as files have it: PyTorch's shape and little-endian bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The type.
    pub dtype: Dtype,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// The values.
    pub bytes: Vec<u8>,
}

/// Tensors by name, as files have them.
pub type Weights = BTreeMap<String, Stored>;

/// A net's tensors by name, as files have them.
pub fn stored(module: &dyn Module) -> Weights {
    module.entries().iter().map(|entry| (entry.name.clone(), stored_entry(entry))).collect()
}

fn stored_entry(entry: &Entry) -> Stored {
    let value = entry.parameter.value();
    if entry.kind == Kind::Count {
        return Stored {
            dtype: Dtype::I64,
            shape: Vec::new(),
            bytes: (value.item() as i64).to_le_bytes().to_vec(),
        };
    }
    Stored::of(&if entry.kind == Kind::Filter { permute_tensor(&value, &[3, 2, 0, 1]) } else { value })
}

/// Type and PyTorch's shape of a net's tensor.
pub fn stored_shape(entry: &Entry) -> (Dtype, Vec<usize>) {
    match (entry.kind, &entry.parameter.shape()[..]) {
        (Kind::Count, _) => (Dtype::I64, Vec::new()),
        (Kind::Filter, &[height, width, inner, outer]) => (Dtype::F32, vec![outer, inner, height, width]),
        (_, shape) => (Dtype::F32, shape.to_vec()),
    }
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Stored {
    /// A tensor as it is.
    pub fn of(tensor: &Tensor) -> Self {
        let bytes = tensor.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        Self { dtype: Dtype::F32, shape: tensor.shape().to_vec(), bytes }
    }

    /// The values, if they are floats of single or half precision, each the same number in single precision.
    pub fn floats(&self) -> Option<Vec<f32>> {
        is_float(self.dtype).then(|| {
            let mut values = vec![0.0; self.shape.iter().product()];
            read_floats(self.dtype, &self.bytes, &mut values);
            values
        })
    }

    /// The values, if they are whole numbers of I64, I32 or U8.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match self.dtype {
            Dtype::I64 => Some(numbers(&self.bytes, i64::from_le_bytes).collect()),
            Dtype::I32 => Some(numbers(&self.bytes, |b| i32::from_le_bytes(b).into()).collect()),
            Dtype::U8 => Some(self.bytes.iter().map(|&b| b.into()).collect()),
            _ => None,
        }
    }
}

/// Whether [`read_floats`] reads a type.
pub(crate) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

/// Reads floats of single or half precision, byte by byte: it does not matter whether the file aligned them.
pub(crate) fn read_floats(dtype: Dtype, bytes: &[u8], values: &mut [f32]) {
    fn fill<const N: usize>(bytes: &[u8], values: &mut [f32], number: impl Fn([u8; N]) -> f32) {
        values.iter_mut().zip(numbers(bytes, number)).for_each(|(value, number)| *value = number);
    }
    match dtype {
        Dtype::F16 => fill(bytes, values, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => fill(bytes, values, |b| bf16::from_le_bytes(b).to_f32()),
        _ => fill(bytes, values, f32::from_le_bytes),
    }
}

fn numbers<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks().0.iter().map(move |&bytes| number(bytes))
}

/// What a file says of itself, beside its tensors: text by name.
pub type Metadata = BTreeMap<String, String>;

/// The name of the metadata among tensors: the one that the format itself keeps free for them.
const METADATA: &str = "__metadata__";

/// Adds metadata to tensors that are to be written. Readers of tensors do not see them; [`read_metadata`] does.
pub fn set_metadata(weights: &mut Weights, metadata: &Metadata) {
    let bytes = serde_json::to_vec(metadata).expect("text by name");
    weights.insert(METADATA.to_owned(), Stored { dtype: Dtype::U8, shape: vec![bytes.len()], bytes });
}

/// The metadata of a file.
///
/// # Errors
/// If the file cannot be read or is no safetensors file.
pub fn read_metadata(path: &Path) -> Result<Metadata, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Io { path: path.into(), source })?;
    let (_, header) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| WeightsError::Format { path: path.into(), reason: error.to_string() })?;
    Ok(header.metadata().iter().flatten().map(|(name, text)| (name.clone(), text.clone())).collect())
}

/// The bytes of a safetensors file of these tensors.
pub fn to_bytes(weights: &Weights) -> Vec<u8> {
    let tensors = weights.iter().filter(|(name, _)| *name != METADATA);
    // Some readers refuse files that do not say so.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let file = safetensors::serialize(tensors, Some(format)).expect("named tensors of fitting shapes");
    match weights.get(METADATA) {
        Some(metadata) => with_metadata(&file, &metadata.bytes),
        None => file,
    }
}

/// A file with more metadata in its header. The library writes them in the order of a hash map, another in each run.
fn with_metadata(file: &[u8], metadata: &[u8]) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk::<8>().expect("a file begins with its header's length");
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let ours = "a header written above";
    let mut header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).expect(ours);
    let more: Metadata = serde_json::from_slice(metadata).expect(ours);
    let all = header[METADATA].as_object_mut().expect(ours);
    all.extend(more.into_iter().map(|(name, text)| (name, text.into())));
    let mut header = serde_json::to_vec(&header).expect("text");
    // Tensors begin at a multiple of 8 bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes(), &header[..], tensors].concat()
}

/// Writes tensors by name to a file.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, weights: &Weights) -> Result<(), WeightsError> {
    std::fs::write(path, to_bytes(weights)).map_err(|source| WeightsError::Io { path: path.into(), source })
}

/// Writes a net's weights to a file that PyTorch's `load_state_dict(strict=True)` takes.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, module: &dyn Module) -> Result<(), WeightsError> {
    write(path, &stored(module))
}

/// The tensors of a file by name.
///
/// # Errors
/// If the file cannot be read or is no safetensors file.
pub fn read(path: &Path) -> Result<Weights, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Io { path: path.into(), source })?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| broken(path, &bytes, &error))?;
    let stored = |view: TensorView<'_>| Stored {
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    };
    Ok(tensors.tensors().into_iter().map(|(name, view)| (name, stored(view))).collect())
}

/// That the file of these bytes is no safetensors.
fn broken(path: &Path, bytes: &[u8], error: &SafeTensorError) -> WeightsError {
    let reason = if is_pickle(bytes) { PICKLE.into() } else { error.to_string() };
    WeightsError::Format { path: path.into(), reason }
}

/// What a file is called that [`is_pickle`] is told by.
pub(crate) const PICKLE: &str = "a pickle, as torch.save writes";

/// Whether bytes that are no safetensors begin as PyTorch's own files do: a zip archive, or a pickle of protocol 2 to 5. To be
/// asked only then: a safetensors file may begin with the same bytes, which are its header's length.
pub(crate) fn is_pickle(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, 2..=5, ..])
}

/// Reads a net's weights from a file; the net is unchanged unless all of them fit. Counts may be missing, as in files
/// of older PyTorch.
///
/// # Errors
/// If the file cannot be read, is no safetensors file, or its tensors are not exactly the net's.
pub fn load(path: &Path, module: &dyn Module) -> Result<(), WeightsError> {
    load_without(path, module, |_| false)
}

/// As [`load`], but tensors of the file whose names are `ignored` are as good as not there.
///
/// # Errors
/// As [`load`].
pub fn load_without(
    path: &Path,
    module: &dyn Module,
    ignored: impl Fn(&str) -> bool,
) -> Result<(), WeightsError> {
    let io_error = |source| WeightsError::Io { path: path.into(), source };
    let file = File::open(path).map_err(io_error)?;
    // SAFETY: the map is read-only and dropped at the end of this function. A file that another process truncates
    // meanwhile ends this one with SIGBUS, as with any mapped file.
    let map = unsafe { Mmap::map(&file) }.map_err(io_error)?;
    let tensors = SafeTensors::deserialize(&map).map_err(|error| broken(path, &map, &error))?;
    let entries = module.entries();
    let unknown = |name: &&str| entries.iter().all(|entry| entry.name != *name) && !ignored(name);
    // The file's names come in no order: the first by name is told.
    if let Some(name) = tensors.names().into_iter().filter(unknown).min() {
        return Err(WeightsError::Unknown { path: path.into(), name: name.to_string() });
    }
    let mut values = Vec::with_capacity(entries.len());
    for entry in &entries {
        match tensors.tensor(&entry.name) {
            Ok(view) => values.push(Some(read_entry(path, entry, &view)?)),
            Err(_) if entry.kind == Kind::Count => values.push(None),
            Err(_) => {
                let count = tensors.len();
                return Err(WeightsError::Missing { path: path.into(), name: entry.name.clone(), count });
            }
        }
    }
    for (entry, value) in entries.iter().zip(values) {
        if let Some(value) = value {
            entry.parameter.set(value);
        }
    }
    Ok(())
}

fn read_entry(path: &Path, entry: &Entry, view: &TensorView) -> Result<Tensor, WeightsError> {
    let (dtype, shape) = stored_shape(entry);
    if view.dtype() != dtype || view.shape() != shape {
        return Err(WeightsError::Mismatch {
            path: path.into(),
            name: entry.name.clone(),
            found: format!("{:?} {:?}", view.dtype(), view.shape()),
            expected: format!("{dtype:?} {shape:?}"),
        });
    }
    if entry.kind == Kind::Count {
        let bytes = view.data().try_into().expect("one 64-bit integer");
        return Ok(Tensor::scalar(i64::from_le_bytes(bytes) as f32));
    }
    let value = Tensor::build(view.shape(), |values| read_floats(dtype, view.data(), values));
    Ok(if entry.kind == Kind::Filter { permute_tensor(&value, &[2, 3, 1, 0]) } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dcgan::{DcganDiscriminator, Norm, Shape};
    use gobelin_autograd::random;

    fn net(seed: u64, width: usize) -> DcganDiscriminator {
        let shape = Shape { size: 28, channels: 1, width, noise: 10 };
        DcganDiscriminator::new(shape, Norm::Batch, &mut random::generator(seed, 0)).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.safetensors");
        let (first, second) = (net(1, 4), net(2, 4));
        save(&path, &first).unwrap();
        assert_ne!(stored(&first), stored(&second));
        load(&path, &second).unwrap();
        assert_eq!(stored(&first), stored(&second));
        assert_eq!(stored(&first)["main.0.weight"].shape, [4, 1, 4, 4]);
    }

    #[test]
    fn metadata_stand_beside_the_tensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.safetensors");
        let net = net(1, 4);
        let metadata: Metadata = [("size", "32"), ("names", "a \"b\"\n\u{e9}")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        let mut weights = stored(&net);
        set_metadata(&mut weights, &metadata);
        write(&path, &weights).unwrap();
        let found = read_metadata(&path).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found["format"], "pt");
        assert!(metadata.iter().all(|(name, text)| found[name] == *text));
        let other = super::tests::net(2, 4);
        load(&path, &other).unwrap();
        assert_eq!(stored(&other), stored(&net));
        assert_eq!(read(&path).unwrap(), stored(&net));
        let file = std::fs::read(&path).unwrap();
        assert!(
            file[..8]
                == (u64::from_le_bytes(file[..8].try_into().unwrap()).next_multiple_of(8)).to_le_bytes()
        );
        assert_eq!(file, to_bytes(&weights));
    }

    #[test]
    fn what_does_not_fit_is_named_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.safetensors");
        let net = net(1, 4);
        let before = stored(&net);
        save(&path, &super::tests::net(1, 8)).unwrap();
        let message = load(&path, &net).unwrap_err().to_string();
        assert!(
            message.contains("`main.0.weight` is F32 [8, 1, 4, 4], expected F32 [4, 1, 4, 4]"),
            "{message}"
        );
        let mut fewer = before.clone();
        fewer.remove("main.3.bias");
        write(&path, &fewer).unwrap();
        assert!(load(&path, &net).unwrap_err().to_string().contains("no tensor `main.3.bias`"));
        let mut more = before.clone();
        more.insert("extra".into(), before["main.3.bias"].clone());
        write(&path, &more).unwrap();
        assert!(load(&path, &net).unwrap_err().to_string().contains("`extra` belongs to no part"));
        std::fs::write(&path, b"PK\x03\x04 a pickle in a zip file, as torch.save writes").unwrap();
        assert!(load(&path, &net).unwrap_err().to_string().contains("no safetensors file (a pickle"));
        assert!(
            load(&folder.path().join("none"), &net).unwrap_err().to_string().contains("none: No such file")
        );
        assert_eq!(stored(&net), before);
    }
}
