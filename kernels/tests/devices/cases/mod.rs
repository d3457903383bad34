//! The cases, by what the kernels are for.

mod elementwise;
mod mining;
mod pictures;
mod products;
mod rows;
mod sums;
mod training;

use super::case::Case;

/// Those whose sums are cut differently on a larger card.
pub fn cut_by_the_card() -> Vec<Case> {
    products::cases().into_iter().chain(sums::cases()).collect()
}

pub fn all() -> Vec<Case> {
    [
        elementwise::cases(),
        products::cases(),
        sums::cases(),
        pictures::cases(),
        rows::cases(),
        mining::cases(),
        training::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
