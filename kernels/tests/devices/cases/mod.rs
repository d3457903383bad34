//! The cases, by what the kernels are for.

mod along;
mod elementwise;
mod mining;
mod order;
mod pictures;
mod products;
mod rows;
mod sums;
mod training;
mod triplets;

use super::case::Case;

/// Those whose sums are cut differently on a larger card.
pub fn cut_by_the_card() -> Vec<Case> {
    products::cases().into_iter().chain(sums::cases()).collect()
}

/// All, or those whose names hold `$GOBELIN_CASES`.
pub fn all() -> Vec<Case> {
    let part = std::env::var("GOBELIN_CASES").unwrap_or_default();
    [
        elementwise::cases(),
        products::cases(),
        sums::cases(),
        pictures::cases(),
        rows::cases(),
        along::cases(),
        order::cases(),
        mining::cases(),
        triplets::cases(),
        training::cases(),
    ]
    .into_iter()
    .flatten()
    .filter(|case| case.name.contains(&part))
    .collect()
}
