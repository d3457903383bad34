//! Counter-based random numbers: the same on every device.
//!
//! Number `i` of a stream depends on the key and on `i` alone, so any number of threads can make them in any order.
//! Uniform and normal numbers are the same to the last bit on the host and on a card: both evaluate the same products and
//! sums, each rounded by itself.

/// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). Its whole state is the key
/// and the number of the next group of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    /// Which stream: streams with different keys are independent.
    pub key: u64,
    /// The next group of four numbers.
    pub counter: u64,
}

impl Philox {
    /// The four words of a group.
    pub fn words(&self, group: u64) -> [u32; 4] {
        let [mut a, mut b, mut c, mut d] = [group as u32, (group >> 32) as u32, 0, 0];
        let [mut low, mut high] = [self.key as u32, (self.key >> 32) as u32];
        for _ in 0..10 {
            let left = u64::from(a) * 0xD251_1F53;
            let right = u64::from(c) * 0xCD9E_8D57;
            [a, b, c, d] =
                [(right >> 32) as u32 ^ b ^ low, right as u32, (left >> 32) as u32 ^ d ^ high, left as u32];
            low = low.wrapping_add(0x9E37_79B9);
            high = high.wrapping_add(0xBB67_AE85);
        }
        [a, b, c, d]
    }

    /// Independent numbers, uniform in `[low, high)`, of 24 bits each.
    pub fn uniform(&mut self, low: f32, high: f32, out: &mut [f32]) {
        for numbers in out.chunks_mut(4) {
            for (out, word) in numbers.iter_mut().zip(self.words(self.counter)) {
                *out = low + (high - low) * unit(word);
            }
            self.counter = self.counter.wrapping_add(1);
        }
    }

    /// Independent normal numbers, two from two uniform ones (Box and Muller, 1958); the farthest lies 5.77 deviations out.
    pub fn normal(&mut self, mean: f32, deviation: f32, out: &mut [f32]) {
        for numbers in out.chunks_mut(4) {
            let words = self.words(self.counter);
            for (numbers, words) in numbers.chunks_mut(2).zip(words.chunks_exact(2)) {
                // In (0, 1]: the logarithm is finite.
                let length = (-2.0 * super::math::ln(1.0 - unit(words[0]))).sqrt();
                let [sine, cosine] = sine_cosine(unit(words[1]));
                for (out, number) in numbers.iter_mut().zip([cosine, sine]) {
                    *out = mean + deviation * (length * number);
                }
            }
            self.counter = self.counter.wrapping_add(1);
        }
    }
}

/// In `[0, 1)`: 24 bits.
fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Sine and cosine of `2 pi turn` for a turn in `[0, 1)`: of what is left of the nearest quarter, then by quadrants.
fn sine_cosine(turn: f32) -> [f32; 2] {
    let quadrant = (turn * 4.0 + 0.5) as i32;
    let angle = (turn - quadrant as f32 * 0.25) * std::f32::consts::TAU;
    let z = angle * angle;
    let horner = |terms: &[f32]| terms.iter().copied().reduce(|p, term| p * z + term).unwrap_or(0.0);
    let s = horner(&[2.755_731_9e-6, -1.984_127e-4, 8.333_333e-3, -1.666_666_7e-1]) * z * angle + angle;
    let c = horner(&[-2.755_732e-7, 2.480_158_8e-5, -1.388_888_9e-3, 4.166_666_7e-2, -0.5]) * z + 1.0;
    let [sine, cosine] = if quadrant & 1 == 1 { [c, s] } else { [s, c] };
    [if quadrant & 2 == 2 { -sine } else { sine }, if (quadrant + 1) & 2 == 2 { -cosine } else { cosine }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_authors() {
        // The known answers of the authors' Random123 for philox4x32-10.
        let zeros = Philox { key: 0, counter: 0 };
        assert_eq!(zeros.words(0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    }

    #[test]
    fn sines_and_cosines_are_exact_to_rounding() {
        for i in 0..100_000 {
            let turn = i as f32 / 100_000.0;
            let angle = f64::from(turn) * std::f64::consts::TAU;
            let [sine, cosine] = sine_cosine(turn);
            assert!((f64::from(sine) - angle.sin()).abs() < 2e-7, "{turn}");
            assert!((f64::from(cosine) - angle.cos()).abs() < 2e-7, "{turn}");
        }
    }

    #[test]
    fn numbers_are_distributed_as_they_should_be() {
        let mut philox = Philox { key: 7, counter: 0 };
        let mut numbers = vec![0.0; 400_001];
        philox.uniform(-1.0, 3.0, &mut numbers);
        let moments = |numbers: &[f32]| {
            let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / numbers.len() as f64;
            let power = |n: i32| {
                numbers.iter().map(|&x| (f64::from(x) - mean).powi(n)).sum::<f64>() / numbers.len() as f64
            };
            [mean, power(2), power(3), power(4)]
        };
        assert!(numbers.iter().all(|x| (-1.0..3.0).contains(x)));
        let [mean, variance, ..] = moments(&numbers);
        assert!((mean - 1.0).abs() < 0.01 && (variance - 16.0 / 12.0).abs() < 0.01);
        assert_eq!(philox.counter, 100_001);
        philox.normal(0.0, 1.0, &mut numbers);
        let [mean, variance, skew, kurtosis] = moments(&numbers);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.01, "{mean} {variance}");
        assert!(skew.abs() < 0.02 && (kurtosis - 3.0).abs() < 0.05, "{skew} {kurtosis}");
    }
}
