//! Times [`pyramid_wasserstein`] on noise: `pyramid_wasserstein_speed [SIDE] [PICTURES] [PATCHES] [PROJECTIONS]`.

use std::time::Instant;

use gobelin_losses::metrics::{Pictures, PyramidWasserstein, pyramid_wasserstein};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let (side, count) = (number(0, 64), number(1, 256));
    let options = PyramidWasserstein {
        patches: number(2, 128),
        projections: number(3, 512),
        ..PyramidWasserstein::default()
    };
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut pictures = || -> Vec<f32> { (0..count * side * side * 3).map(|_| random.random()).collect() };
    let (a, b) = (pictures(), pictures());
    let shape = [count, side, side, 3];
    for _ in 0..3 {
        let begun = Instant::now();
        let distances = pyramid_wasserstein(Pictures::new(&a, shape), Pictures::new(&b, shape), options);
        println!("{:.3} s: {distances:.3?}", begun.elapsed().as_secs_f64());
    }
}
