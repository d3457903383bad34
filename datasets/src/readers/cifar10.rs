//! CIFAR-10's binary version: records of one label byte and 32x32 pixels, red
//! plane, green plane, blue plane (Krizhevsky 2009).

use std::path::{Path, PathBuf};

use crate::error::shown;
use crate::{DataError, Dataset, Picture, PictureShape, Sample, Split};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;

/// The batches of CIFAR-10, held in memory as they are on disk.
#[derive(Debug)]
pub struct Cifar10 {
    folder: PathBuf,
    records: Vec<u8>,
    class_names: Vec<String>,
}

impl Cifar10 {
    /// The files a folder should hold.
    pub(crate) const LAYOUT: &str =
        "data_batch_1.bin to data_batch_5.bin and test_batch.bin, each of 3073-byte records";

    /// Opens the five training batches or the test batch of a folder, or of
    /// `cifar-10-batches-bin` in it, as the archive unpacks.
    ///
    /// # Errors
    /// A missing batch, one that is not whole records, or a label above 9.
    pub fn open(folder: &Path, split: Split) -> Result<Self, DataError> {
        let unpacked = folder.join("cifar-10-batches-bin");
        let folder = if unpacked.is_dir() { unpacked } else { folder.to_owned() };
        let names = match split {
            Split::Train => (1..=5).map(|number| format!("data_batch_{number}.bin")).collect(),
            Split::HeldOut => vec!["test_batch.bin".to_owned()],
        };
        let mut records = Vec::new();
        for name in names {
            let path = folder.join(&name);
            if !path.is_file() {
                let found = if folder.is_dir() { format!("no {name}") } else { "no such folder".into() };
                let remedy = "give the folder of CIFAR-10's binary version";
                return Err(DataError::layout(&folder, found, Self::LAYOUT, remedy));
            }
            let batch = std::fs::read(&path).map_err(|error| DataError::read(&path, &error))?;
            check_batch(&path, &batch)?;
            records.extend_from_slice(&batch);
        }
        let class_names = std::fs::read_to_string(folder.join("batches.meta.txt")).unwrap_or_default();
        let class_names = class_names.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(Self { folder, records, class_names })
    }
}

fn check_batch(path: &Path, batch: &[u8]) -> Result<(), DataError> {
    let again = "download and unpack the archive again";
    if batch.is_empty() || !batch.len().is_multiple_of(RECORD) {
        let found = format!("{} bytes", batch.len());
        return Err(DataError::layout(path, found, format!("a multiple of {RECORD} bytes"), again));
    }
    match batch.iter().step_by(RECORD).position(|label| *label > 9) {
        Some(record) => {
            let found = format!("label {} in record {record}", batch[record * RECORD]);
            Err(DataError::layout(path, found, "labels from 0 to 9", again))
        }
        None => Ok(()),
    }
}

impl Dataset for Cifar10 {
    fn len(&self) -> usize {
        self.records.len() / RECORD
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let planes = &self.records[index * RECORD + 1..][..3 * PLANE];
        let pixels =
            (0..PLANE).flat_map(|place| [0, 1, 2].map(|plane| planes[plane * PLANE + place])).collect();
        Ok(Sample { picture: Picture::new(SIDE, SIDE, 3, pixels), label: self.label(index), mask: None })
    }

    fn label(&self, index: usize) -> u32 {
        u32::from(self.records[index * RECORD])
    }

    fn classes(&self) -> usize {
        10
    }

    fn class_name(&self, label: u32) -> String {
        self.class_names.get(label as usize).cloned().unwrap_or_else(|| label.to_string())
    }

    fn name(&self, index: usize) -> String {
        format!("{} picture {index}", shown(&self.folder))
    }

    fn shape(&self) -> Option<PictureShape> {
        Some(PictureShape { height: SIDE, width: SIDE, channels: 3 })
    }

    fn describe(&self) -> String {
        format!("cifar10:{}: {} RGB pictures of 32x32 in 10 classes", shown(&self.folder), self.len())
    }
}
