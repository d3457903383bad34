//! Reads the reference files of tests/reference.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A folder of reference files.
pub struct Reference {
    folder: PathBuf,
    /// The cases of `index.json`.
    pub cases: Vec<Value>,
}

/// One tensor, in the order of the file.
pub struct Stored {
    pub shape: Vec<usize>,
    pub floats: Vec<f32>,
    pub integers: Vec<i64>,
    /// Whether the file has floats.
    pub is_float: bool,
}

impl Reference {
    pub fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference").join(name);
        let text = std::fs::read_to_string(folder.join("index.json")).expect("the index");
        let Value::Array(cases) = serde_json::from_str(&text).expect("an array of cases") else {
            panic!("the index is no array");
        };
        assert!(!cases.is_empty());
        Self { folder, cases }
    }

    /// The tensor `name` of a case, from the file named `kind`.
    pub fn tensor(&self, kind: &str, case: &Value, name: &str) -> Stored {
        self.stored(kind, &case["tensors"][name])
    }

    /// The gradient of the tensor `name` of a case.
    pub fn gradient(&self, kind: &str, case: &Value, name: &str) -> Vec<f32> {
        self.stored(kind, &case["gradients"][name]).floats
    }

    /// The value of a case, where it is a tensor.
    pub fn value(&self, kind: &str, case: &Value) -> Vec<f32> {
        self.stored(kind, &case["value"]).floats
    }

    fn stored(&self, kind: &str, key: &Value) -> Stored {
        let bytes = std::fs::read(self.folder.join(format!("{kind}.safetensors"))).expect("the tensors");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let view = file.tensor(key.as_str().expect("the index names a tensor")).expect("the tensor");
        let data = view.data();
        let integers: Vec<i64> = match view.dtype() {
            Dtype::U8 => data.iter().map(|&byte| i64::from(byte)).collect(),
            Dtype::I32 => {
                data.chunks_exact(4).map(|b| i64::from(i32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            Dtype::I64 => data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect(),
            _ => Vec::new(),
        };
        let floats = match view.dtype() {
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
            _ => integers.iter().map(|&i| i as f32).collect(),
        };
        Stored { shape: view.shape().to_vec(), floats, integers, is_float: view.dtype() == Dtype::F32 }
    }
}
