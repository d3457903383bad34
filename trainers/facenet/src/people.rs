//! Data as people and their pictures.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use gobelin_datasets::{Dataset, OpenOptions, Source, Split, Subset};
use gobelin_harness::{Error, Failure};

/// Of labels that come in both parts of the data (IDX, CIFAR-10), every third is held out: four of ten.
const THIRD: u32 = 3;

/// Opens people to train on, or people never trained on.
///
/// Drawn faces and folders of identities are split by person as they come. IDX and CIFAR-10 have the same labels in both their
/// parts: of the first part, the labels to train on are left; of the second, the others.
///
/// # Errors
/// The data cannot be read, or has no identities.
pub fn open(source: &Source, split: Split, size: usize) -> Result<Arc<dyn Dataset>, Failure> {
    let data = source.open(&OpenOptions { split, size, channels: 3 })?;
    match source {
        Source::Faces | Source::Identities(_) => Ok(data),
        Source::Idx(_) | Source::Cifar10(_) => {
            let held_out = |label: u32| label.is_multiple_of(THIRD);
            let indices =
                (0..data.len()).filter(|&index| held_out(data.label(index)) == (split == Split::HeldOut));
            Ok(Arc::new(Subset::chosen(Arc::clone(&data), indices.collect())))
        }
        _ => {
            let message = format!(
                "--data {source}: these pictures say nothing of whom they show; use identities:DIR with a folder for \
                 each person"
            );
            Err(Error::Call(message).into())
        }
    }
}

/// The pictures of each person, in the order of the labels.
pub fn pictures_by_person(data: &dyn Dataset) -> Vec<Vec<usize>> {
    let mut pictures = vec![Vec::new(); data.classes()];
    for index in 0..data.len() {
        pictures[data.label(index) as usize].push(index);
    }
    pictures
}

/// Who can be trained on: people with two pictures or more; and what a user should know about the others.
pub struct Trainable {
    /// The pictures of each.
    pub pictures: Vec<Vec<usize>>,
    /// How many people have but one picture.
    pub single: usize,
    /// How many people are left out by name.
    pub examined: usize,
}

impl Trainable {
    /// Sorts the people of a data set out; those of these names are left out.
    pub fn new(data: &dyn Dataset, examined: &BTreeSet<String>) -> Self {
        let mut trainable = Self { pictures: Vec::new(), single: 0, examined: 0 };
        for (label, own) in pictures_by_person(data).into_iter().enumerate() {
            if examined.contains(&data.class_name(label as u32)) {
                trainable.examined += 1;
            } else if own.len() >= 2 {
                trainable.pictures.push(own);
            } else {
                trainable.single += 1;
            }
        }
        trainable
    }

    /// Whether batches of `people` can be made.
    ///
    /// # Errors
    /// If not.
    pub fn must_have(&self, people: usize, source: &str) -> Result<(), Failure> {
        if self.pictures.len() >= people {
            return Ok(());
        }
        let mut found = format!("people to train on with two pictures or more: {}", self.pictures.len());
        if self.single > 0 {
            let _ = write!(found, ", with one: {}", self.single);
        }
        if self.examined > 0 {
            let _ = write!(found, ", left out because --pairs asks for them: {}", self.examined);
        }
        let remedy =
            if people > 2 { "make --people smaller or add people" } else { "add people or pictures" };
        let message =
            format!("{source}: {found}; expected {people} or more, as many as in a batch; {remedy}");
        Err(message.into())
    }

    /// Lines on the people left out, and on those who have fewer pictures than the `faces` of a batch.
    pub fn notices(&self, source: &str, faces: usize) -> Vec<String> {
        let everybody = self.pictures.len() + self.single + self.examined;
        let line = |count: usize, why: &str| {
            (count > 0)
                .then(|| format!("{source}: {count} of {everybody} people are left out of training: {why}"))
        };
        let few = self.pictures.iter().filter(|own| own.len() < faces).count();
        let few = (few > 0).then(|| {
            format!(
                "{source}: {few} of {} people to train on have fewer than {faces} pictures: batches show all of theirs, each once, \
                 and are smaller than --batch says",
                self.pictures.len()
            )
        });
        let single = line(self.single, "they have one picture, and a positive needs two");
        let examined = line(self.examined, "--pairs asks for them");
        [single, examined, few].into_iter().flatten().collect()
    }
}
