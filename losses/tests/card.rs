//! Mining and sorting on a graphics card, for which the emulated one stands in: the host's choice, to the index, and its losses and
//! gradients.

use gobelin_autograd::{Bundle, Replay, Tape, Tensor, Var, ops, random};
use gobelin_losses::lovasz::{lovasz_hinge, lovasz_softmax};
use gobelin_losses::mining::{Choice, Fallback, Labels, Mining, Reduce, TripletBatch, chosen_triplets};
use gobelin_losses::triplet_batch::triplet_batch;

const CHOICES: [Choice; 5] = [
    Choice::Hard,
    Choice::SemiHard { fallback: Fallback::Skip },
    Choice::SemiHard { fallback: Fallback::Hardest },
    Choice::SemiHard { fallback: Fallback::Largest },
    Choice::DistanceWeighted { nearest: 0.5, farthest: 1.4 },
];

/// Unit embeddings of people side by side and mixed up; one has a single picture.
fn batch(count: usize, stream: u64) -> (Tensor, Labels) {
    let drawn = random::normal(&[count, 6], 0.0, 1.0, &mut random::generator(5, stream));
    let person = |i: usize| if i == 0 { 1000 } else { (if i < count / 2 { i / 4 } else { i % 7 }) as i64 };
    let people: Vec<i64> = (0..count).map(person).collect();
    (ops::l2_normalise(&drawn.into()).into_tensor(), Labels::new(&people, stream + 3))
}

#[test]
fn the_triplets_are_the_hosts() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for (count, stream) in [(3, 0), (40, 1), (101, 2)] {
        let (embeddings, labels) = batch(count, stream);
        let moved = embeddings.to_device(&card);
        for (choice, squared) in CHOICES.into_iter().flat_map(|choice| [(choice, true), (choice, false)]) {
            let [expected, found] =
                [&embeddings, &moved].map(|e| chosen_triplets(e, &labels, choice, 0.2, squared));
            assert!(expected == found, "{choice:?} of {count}, squared {squared}");
            assert!(count == 3 || found.len() > 20, "{choice:?} of {count}: {}", found.len());
        }
    }
}

/// The loss, its counts, and its gradient by the fused rule, the composed one, and of the composed one's length.
fn told(loss: TripletBatch, embeddings: &Tensor, labels: &Labels) -> ([f64; 3], [Tensor; 3]) {
    let (first, second) = (Tape::new(), Tape::new());
    let leaf = first.leaf(embeddings.clone());
    let (value, counts) = triplet_batch(loss, &leaf, labels);
    let fused = first.gradients(&ops::scale(&value, 3.0), &[&leaf]).remove(0);
    let numbers = [f64::from(value.item()), counts.counted.get(), counts.active.get()];
    let leaf = second.leaf(embeddings.clone());
    let value = ops::scale(&triplet_batch(loss, &leaf, labels).0, 3.0);
    let composed = second.differentiable_gradients(&value, &[&leaf]).remove(0);
    let of_length = second.gradients(&ops::sum(&ops::square(&composed)), &[&leaf]).remove(0);
    (numbers, [fused, composed.into_tensor(), of_length])
}

fn minings() -> impl Iterator<Item = Mining> {
    let all = [Reduce::Active, Reduce::Valid].map(|reduce| Mining::All { reduce });
    all.into_iter().chain(CHOICES.map(Mining::Chosen))
}

#[test]
fn the_loss_and_its_gradients_are_the_hosts() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    let (embeddings, labels) = batch(40, 4);
    let moved = embeddings.to_device(&card);
    for (mining, squared) in minings().flat_map(|mining| [(mining, true), (mining, false)]) {
        let loss = TripletBatch { mining, margin: 0.3, squared };
        let (expected, gradients) = told(loss, &embeddings, &labels);
        let (found, moved_gradients) = told(loss, &moved, &labels);
        assert!((found[0] - expected[0]).abs() < 1e-6 && expected[0] > 0.01, "{loss:?}: {found:?}");
        assert_eq!(found[1..], expected[1..], "{loss:?}");
        for (number, (found, expected)) in moved_gradients.iter().zip(&gradients).enumerate() {
            assert!(found.device() == Some(&card), "{loss:?}: gradient {number} left the card");
            let largest = expected.data().iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            let near = found.data().iter().zip(expected.data()).all(|(a, b)| (a - b).abs() < 1e-5 * largest);
            assert!(near && largest > 0.0, "{loss:?}: gradient {number}");
        }
    }
}

#[test]
fn nothing_valid_is_zero_and_nan_is_nan() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    let embeddings = |values: [f32; 4]| Tensor::new(&[4, 1], values).to_device(&card);
    for mining in minings() {
        let loss = TripletBatch { mining, ..TripletBatch::default() };
        for people in [[3, 3, 3, 3], [1, 2, 3, 4]] {
            let (numbers, gradients) =
                told(loss, &embeddings([0.1, 0.9, 0.3, 0.2]), &Labels::new(&people, 0));
            assert_eq!(numbers, [0.0; 3], "{mining:?}");
            assert_eq!(gradients[0].data(), [0.0; 4], "{mining:?}");
        }
        let (numbers, gradients) =
            told(loss, &embeddings([0.1, f32::NAN, 0.3, 0.2]), &Labels::new(&[0, 0, 1, 1], 0));
        assert!(numbers[0].is_nan() && numbers[1..] == [0.0; 2], "{mining:?}");
        assert!(gradients[0].data()[0].is_nan(), "{mining:?}");
    }
}

/// Embeddings that are all the same have no gradient, not one of rounding.
#[test]
fn one_point_has_no_gradient() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    let point = Tensor::new(&[30, 3], [0.1f32, 0.7, -0.3].repeat(30)).to_device(&card);
    let labels = Labels::new(&(0..30).map(|i| i % 3).collect::<Vec<i64>>(), 0);
    for mining in minings() {
        let loss = TripletBatch { mining, ..TripletBatch::default() };
        let gradient = &told(loss, &point, &labels).1[0];
        assert!(gradient.data().iter().all(|&x| x == 0.0), "{mining:?}: {gradient:?}");
    }
}

#[derive(Clone)]
struct Hand {
    embeddings: Tensor,
    labels: Labels,
}

impl Bundle for Hand {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.embeddings);
        self.labels.each_tensor(visit);
    }
}

/// With other embeddings, people and seeds each time, of which ever others are chosen.
#[test]
fn what_is_replayed_is_what_would_be_done() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    // The gradient and below it the loss, six times.
    let work = |loss: TripletBatch, Hand { embeddings, labels }: Hand| {
        let tape = Tape::new();
        let leaf = tape.leaf(embeddings);
        let (value, _) = triplet_batch(loss, &leaf, &labels);
        let gradient = tape.gradients(&value, &[&leaf]).remove(0).into();
        ops::concat(&[&gradient, &ops::broadcast_to(&value.detach(), &[1, 6])], 0).into_tensor()
    };
    for mining in minings() {
        let loss = TripletBatch { mining, ..TripletBatch::default() };
        let mut replay = Replay::on(&card);
        for stream in 0..4 {
            let (embeddings, labels) = batch(24, stream);
            let hand = Hand { embeddings: embeddings.to_device(&card), labels };
            let expected = work(loss, hand.clone());
            let found = replay.run(hand, |hand| work(loss, hand));
            assert_eq!(found.data(), expected.data(), "{mining:?}, step {stream}");
        }
        assert_eq!(replay.nodes().len(), 1, "{mining:?}");
    }
}

type Loss<'a> = &'a dyn Fn(&Var) -> Var;

/// The Lovász losses sort there: of equal errors the earlier pixel first, as on the host, and nothing is read, so masks may be recorded.
#[test]
fn errors_are_sorted_there() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    let told = |logits: &Tensor, loss: Loss| {
        let tape = Tape::new();
        let leaf = tape.leaf(logits.clone());
        let value = loss(&leaf);
        (value.item(), tape.gradients(&value, &[&leaf]).remove(0))
    };
    let drawn = |stream| random::normal(&[2, 6, 7, 3], 0.0, 2.0, &mut random::generator(8, stream));
    // Few different logits, so that many of the hinge's errors are equal; the softmax rounds otherwise on a card.
    let (few, many) = (drawn(0).map(f32::round), drawn(0));
    let mut masks = drawn(1).map(|v| f32::from(v > 1.0));
    // A channel without any pixel.
    masks.data_mut().iter_mut().skip(2).step_by(3).for_each(|mask| *mask = 0.0);
    let classes: Vec<i64> =
        drawn(2).data()[..84].iter().map(|v| [0, 2, -100][(v.abs() * 2.0) as usize % 3]).collect();
    for per_sample in [false, true] {
        let of_masks = |x: &Var| lovasz_hinge(x, &masks, per_sample);
        let losses: [(&Tensor, Loss); 3] = [
            (&few, &of_masks),
            (&many, &|x| lovasz_softmax(x, &classes, -100, false, per_sample)),
            (&many, &|x| lovasz_softmax(x, &classes, -100, true, per_sample)),
        ];
        for (number, (logits, loss)) in losses.into_iter().enumerate() {
            let (expected, gradient) = told(logits, loss);
            let (found, moved) = told(&logits.to_device(&card), loss);
            assert!((found - expected).abs() < 1e-5 * expected.abs(), "{number}: {found}, not {expected}");
            assert!(moved.device() == Some(&card), "{number}: the gradient left the card");
            let largest = gradient.data().iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            let near = moved.data().iter().zip(gradient.data()).all(|(a, b)| (a - b).abs() < 1e-5 * largest);
            assert!(near && largest > 0.0, "{number}");
        }
        let mut replay = Replay::on(&card);
        let on_card = masks.to_device(&card);
        for stream in 0..3 {
            let work = |logits: Tensor| told_there(&logits, &on_card, per_sample);
            let logits = drawn(stream).to_device(&card);
            let expected = work(logits.clone());
            assert_eq!(replay.run(logits, work).data(), expected.data());
        }
        assert_eq!(replay.nodes().len(), 1);
    }
}

fn told_there(logits: &Tensor, masks: &Tensor, per_sample: bool) -> Tensor {
    let tape = Tape::new();
    let leaf = tape.leaf(logits.clone());
    tape.gradients(&lovasz_hinge(&leaf, masks, per_sample), &[&leaf]).remove(0)
}
