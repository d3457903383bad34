//! Verification: are two pictures of one person? Asked of people never trained on.

use std::collections::HashSet;
use std::sync::Arc;

use gobelin_autograd::{Tensor, ops};
use gobelin_datasets::{DataError, Dataset, HeldOut, HeldOutOptions, Subset};
use gobelin_harness::Failure;
use gobelin_losses::metrics::{Vectors, auc, retrieval, val_at_far, verification_accuracy};
use gobelin_nets::{Module, Pass};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::people::pictures_by_person;
use crate::sampler::stream;

/// LFW's protocol: this many folds, and in each so many pairs of one person and as many of two.
pub const FOLDS: usize = 10;
const PAIRS: usize = 300;
/// Most pictures of a person, unless there are too few people to make up the number.
const EACH: usize = 10;
/// The false accept rate at which the paper compares.
pub const FAR: f64 = 1e-3;
/// The squared distance of opposite embeddings.
const FARTHEST: f32 = 4.0;
/// Pictures embedded at a time.
const BATCH: usize = 64;
/// What the random stream is for, see [`crate::sampler`]. Its seed is always the same: runs compare.
const EXAM: u64 = 1003;

/// Two pictures of an exam, and whether they show one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Place of the one.
    pub a: usize,
    /// Place of the other.
    pub b: usize,
    /// Whether they show one person.
    pub same: bool,
}

/// Pictures of people never trained on, and the pairs that are asked.
pub struct Exam {
    size: usize,
    /// (N, size, size, 3) bytes.
    pixels: Vec<u8>,
    people: Vec<i64>,
    names: Vec<String>,
    /// Fold after fold, all of one length.
    pairs: Vec<Pair>,
    folds: usize,
    /// Whether rates are over all pairs of pictures, and not over `pairs` alone.
    every_pair: bool,
}

/// What came of an exam.
#[derive(Clone, Debug)]
pub struct Grade {
    /// The mean accuracy over the folds, each at the threshold that is best for the others.
    pub accuracy: f64,
    /// The standard error of that mean, as LFW's tables have it.
    pub accuracy_error: f64,
    /// The share of same pairs accepted where at most [`FAR`] of the different ones are.
    pub val: f64,
    /// The area under the ROC curve.
    pub auc: f64,
    /// The share of pictures whose nearest other picture is of the same person.
    pub precision_at_1: f64,
    /// The squared distance below which two pictures are called the same: the best for all pairs asked.
    pub threshold: f64,
    /// The pairs that rates are over, and the squared distance of each.
    pub judged: Vec<(Pair, f32)>,
}

impl Exam {
    /// An exam of `count` pictures of a data set, or of all if it has fewer: of people drawn by lot, at most ten of each
    /// unless there are few people. Pairs are drawn as LFW's: ten folds that share nobody (if there are people enough) of 300
    /// same pairs and 300 different ones, or of as many as each fold has.
    ///
    /// # Errors
    /// Pictures cannot be read, or there are not two pairs of each kind.
    pub fn new(data: &Arc<dyn Dataset>, count: usize, size: usize) -> Result<Self, Failure> {
        let mut lot = stream(EXAM, 0, 0, 0);
        let mut people = pictures_by_person(&**data);
        people.shuffle(&mut lot);
        let each = EACH.max(count.div_ceil(people.len().max(1)));
        let mut chosen = Vec::new();
        for own in &mut people {
            own.shuffle(&mut lot);
            let take = own.len().min(each).min(count - chosen.len());
            chosen.extend_from_slice(&own[..take]);
        }
        let chosen: Arc<dyn Dataset> = Arc::new(Subset::chosen(Arc::clone(data), chosen));
        let source = data.describe();
        let mut exam = Self::read(&chosen, size)?;
        exam.draw_pairs(&mut lot);
        if exam.folds < 2 {
            let people: HashSet<i64> = exam.people.iter().copied().collect();
            return Err(format!(
                "{source}: {} pictures of {} people to verify; expected at least two people held out and among them two \
                 pairs of pictures of one person; add people or pictures",
                exam.people.len(),
                people.len()
            )
            .into());
        }
        Ok(exam)
    }

    /// An exam of given pairs, fold after fold, by their places in a data set.
    ///
    /// # Errors
    /// Pictures cannot be read.
    pub fn of_pairs(
        data: &Arc<dyn Dataset>,
        pairs: Vec<Pair>,
        folds: usize,
        size: usize,
    ) -> Result<Self, Failure> {
        Ok(Self { pairs, folds, every_pair: false, ..Self::read(data, size)? })
    }

    /// The pictures without pairs.
    fn read(data: &Arc<dyn Dataset>, size: usize) -> Result<Self, DataError> {
        let options = HeldOutOptions { count: data.len(), batch: BATCH, size, channels: 3 };
        let mut exam = Self {
            size,
            pixels: Vec::with_capacity(data.len() * size * size * 3),
            people: Vec::new(),
            names: Vec::new(),
            pairs: Vec::new(),
            folds: 0,
            every_pair: true,
        };
        for batch in HeldOut::new(Arc::clone(data), options) {
            let batch = batch?;
            for place in 0..batch.len() {
                exam.pixels.extend(batch.picture(place).pixels);
                exam.names.push(data.name(batch.indices[place]));
            }
            exam.people.extend(batch.labels.iter().map(|&label| i64::from(label)));
        }
        Ok(exam)
    }

    fn draw_pairs(&mut self, lot: &mut ChaCha8Rng) {
        let mut apart: Vec<Vec<usize>> = vec![Vec::new(); FOLDS];
        let mut ranks: Vec<i64> = Vec::new();
        for (place, person) in self.people.iter().enumerate() {
            let rank = ranks.iter().position(|known| known == person).unwrap_or_else(|| {
                ranks.push(*person);
                ranks.len() - 1
            });
            apart[rank % FOLDS].push(place);
        }
        let apart: Vec<[Vec<Pair>; 2]> =
            apart.iter().map(|places| self.pairs_among(places, PAIRS, lot)).collect();
        let everybody: Vec<usize> = (0..self.people.len()).collect();
        let kinds = self.pairs_among(&everybody, FOLDS * PAIRS, lot);
        let count = kinds.iter().map(Vec::len).min().unwrap_or(0).min(FOLDS);
        let dealt = |fold: usize| {
            kinds.each_ref().map(|kind| kind.iter().copied().skip(fold).step_by(count).collect())
        };
        let dealt: Vec<[Vec<Pair>; 2]> = (0..count).map(dealt).collect();
        let fewest = |folds: &[[Vec<Pair>; 2]]| folds.iter().flatten().map(Vec::len).min().unwrap_or(0);
        // Where folds that share nobody would waste more than half of the pairs, they share people.
        let folds = if 2 * fewest(&apart) >= fewest(&dealt) { apart } else { dealt };
        let length = fewest(&folds);
        self.folds = if length > 0 { folds.len() } else { 0 };
        self.pairs = folds.iter().flatten().flat_map(|kind| &kind[..length]).copied().collect();
    }

    /// At most so many pairs of one person and so many of two, by lot.
    fn pairs_among(&self, places: &[usize], most: usize, lot: &mut ChaCha8Rng) -> [Vec<Pair>; 2] {
        let pair = |a: usize, b: usize| Pair { a, b, same: self.people[a] == self.people[b] };
        let mut same: Vec<Pair> = Vec::new();
        let mut different = 0;
        for (i, &a) in places.iter().enumerate() {
            for &b in &places[..i] {
                if pair(a, b).same { same.push(pair(a, b)) } else { different += 1 }
            }
        }
        same.shuffle(lot);
        same.truncate(most);
        let mut drawn = HashSet::new();
        let mut others = Vec::new();
        while others.len() < most.min(different) {
            let (a, b) = (places[lot.random_range(..places.len())], places[lot.random_range(..places.len())]);
            if !pair(a, b).same && drawn.insert((a.min(b), a.max(b))) {
                others.push(pair(a, b));
            }
        }
        [same, others]
    }

    /// Examines a net.
    pub fn grade(&self, net: &dyn Module, exact: bool) -> Grade {
        let embeddings = self.embed(net, exact);
        let count = self.people.len();
        let distances =
            ops::squared_distances(&embeddings.clone().into(), &embeddings.clone().into()).into_tensor();
        let distance = |pair: &Pair| distances.data()[pair.a * count + pair.b];
        let asked: Vec<f32> = self.pairs.iter().map(distance).collect();
        let same: Vec<bool> = self.pairs.iter().map(|pair| pair.same).collect();
        let accuracies = verification_accuracy(&asked, &same, self.folds);
        let (accuracy, accuracy_error) = mean_and_error(&accuracies);
        let judged: Vec<(Pair, f32)> = if self.every_pair {
            let people = &self.people;
            let pair = |a: usize, b: usize| Pair { a, b, same: people[a] == people[b] };
            let before = |a: usize| (0..a).map(move |b| pair(a, b));
            (0..count).flat_map(before).map(|pair| (pair, distance(&pair))).collect()
        } else {
            self.pairs.iter().copied().zip(asked.iter().copied()).collect()
        };
        let rates: (Vec<f32>, Vec<bool>) = judged.iter().map(|(pair, d)| (*d, pair.same)).unzip();
        Grade {
            accuracy,
            accuracy_error,
            val: val_at_far(&rates.0, &rates.1, FAR),
            auc: auc(&rates.0, &rates.1),
            precision_at_1: retrieval(Vectors::new(embeddings.data(), embeddings.shape()[1]), &self.people)
                .precision_at_1,
            threshold: best_threshold(&asked, &same),
            judged,
        }
    }

    fn embed(&self, net: &dyn Module, exact: bool) -> Tensor {
        let picture = self.size * self.size * 3;
        let mut embeddings = Vec::new();
        for bytes in self.pixels.chunks(BATCH * picture) {
            let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
            let batch = Tensor::new(&[bytes.len() / picture, self.size, self.size, 3], values);
            let embedded = net.forward(&Pass::evaluation().exact(exact), &batch.into());
            embeddings.extend_from_slice(embedded.tensor().data());
        }
        Tensor::new(&[self.people.len(), embeddings.len() / self.people.len()], embeddings)
    }

    /// The side of the pictures.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The bytes of a picture, (size, size, 3).
    pub fn picture(&self, place: usize) -> &[u8] {
        let picture = self.size * self.size * 3;
        &self.pixels[place * picture..][..picture]
    }

    /// Where a picture comes from.
    pub fn name(&self, place: usize) -> &str {
        &self.names[place]
    }

    /// What is asked, in words.
    pub fn describe(&self) -> String {
        let people: HashSet<i64> = self.people.iter().copied().collect();
        format!(
            "{} pictures of {} people never trained on, {} folds of {} pairs",
            self.people.len(),
            people.len(),
            self.folds,
            self.pairs.len() / self.folds.max(1)
        )
    }
}

impl Grade {
    /// The worst judged pairs, worst first: the farthest of one person, and the nearest of two.
    pub fn hardest(&self, count: usize) -> [Vec<(Pair, f32)>; 2] {
        [true, false].map(|same| {
            let mut pairs: Vec<(Pair, f32)> =
                self.judged.iter().filter(|(pair, _)| pair.same == same).copied().collect();
            pairs.sort_by(|(_, x), (_, y)| if same { y.total_cmp(x) } else { x.total_cmp(y) });
            pairs.truncate(count);
            pairs
        })
    }

    /// The ROC curve: rising false accept rates, each with the share of same pairs accepted there.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let mut order: Vec<(f32, bool)> = self.judged.iter().map(|(pair, d)| (*d, pair.same)).collect();
        order.sort_by(|x, y| x.0.total_cmp(&y.0));
        let all = order.iter().filter(|(_, same)| *same).count();
        let others = order.len() - all;
        let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
        let (mut accepted, mut wrong) = (0, 0);
        let mut curve = vec![(0.0, 0.0)];
        for group in order.chunk_by(|x, y| x.0 == y.0) {
            let same = group.iter().filter(|(_, same)| *same).count();
            (accepted, wrong) = (accepted + same, wrong + group.len() - same);
            curve.push((share(wrong, others), share(accepted, all)));
        }
        curve
    }
}

/// The mean of folds' accuracies and its standard error.
fn mean_and_error(folds: &[f64]) -> (f64, f64) {
    let count = folds.len() as f64;
    let mean = folds.iter().sum::<f64>() / count;
    let variance = folds.iter().map(|fold| (fold - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, (variance / count).sqrt())
}

/// The threshold with the most right answers, midway between the distances around it; of equally good ones the lowest.
fn best_threshold(distances: &[f32], same: &[bool]) -> f64 {
    let mut order: Vec<(f32, bool)> = distances.iter().copied().zip(same.iter().copied()).collect();
    order.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut right, mut best, mut threshold) = (0i64, 0, 0.0);
    for (place, &(distance, same)) in order.iter().enumerate() {
        right += if same { 1 } else { -1 };
        let next = order.get(place + 1).map_or(FARTHEST, |other| other.0);
        if right > best && next > distance {
            (best, threshold) = (right, f64::midpoint(f64::from(distance), f64::from(next)));
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_datasets::{Faces, FacesOptions};

    fn faces(people: u64, each: usize) -> Arc<dyn Dataset> {
        Arc::new(Faces::new(FacesOptions {
            size: 16,
            channels: 3,
            identities: 0..people,
            per_identity: each,
            seed: 0,
        }))
    }

    #[test]
    fn folds_share_nobody_and_have_as_many_pairs_of_each_kind() {
        let exam = Exam::new(&faces(40, 3), 120, 16).unwrap();
        assert_eq!((exam.folds, exam.pairs.len()), (10, 240));
        let mut fold_of = std::collections::HashMap::new();
        for (fold, pairs) in exam.pairs.chunks(24).enumerate() {
            assert_eq!(pairs.iter().filter(|pair| pair.same).count(), 12);
            let distinct: HashSet<(usize, usize)> =
                pairs.iter().map(|p| (p.a.min(p.b), p.a.max(p.b))).collect();
            assert_eq!(distinct.len(), 24);
            for pair in pairs {
                assert_eq!(pair.same, exam.people[pair.a] == exam.people[pair.b]);
                for place in [pair.a, pair.b] {
                    assert_eq!(*fold_of.entry(exam.people[place]).or_insert(fold), fold);
                }
            }
        }
    }

    #[test]
    fn few_people_have_pairs_dealt_out_and_too_few_are_refused() {
        let exam = Exam::new(&faces(2, 3), 100, 16).unwrap();
        assert_eq!((exam.folds, exam.pairs.len()), (6, 12));
        let message = |people, each| Exam::new(&faces(people, each), 100, 16).err().unwrap().to_string();
        for (people, each) in [(1, 9), (5, 1)] {
            assert!(
                message(people, each).contains("expected at least two people held out"),
                "{people} {each}"
            );
        }
    }

    fn grade(judged: &[(f32, bool)]) -> Grade {
        let pair = |(place, &(distance, same))| (Pair { a: place, b: place + 1, same }, distance);
        Grade {
            accuracy: 0.0,
            accuracy_error: 0.0,
            val: 0.0,
            auc: 0.0,
            precision_at_1: 0.0,
            threshold: 0.0,
            judged: judged.iter().enumerate().map(pair).collect(),
        }
    }

    #[test]
    fn the_roc_rises_from_nothing_to_everything_and_holds_the_auc() {
        let judged =
            [(0.1, true), (0.2, true), (0.3, false), (0.3, true), (0.5, false), (0.9, true), (1.2, false)];
        let curve = grade(&judged).roc();
        assert_eq!((curve[0], curve[curve.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        let area: f64 = curve.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[1].1, w[0].1)).sum();
        let (distances, same): (Vec<f32>, Vec<bool>) = judged.iter().copied().unzip();
        assert!((area - auc(&distances, &same)).abs() < 1e-12);
        let [far, near] =
            grade(&judged).hardest(2).map(|pairs| pairs.iter().map(|(_, d)| *d).collect::<Vec<_>>());
        assert_eq!((far, near), (vec![0.9, 0.3], vec![0.3, 0.5]));
    }

    #[test]
    fn the_threshold_has_the_most_right_answers() {
        let of = |judged: &[(f32, bool)]| {
            let (distances, same): (Vec<f32>, Vec<bool>) = judged.iter().copied().unzip();
            best_threshold(&distances, &same)
        };
        assert_eq!(of(&[(0.5, true), (1.0, false), (0.25, true)]), 0.75);
        assert_eq!(of(&[(0.5, true), (0.5, false), (0.25, true), (0.75, false)]), 0.375);
        assert_eq!(of(&[(0.5, true), (0.25, true)]), 2.25);
        assert_eq!(of(&[(0.5, false), (0.75, true)]), 0.0);
    }

    #[test]
    fn the_error_of_a_mean_shrinks_with_the_root_of_the_folds() {
        let (mean, error) = mean_and_error(&[0.9, 1.0, 0.8, 0.9]);
        assert!((mean - 0.9).abs() < 1e-12 && (error - (0.02f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    }
}
