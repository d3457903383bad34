//! Pictures and their masks, in two folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::scan::scan;
use crate::error::shown;
use crate::{DataError, Dataset, Picture, PictureShape, Sample};

/// `images/` and `masks/` in a folder: a picture's mask has its name, up to the extension, and its size.
#[derive(Debug)]
pub struct Pairs {
    folder: PathBuf,
    /// Pictures and masks, sorted by name.
    files: Vec<[PathBuf; 2]>,
    /// Rows and columns of all pictures, where they share them.
    size: Option<[usize; 2]>,
    shortest_side: Option<usize>,
}

const IMAGES: &str = "images";
const MASKS: &str = "masks";

impl Pairs {
    /// What a folder should hold.
    pub(crate) const LAYOUT: &str = "images/ and masks/ with PNG or JPEG pictures, a mask for each picture under the same \
         name (extensions may differ) and of the same size, 128 or more where it is set";

    /// Lists both folders and reads the sizes of all pictures and masks; nothing is decoded yet. A file whose header cannot be
    /// read is left for a loader to skip.
    ///
    /// # Errors
    /// A folder that is missing, cannot be read or holds no picture; a picture without a mask or a mask without a picture;
    /// a mask of another size than its picture.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        if !folder.is_dir() {
            let found = if folder.exists() { "no folder" } else { "no such folder" };
            return Err(DataError::layout(folder, found, Self::LAYOUT, "check the path"));
        }
        let (images, masks) = (names(folder, IMAGES)?, names(folder, MASKS)?);
        let alone = images.iter().filter(|(name, _)| !masks.contains_key(*name));
        must_be_none(alone, "picture without a mask", MASKS)?;
        let alone = masks.iter().filter(|(name, _)| !images.contains_key(*name));
        must_be_none(alone, "mask without a picture", IMAGES)?;
        // Both maps have the same names.
        let files: Vec<[PathBuf; 2]> =
            images.into_values().zip(masks.into_values()).map(Into::into).collect();
        let sizes: Vec<Option<[usize; 2]>> = files.par_iter().map(size).collect::<Result<_, _>>()?;
        let mut known = sizes.iter().flatten();
        let first = known.next().copied();
        let shortest_side = sizes.iter().flatten().flatten().min().copied();
        let size = first.filter(|first| known.all(|size| size == first));
        Ok(Self { folder: folder.to_owned(), files, size, shortest_side })
    }
}

/// The pictures in one of the folders by name: their paths below it without the extension.
fn names(folder: &Path, part: &str) -> Result<BTreeMap<PathBuf, PathBuf>, DataError> {
    let part = folder.join(part);
    if !part.is_dir() {
        let found = format!("no folder {}", shown(Path::new(part.file_name().unwrap_or_default())));
        return Err(DataError::layout(folder, found, Pairs::LAYOUT, "check the path, or make the folder"));
    }
    let scan = scan(&part)?;
    if scan.pictures.is_empty() {
        let remedy = "put pictures there, or convert them to PNG or JPEG";
        return Err(DataError::layout(&part, scan.found(), "at least two", remedy));
    }
    let mut names = BTreeMap::new();
    for path in scan.pictures {
        let name = path.strip_prefix(&part).unwrap_or(&path).with_extension("");
        if let Some(before) = names.insert(name, path.clone()) {
            let found = format!("the same name as {}", shown(&before));
            return Err(DataError::layout(&path, found, "one picture of each name", "remove one of them"));
        }
    }
    Ok(names)
}

/// Refuses names that only one of the folders has.
fn must_be_none<'a>(
    mut alone: impl Iterator<Item = (&'a PathBuf, &'a PathBuf)>,
    found: &str,
    other: &str,
) -> Result<(), DataError> {
    let Some((name, path)) = alone.next() else { return Ok(()) };
    let more = match alone.count() {
        0 => String::new(),
        more => format!(", and {more} others"),
    };
    let expected = format!("{other}/{}.png or .jpg beside it", shown(name));
    Err(DataError::layout(path, format!("a {found}{more}"), expected, "add it or remove this one"))
}

/// Rows and columns of a picture and its mask, which must be the same; none where a header cannot be read.
fn size([image, mask]: &[PathBuf; 2]) -> Result<Option<[usize; 2]>, DataError> {
    let (Ok(size), Ok(found)) = (Picture::size_of(image), Picture::size_of(mask)) else { return Ok(None) };
    if size == found {
        return Ok(Some(size));
    }
    let spell = |[height, width]: [usize; 2]| format!("{height}x{width} pixels (height x width)");
    let expected = format!("{}, as {} has", spell(size), shown(image));
    Err(DataError::layout(
        mask,
        spell(found),
        expected,
        "resize neither: find the mask that was drawn on this picture",
    ))
}

impl Dataset for Pairs {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let [image, mask] = &self.files[index];
        let (picture, found) = (Picture::read(image)?, Picture::read(mask)?.into_channels(1));
        if (picture.height, picture.width) != (found.height, found.width) {
            return Err(DataError::picture(mask, "has another size than its picture"));
        }
        Ok(Sample { picture, label: 0, mask: Some(found) })
    }

    fn label(&self, _index: usize) -> u32 {
        0
    }

    fn classes(&self) -> usize {
        1
    }

    fn name(&self, index: usize) -> String {
        shown(&self.files[index][0])
    }

    fn shape(&self) -> Option<PictureShape> {
        None
    }

    fn shortest_side(&self) -> Option<usize> {
        self.shortest_side
    }

    fn describe(&self) -> String {
        let size = match self.size {
            Some([height, width]) => format!(" of {height}x{width}"),
            None => String::new(),
        };
        format!("pairs:{}: {} pictures{size} with masks", shown(&self.folder), self.len())
    }
}
