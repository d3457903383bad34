//! Translations of earlier steps, for the discriminators to remember.

use gobelin_autograd::random::Generator;
use gobelin_autograd::{Tensor, Var, ops};
use gobelin_harness::{State, StateError};
use rand::RngExt;

/// A pool of generated pictures (Shrivastava et al. 2017, section 2.3; Zhu et al. 2017, section 4): each new picture is
/// kept until the pool is full, after that one time in two, in place of a random one, which is given out for it.
pub struct Pool {
    capacity: usize,
    /// One picture each, `(1, H, W, C)`.
    pictures: Vec<Tensor>,
    numbers: Generator,
}

impl Pool {
    /// An empty pool of so many pictures (50 in the paper; with 0, every picture is given back as it is), whose choices
    /// are drawn from `numbers`.
    pub fn new(capacity: usize, numbers: Generator) -> Self {
        Self { capacity, pictures: Vec::new(), numbers }
    }

    /// How many pictures are kept.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether no picture is kept yet.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// As many pictures as were `made`, `(N, H, W, C)`: each of them, or one of earlier steps in its place. They are kept and given
    /// out where they were made, on the host or on a device.
    pub fn exchange(&mut self, made: &Tensor) -> Tensor {
        if self.capacity == 0 {
            return made.clone();
        }
        let count = made.shape()[0];
        let made: Var = made.clone().into();
        let given: Vec<Var> = (0..count)
            .map(|number| {
                let new = if count == 1 { made.clone() } else { ops::narrow(&made, 0, number, 1) };
                if self.pictures.len() < self.capacity {
                    self.pictures.push(new.tensor().clone());
                } else if self.numbers.random::<f32>() < 0.5 {
                    let place = self.numbers.random_range(0..self.capacity);
                    return std::mem::replace(&mut self.pictures[place], new.into_tensor()).into();
                }
                new
            })
            .collect();
        match &given[..] {
            [one] => one.tensor().clone(),
            several => ops::concat(&several.iter().collect::<Vec<_>>(), 0).into_tensor(),
        }
    }

    /// Stores the pictures and the place in the random numbers under `name`.
    pub fn save(&self, name: &str, state: &mut State) {
        state.put_generator(format!("{name}/numbers"), &self.numbers);
        state.put_integer(format!("{name}/count"), self.pictures.len() as i64);
        for (place, picture) in self.pictures.iter().enumerate() {
            state.put_tensor(format!("{name}/{place:05}"), picture);
        }
    }

    /// Takes back what [`Pool::save`] stored; `shape` is that of a picture, `(1, H, W, C)`.
    ///
    /// # Errors
    /// An entry is missing or has another shape.
    pub fn load(&mut self, name: &str, shape: [usize; 4], state: &State) -> Result<(), StateError> {
        let count = state.integer(&format!("{name}/count"))?;
        let picture = |place: i64| state.tensor(&format!("{name}/{place:05}"), &shape);
        let pictures = (0..count).map(picture).collect::<Result<_, _>>()?;
        self.numbers = state.generator(&format!("{name}/numbers"))?;
        self.pictures = pictures;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::random;

    /// Pictures of one pixel with these values.
    fn pictures(values: &[f32]) -> Tensor {
        Tensor::new(&[values.len(), 1, 1, 1], values)
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut pool = Pool::new(0, random::generator(1, 0));
        assert_eq!(pool.exchange(&pictures(&[1.0, 2.0])).data(), [1.0, 2.0]);
        assert!(pool.is_empty());
    }

    #[test]
    fn once_full_it_gives_an_old_picture_one_time_in_two_and_each_only_once() {
        let mut pool = Pool::new(50, random::generator(1, 0));
        let mut old = 0;
        let mut given = Vec::new();
        for step in 0..1050 {
            let made = [2.0 * step as f32, 2.0 * step as f32 + 1.0];
            let found = pool.exchange(&pictures(&made));
            if step < 25 {
                assert_eq!(found.data(), made);
            }
            old += found.data().iter().zip(made).filter(|(found, made)| **found != *made).count();
            given.extend_from_slice(found.data());
        }
        assert_eq!(pool.len(), 50);
        // Of 2050 pictures: half, and four deviations of a binomial count.
        assert!(old.abs_diff(1025) < 91, "{old}");
        // The first fifty were given when they came and may be given once more; every other comes once at most.
        given.retain(|&value| value >= 50.0);
        let all = given.len();
        given.sort_by(f32::total_cmp);
        given.dedup();
        assert_eq!(given.len(), all);
    }

    #[test]
    fn saved_and_loaded_it_gives_the_same() {
        let exchange = |pool: &mut Pool, from: usize| -> Vec<f32> {
            let numbers: Vec<f32> = (from..from + 100).map(|value| value as f32).collect();
            pool.exchange(&pictures(&numbers)).data().to_vec()
        };
        let mut pool = Pool::new(10, random::generator(1, 0));
        exchange(&mut pool, 0);
        let mut state = State::new();
        pool.save("pool", &mut state);
        let mut other = Pool::new(10, random::generator(2, 0));
        other.load("pool", [1, 1, 1, 1], &state).unwrap();
        assert_eq!(exchange(&mut other, 100), exchange(&mut pool, 100));
        assert!(other.load("pool", [1, 2, 2, 1], &state).is_err());
        assert!(other.load("tool", [1, 1, 1, 1], &state).is_err());
    }
}
