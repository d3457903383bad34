//! The cases, by what the kernels are for.

mod elementwise;
mod pictures;
mod products;
mod rows;
mod sums;
mod training;

use super::case::Case;

pub fn all() -> Vec<Case> {
    [
        elementwise::cases(),
        products::cases(),
        sums::cases(),
        pictures::cases(),
        rows::cases(),
        training::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
