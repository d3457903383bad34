//! Losses of listed triplets or pairs on a graphics card. A list there is as long whatever is chosen, and a mask says what of it
//! counts: nothing is read, and a step can be recorded.

use gobelin_autograd::{Tensor, Var, ops};
use gobelin_losses::Reduction;
use gobelin_losses::contrastive::Contrastive;
use gobelin_losses::mining::{Counts, Labels, chosen_places};
use gobelin_losses::triplet::Triplet;

use crate::objective::{Kind, Objective};
use crate::separation::differ;

/// The loss of embeddings (N, D) on a card by soft triplets or pairs.
pub(crate) fn of_batch(objective: Objective, embeddings: &Var, labels: &Labels) -> (Var, Counts) {
    let squares = ops::squared_distances(embeddings, embeddings);
    let (distances, squared) = objective.measured(&squares);
    let Some(choice) = objective.choice() else { return of_all(objective, &distances, &squares, labels) };
    let places =
        chosen_places(embeddings.tensor(), distances.tensor(), labels, choice, objective.margin, squared);
    let mut counted = is_place(&places.negatives);
    if let Some(positives) = &places.positives {
        counted = ops::mul(&counted, &is_place(positives));
    }
    let near = |of: &Var| match &places.positives {
        Some(positives) => ops::take_along(of, positives),
        None => of.clone(),
    };
    let far = |of: &Var| ops::take_along(of, &places.negatives);
    if objective.kind == Kind::Contrastive {
        let short = objective.short(&far(&squares));
        let each = ops::concat(&[&near(&squares), &short], 0);
        return mean(&each, &ops::concat(&[&counted, &counted], 0));
    }
    mean(&ops::softplus(&ops::sub(&near(&distances), &far(&distances))), &counted)
}

/// Every pair, or every soft triplet.
fn of_all(objective: Objective, distances: &Var, squares: &Var, labels: &Labels) -> (Var, Counts) {
    let (count, differ) = (labels.count(), differ(labels.numbers()));
    if objective.kind == Kind::Contrastive {
        // Each pair is there twice; an embedding and itself have no loss.
        let each = ops::select(differ.tensor(), &objective.short(squares), squares);
        let pairs = count * count.saturating_sub(1) / 2;
        let active = ops::scale(&ops::count_outside(each.tensor(), f32::NEG_INFINITY, 0.0).into(), 0.5);
        let counted = (&number_beside(&active, pairs)).into();
        let loss = ops::scale(&ops::sum(&each), 0.5 / pairs.max(1) as f32);
        return (loss, Counts { counted, active: (&active).into() });
    }
    let positives = labels.positives();
    let most = positives.shape()[1];
    let near = ops::reshape(&ops::take_along(distances, &positives), &[count, most, 1]);
    let far = ops::reshape(distances, &[count, 1, count]);
    let counted = ops::mul(
        &ops::reshape(&is_place(&positives), &[count, most, 1]),
        &ops::reshape(&differ, &[count, 1, count]),
    );
    mean(&ops::softplus(&ops::sub(&near, &far)), &counted)
}

/// The loss of a list of triplets, `embeddings` (3 T, D) on a card: all anchors, then all positives, then all negatives.
pub(crate) fn of_thirds(objective: Objective, embeddings: &Var) -> (Var, Counts) {
    let count = embeddings.shape()[0] / 3;
    let [anchor, positive, negative] =
        [0, 1, 2].map(|third| ops::narrow(embeddings, 0, third * count, count));
    let Objective { kind, margin, squared, .. } = objective;
    let each = if kind == Kind::Contrastive {
        let loss = Contrastive { margin, reduction: Reduction::None, ..Contrastive::default() };
        let same = loss.of(&anchor, &positive, &Tensor::ones(&[count]));
        ops::concat(&[&same, &loss.of(&anchor, &negative, &Tensor::zeros(&[count]))], 0)
    } else {
        let soft_margin = kind == Kind::SoftTriplet;
        let loss = Triplet { margin, squared, soft_margin, reduction: Reduction::None };
        loss.of(&anchor, &positive, &negative)
    };
    let active: Var = ops::count_outside(each.tensor(), f32::NEG_INFINITY, 0.0).into();
    let counted = (&number_beside(&active, each.tensor().len())).into();
    (ops::mean(&each), Counts { counted, active: (&active).into() })
}

impl Objective {
    /// The distances that triplets are mined by, and whether they are squared. The contrastive loss is one of plain distances, and so is its margin.
    fn measured(self, squares: &Var) -> (Var, bool) {
        let squared = self.squared && self.kind != Kind::Contrastive;
        (if squared { squares.clone() } else { ops::sqrt(squares) }, squared)
    }

    /// The contrastive loss of different pairs at these squared distances.
    fn short(self, squares: &Var) -> Var {
        ops::square(&ops::relu(&ops::add_scalar(&ops::neg(&ops::sqrt(squares)), self.margin)))
    }
}

/// 1 where there is a place, 0 where it is -1.
fn is_place(places: &Tensor) -> Var {
    ops::clamp(&ops::add_scalar(&places.clone().into(), 1.0), 0.0, 1.0)
}

/// A number, where that figure lies, which is one.
fn number_beside(figure: &Var, number: usize) -> Var {
    ops::add_scalar(&ops::scale(figure, 0.0), number as f32)
}

/// The mean over what counts: 0 where nothing does.
fn mean(each: &Var, counted: &Var) -> (Var, Counts) {
    let each = ops::masked(each, counted.tensor());
    let total = ops::sum(counted);
    let active = ops::count_outside(each.tensor(), f32::NEG_INFINITY, 0.0);
    let loss = ops::div(&ops::sum(&each), &ops::clamp(&total, 1.0, f32::INFINITY));
    (loss, Counts { counted: (&total).into(), active: (&active).into() })
}
