//! The report of `gobelin data check`.

use std::fmt::Write;
use std::sync::Arc;

use rayon::prelude::*;

use crate::masks::{nothing_set, set_pixels};
use crate::readers::unpaired;
use crate::{
    Cifar10, DataError, Dataset, Drawings, Folder, Identities, Idx, OpenOptions, Pairs, Picture, Sample,
    Source, Split, skip_limit,
};

/// Most pictures decoded of one part; of more, as many, evenly spread.
const DECODED: usize = 10_000;

/// Most pictures that did not decode named in the report.
const NAMED: usize = 20;

/// Opens both parts of a source, decodes pictures, and reports the layout
/// expected and what was found, in lines without an end of line at the end.
///
/// # Errors
/// Whatever would keep a run from starting, and more pictures that do not
/// decode than a run would skip.
pub fn check(source: &Source) -> Result<String, DataError> {
    let layout = match source {
        Source::Drawings => Drawings::LAYOUT,
        Source::Faces | Source::Structures(_) | Source::Seasons => "nothing: the program draws them",
        Source::Idx(_) => Idx::LAYOUT,
        Source::Cifar10(_) => Cifar10::LAYOUT,
        Source::Ab(_) => unpaired::LAYOUT,
        Source::Folder(_) => Folder::LAYOUT,
        Source::Identities(_) => Identities::LAYOUT,
        Source::Pairs(_) => Pairs::LAYOUT,
    };
    let mut report = format!("{source}\nexpected: {layout}");
    for split in [Split::Train, Split::HeldOut] {
        let dataset = source.open(&OpenOptions { split, size: 64, channels: 3 })?;
        let part = match split {
            Split::Train => "to train on",
            Split::HeldOut => "held out",
        };
        write!(report, "\n{part}: {}", dataset.describe()).expect("text grows");
        report += &labels(&*dataset);
        report += &pictures(&dataset)?;
    }
    Ok(report)
}

/// How many pictures each label has.
fn labels(dataset: &dyn Dataset) -> String {
    if dataset.classes() < 2 {
        return String::new();
    }
    let mut counts = vec![0usize; dataset.classes()];
    for index in 0..dataset.len() {
        counts[dataset.label(index) as usize] += 1;
    }
    let single = counts.iter().filter(|count| **count == 1).count();
    let (least, most) = (counts.iter().min().unwrap_or(&0), counts.iter().max().unwrap_or(&0));
    let mut text = format!("\n  labels: {}, with {least} to {most} pictures each", counts.len());
    if single > 0 {
        write!(text, ", {single} of them with a single picture").expect("text grows");
    }
    text
}

/// What is kept of a picture that was decoded.
struct Kept {
    height: usize,
    width: usize,
    channels: usize,
    /// How many pixels of its mask are set.
    set: Option<usize>,
}

impl Kept {
    fn of(sample: Sample) -> Self {
        let Picture { height, width, channels, .. } = sample.picture;
        Self { height, width, channels, set: sample.mask.map(|mask| set_pixels(&mask)) }
    }
}

/// How much of the masks is set.
fn masks(dataset: &dyn Dataset, whole: &[Kept]) -> Result<String, DataError> {
    let sets: Vec<usize> = whole.iter().filter_map(|kept| kept.set).collect();
    if sets.is_empty() {
        return Ok(String::new());
    }
    let pixels: usize = whole.iter().map(|kept| kept.height * kept.width).sum();
    let set: usize = sets.iter().sum();
    if set == 0 {
        return Err(nothing_set(dataset));
    }
    let empty = sets.iter().filter(|set| **set == 0).count();
    let share = 100.0 * set as f64 / pixels as f64;
    Ok(format!("\n  masks: {share:.1}% of all pixels set, {empty} masks with none"))
}

/// Sizes, modes and pictures that do not decode.
fn pictures(dataset: &Arc<dyn Dataset>) -> Result<String, DataError> {
    let count = dataset.len().min(DECODED);
    let decoded: Vec<Result<Kept, DataError>> = (0..count)
        .into_par_iter()
        .map(|number| dataset.sample(number * dataset.len() / count))
        .map(|sample| sample.map(Kept::of))
        .collect();
    let mut broken = Vec::new();
    let mut whole = Vec::new();
    for picture in decoded {
        match picture {
            Ok(picture) => whole.push(picture),
            Err(error @ DataError::Picture { .. }) => broken.push(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(first) = broken.first()
        && (broken.len() > skip_limit(dataset.len()) || whole.is_empty())
    {
        return Err(DataError::TooManySkipped {
            source_name: dataset.describe(),
            skipped: broken.len(),
            limit: skip_limit(dataset.len()),
            pictures: dataset.len(),
            first: Box::new(first.clone()),
        });
    }
    let grey = whole.iter().filter(|kept| kept.channels == 1).count();
    let range = |side: fn(&Kept) -> usize| {
        let (least, most) = (whole.iter().map(side).min(), whole.iter().map(side).max());
        format!("{} to {}", least.unwrap_or(0), most.unwrap_or(0))
    };
    let mut text = format!(
        "\n  decoded: {count} of {}, heights {}, widths {}, {grey} grey, {} RGB, {} that do not decode",
        dataset.len(),
        range(|picture| picture.height),
        range(|picture| picture.width),
        whole.len() - grey,
        broken.len()
    );
    text += &masks(&**dataset, &whole)?;
    for error in broken.iter().take(NAMED) {
        write!(text, "\n  skipped: {error}").expect("text grows");
    }
    Ok(text)
}
