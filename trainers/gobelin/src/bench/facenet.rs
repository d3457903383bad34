//! FaceNet NN2 at 96 pixels: 8 identities of 4 faces, semi-hard triplets mined from the batch, AdaGrad.

use gobelin_autograd::random;
use gobelin_facenet::learner::{Learner, Method};
use gobelin_facenet::objective::{Kind, Mine, Objective};
use gobelin_losses::mining::{Fallback, Labels};
use gobelin_nets::Module;
use gobelin_nets::facenet::FaceNetNn2;
use gobelin_nets::facenet_small::FaceNetSmall;

use super::setup::Setup;

const IDENTITIES: usize = 8;
const FACES: usize = 4;
const SIZE: usize = 96;
const DIMENSIONS: usize = 128;

/// Of each anchor and positive, the nearest negative that is farther than the positive (beyond the margin its loss is 0), or where
/// there is none, the farthest.
const LOSS: Objective =
    Objective { kind: Kind::Triplet, mine: Mine::SemiHard(Fallback::Largest), margin: 0.2, squared: true };

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let mut numbers = random::generator(0, 0);
    let net: Box<dyn Module> = if setup.is_small {
        Box::new(FaceNetSmall::new(2, DIMENSIONS, &mut numbers))
    } else {
        Box::new(FaceNetNn2::new(DIMENSIONS, &mut numbers))
    };
    let mut learner = Learner::new(net, Method::AdaGrad, 0.05, 0, false);
    setup.net(&*learner.net);
    let (identities, faces, size) = setup.pick((IDENTITIES, FACES, SIZE), (2, 2, 16));
    let people: Vec<i64> = (0..identities * faces).map(|face| (face / faces) as i64).collect();
    let labels = setup.put(Labels::new(&people, 0));
    let faces = setup.put(learner.faces(super::pictures(&[people.len(), size, size, 3])));
    let mut replay = setup.replay();
    Box::new(move || {
        replay.run((), |()| {
            let gradients = learner.gradients(&faces, &[], |_, embeddings| LOSS.of(embeddings, &labels).0);
            learner.descent.step(&gradients.net);
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loss as the PyTorch script has it: negatives farther than the positive without an upper end, mean over all pairs.
    fn plain(embeddings: &[f32], dimensions: usize, labels: &[i64]) -> f64 {
        let row = |i: usize| &embeddings[i * dimensions..][..dimensions];
        let distance = |i: usize, j: usize| -> f64 {
            row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        let (mut sum, mut pairs) = (0.0, 0);
        for a in 0..labels.len() {
            let negatives = || (0..labels.len()).filter(|&n| labels[n] != labels[a]).map(|n| distance(a, n));
            for p in (0..labels.len()).filter(|&p| p != a && labels[p] == labels[a]) {
                let near = distance(a, p);
                let semi_hard = negatives().filter(|&far| far > near).fold(f64::INFINITY, f64::min);
                let far = if semi_hard.is_finite() { semi_hard } else { negatives().fold(0.0, f64::max) };
                sum += (near - far + f64::from(LOSS.margin)).max(0.0);
                pairs += 1;
            }
        }
        sum / f64::from(pairs)
    }

    #[test]
    fn the_loss_is_the_yardsticks() {
        // Close together, most pairs find a negative in the band; spread out, beyond it; where labels are sorted by distance
        // from a common centre, some find none.
        for (stream, scale) in [(0, 0.1), (1, 0.4), (2, 3.0)] {
            let mut embeddings = random::normal(&[12, 3], 0.0, scale, &mut random::generator(5, stream));
            for value in &mut embeddings.data_mut()[..9] {
                *value *= 20.0;
            }
            let labels: Vec<i64> = (0..12).map(|i| i / 3).collect();
            let expected = plain(embeddings.data(), 3, &labels);
            let found = f64::from(LOSS.of(&embeddings.into(), &Labels::new(&labels, 0)).0.item());
            assert!((found - expected).abs() < 1e-4 * expected.max(1.0), "{found}, expected {expected}");
        }
    }
}
