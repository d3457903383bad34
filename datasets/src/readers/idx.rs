//! IDX, the format of MNIST and Fashion-MNIST, gzipped or not.
//!
//! Big-endian: two zero bytes, the type (8 for bytes), the number of
//! dimensions, each dimension in four bytes, then the values (LeCun, Cortes
//! and Burges, "The MNIST database of handwritten digits").

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::shown;
use crate::{DataError, Dataset, Picture, PictureShape, Sample, Split};

/// Grey pictures and labels from a pair of IDX files, held in memory.
#[derive(Debug)]
pub struct Idx {
    folder: PathBuf,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Idx {
    /// The files a folder should hold.
    pub(crate) const LAYOUT: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
                                     t10k-labels-idx1-ubyte, each plain or with .gz";

    /// Opens the training pictures (`train-*`) or the held-out ones (`t10k-*`)
    /// of a folder.
    ///
    /// # Errors
    /// A missing, cut short or overlong file, a wrong magic number, or counts
    /// that differ between pictures and labels.
    pub fn open(folder: &Path, split: Split) -> Result<Self, DataError> {
        let prefix = match split {
            Split::Train => "train",
            Split::HeldOut => "t10k",
        };
        let images = find(folder, &format!("{prefix}-images"), "idx3-ubyte")?;
        let labels = find(folder, &format!("{prefix}-labels"), "idx1-ubyte")?;
        let (shape, pixels) = read::<3>(&images)?;
        let [count, height, width] = shape;
        let ([labelled], label_bytes) = read::<1>(&labels)?;
        if labelled != count {
            return Err(DataError::layout(
                &labels,
                format!("{labelled} labels for the {count} pictures of {}", shown(&images)),
                "as many labels as pictures",
                "take both files from the same source",
            ));
        }
        if count * height * width == 0 {
            return Err(DataError::layout(
                &images,
                format!("{count} pictures of {height}x{width}"),
                "at least one picture",
                "download the file again",
            ));
        }
        Ok(Self { folder: folder.to_owned(), height, width, pixels, labels: label_bytes })
    }
}

impl Dataset for Idx {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let size = self.height * self.width;
        let pixels = self.pixels[index * size..][..size].to_vec();
        Ok(Sample {
            picture: Picture::new(self.height, self.width, 1, pixels),
            label: self.label(index),
            mask: None,
        })
    }

    fn label(&self, index: usize) -> u32 {
        u32::from(self.labels[index])
    }

    fn classes(&self) -> usize {
        self.labels.iter().max().map_or(0, |label| usize::from(*label) + 1)
    }

    fn name(&self, index: usize) -> String {
        format!("{} picture {index}", shown(&self.folder))
    }

    fn shape(&self) -> Option<PictureShape> {
        Some(PictureShape { height: self.height, width: self.width, channels: 1 })
    }

    fn describe(&self) -> String {
        format!(
            "idx:{}: {} grey pictures of {}x{} in {} classes",
            shown(&self.folder),
            self.len(),
            self.height,
            self.width,
            self.classes()
        )
    }
}

/// The file of a folder called `STEM-KIND` or `STEM.KIND`, plain or gzipped.
fn find(folder: &Path, stem: &str, kind: &str) -> Result<PathBuf, DataError> {
    let names = ["-", "."].iter().flat_map(|dot| ["", ".gz"].map(|end| format!("{stem}{dot}{kind}{end}")));
    let found = names.map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let here = if folder.is_dir() { format!("no {stem}-{kind}") } else { "no such folder".to_owned() };
        DataError::layout(folder, here, Idx::LAYOUT, "give the folder that holds these files")
    })
}

/// Reads a file of bytes with `RANK` dimensions.
fn read<const RANK: usize>(path: &Path) -> Result<([usize; RANK], Vec<u8>), DataError> {
    let file = File::open(path).map_err(|error| DataError::read(path, &error))?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        parse(path, MultiGzDecoder::new(file))
    } else {
        parse(path, file)
    }
}

fn parse<const RANK: usize>(path: &Path, mut file: impl Read) -> Result<([usize; RANK], Vec<u8>), DataError> {
    let again = "download the file again";
    let broken = |error: std::io::Error, whole: &str| {
        let found = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "cut short".to_owned(),
            _ => crate::error::one_line(&error.to_string()),
        };
        DataError::layout(path, found, whole, again)
    };
    let mut magic = [0; 4];
    file.read_exact(&mut magic).map_err(|error| broken(error, "an IDX file"))?;
    let expected = [0, 0, 8, RANK as u8];
    if magic != expected {
        return Err(DataError::layout(
            path,
            format!("magic number {:#010x}", u32::from_be_bytes(magic)),
            format!("{:#010x}, an IDX file of bytes in {RANK} dimensions", u32::from_be_bytes(expected)),
            "check which file this is",
        ));
    }
    let mut shape = [0; RANK];
    for length in &mut shape {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes).map_err(|error| broken(error, "an IDX file"))?;
        *length = u32::from_be_bytes(bytes) as usize;
    }
    let promised = shape.map(|length| length.to_string()).join("x");
    let size = shape.iter().try_fold(1usize, |size, length| size.checked_mul(*length));
    let size = size.filter(|size| *size < usize::MAX / 2).ok_or_else(|| {
        DataError::layout(
            path,
            format!("a header that promises {promised} bytes"),
            "sizes that fit memory",
            again,
        )
    })?;
    // One byte more than promised is read, to notice what follows, and never
    // more, so that neither a header nor a gzip bomb decides the memory.
    let whole = format!("the {promised} bytes its header promises");
    let mut values = Vec::new();
    file.take(size as u64 + 1).read_to_end(&mut values).map_err(|error| broken(error, &whole))?;
    if values.len() != size {
        let found = if values.len() > size {
            format!("more than {size} bytes after the header")
        } else {
            format!("{} bytes after the header", values.len())
        };
        return Err(DataError::layout(path, found, whole, again));
    }
    Ok((shape, values))
}
