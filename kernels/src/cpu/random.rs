//! Counter-based random numbers: the same on every device.
//!
//! Number `i` of a stream depends on the key, the stream and `i` alone, so any number of threads can make them in any order.
//! Uniform and normal numbers are the same to the last bit on the host and on a card: both evaluate the same products and
//! sums, each rounded by itself.

use super::simd::{Kernel, Vector, dispatch};

/// Groups of four that are made together.
const LANES: usize = 16;

/// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). Its whole state is the key,
/// the stream, and the number of the next group of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    /// The seed.
    pub key: u64,
    /// Which of the seed's streams; all of them are independent.
    pub stream: u64,
    /// The next group of four numbers.
    pub counter: u64,
}

impl Philox {
    /// The words of the groups from one on: first all first ones, then all second ones, and so on.
    #[inline(always)]
    pub fn words<const L: usize>(&self, first: u64) -> [[u32; L]; 4] {
        let group = |lane: usize| first.wrapping_add(lane as u64);
        let mut a: [u32; L] = std::array::from_fn(|lane| group(lane) as u32);
        let mut b: [u32; L] = std::array::from_fn(|lane| (group(lane) >> 32) as u32);
        let [mut c, mut d] = [[self.stream as u32; L], [(self.stream >> 32) as u32; L]];
        let [mut low, mut high] = [self.key as u32, (self.key >> 32) as u32];
        for _ in 0..10 {
            for lane in 0..L {
                let left = u64::from(a[lane]) * 0xD251_1F53;
                let right = u64::from(c[lane]) * 0xCD9E_8D57;
                a[lane] = (right >> 32) as u32 ^ b[lane] ^ low;
                b[lane] = right as u32;
                c[lane] = (left >> 32) as u32 ^ d[lane] ^ high;
                d[lane] = left as u32;
            }
            low = low.wrapping_add(0x9E37_79B9);
            high = high.wrapping_add(0xBB67_AE85);
        }
        [a, b, c, d]
    }

    /// Independent numbers, uniform in `[low, high)`, of 24 bits each.
    pub fn uniform(&mut self, low: f32, high: f32, out: &mut [f32]) {
        self.fill(out, Uniform { low, high });
    }

    /// Independent normal numbers, two from two uniform ones (Box and Muller, 1958); the farthest lies 5.77 deviations out.
    pub fn normal(&mut self, mean: f32, deviation: f32, out: &mut [f32]) {
        self.fill(out, Normal { mean, deviation });
    }

    fn fill(&mut self, out: &mut [f32], law: impl Law) {
        let groups = out.len().div_ceil(4) as u64;
        dispatch(Fill { philox: *self, out, law });
        self.counter = self.counter.wrapping_add(groups);
    }
}

/// How numbers are made of words, one of each.
trait Law {
    fn numbers(&self, words: [[u32; LANES]; 4]) -> [[f32; LANES]; 4];
}

struct Uniform {
    low: f32,
    high: f32,
}

impl Law for Uniform {
    #[inline(always)]
    fn numbers(&self, words: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
        words.map(|words| words.map(|word| self.low + (self.high - self.low) * unit(word)))
    }
}

struct Normal {
    mean: f32,
    deviation: f32,
}

impl Normal {
    #[inline(always)]
    fn pair(&self, u: [u32; LANES], v: [u32; LANES]) -> [[f32; LANES]; 2] {
        let mut numbers = [[0.0; LANES]; 2];
        for lane in 0..LANES {
            // In (0, 1]: the logarithm is finite.
            let length = (-2.0 * super::math::ln(1.0 - unit(u[lane]))).sqrt();
            let [sine, cosine] = sine_cosine(unit(v[lane]));
            numbers[0][lane] = self.mean + self.deviation * (length * cosine);
            numbers[1][lane] = self.mean + self.deviation * (length * sine);
        }
        numbers
    }
}

impl Law for Normal {
    #[inline(always)]
    fn numbers(&self, [a, b, c, d]: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
        let ([first, second], [third, fourth]) = (self.pair(a, b), self.pair(c, d));
        [first, second, third, fourth]
    }
}

struct Fill<'a, L> {
    philox: Philox,
    out: &'a mut [f32],
    law: L,
}

impl<L: Law> Kernel for Fill<'_, L> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let mut first = self.philox.counter;
        for out in self.out.chunks_mut(4 * LANES) {
            let numbers = self.law.numbers(self.philox.words(first));
            for (lane, out) in out.chunks_mut(4).enumerate() {
                for (out, numbers) in out.iter_mut().zip(&numbers) {
                    *out = numbers[lane];
                }
            }
            first = first.wrapping_add(LANES as u64);
        }
    }
}

/// In `[0, 1)`: 24 bits.
#[inline(always)]
fn unit(word: u32) -> f32 {
    // Signed numbers are converted faster.
    (word >> 8) as i32 as f32 * (1.0 / 16_777_216.0)
}

/// Sine and cosine of `2 pi turn` for a turn in `[0, 1)`: of what is left of the nearest quarter, then by quadrants.
#[inline(always)]
fn sine_cosine(turn: f32) -> [f32; 2] {
    let quadrant = (turn * 4.0 + 0.5) as i32;
    let angle = (turn - quadrant as f32 * 0.25) * std::f32::consts::TAU;
    let z = angle * angle;
    let s = 2.755_731_9e-6;
    let s = s * z - 1.984_127e-4;
    let s = s * z + 8.333_333e-3;
    let s = s * z - 1.666_666_7e-1;
    let s = s * z * angle + angle;
    let c = -2.755_732e-7;
    let c = c * z + 2.480_158_8e-5;
    let c = c * z - 1.388_888_9e-3;
    let c = c * z + 4.166_666_7e-2;
    let c = c * z - 0.5;
    let c = c * z + 1.0;
    let [sine, cosine] = if quadrant & 1 == 1 { [c, s] } else { [s, c] };
    [if quadrant & 2 == 2 { -sine } else { sine }, if (quadrant + 1) & 2 == 2 { -cosine } else { cosine }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_authors() {
        // The known answers of the authors' Random123 for philox4x32-10.
        for (counter, stream, key, [a, b, c, d]) in [
            (0, 0, 0, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (u64::MAX, u64::MAX, u64::MAX, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                0x85a3_08d3_243f_6a88,
                0x0370_7344_1319_8a2e,
                0x299f_31d0_a409_3822,
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            let philox = Philox { key, stream, counter };
            assert_eq!(philox.words(counter), [[a], [b], [c], [d]]);
        }
    }

    #[test]
    fn a_number_depends_on_its_place_alone() {
        let start = Philox { key: 3, stream: 1, counter: u64::from(u32::MAX) - 4 };
        let whole = |count| {
            let (mut philox, mut numbers) = (start, vec![0.0; count]);
            philox.normal(0.0, 1.0, &mut numbers);
            numbers
        };
        let expected = whole(1003);
        for count in [1, 4, 63, 64, 65, 1000] {
            assert_eq!(whole(count), expected[..count]);
            // And in two parts, where the first is of whole groups.
            let (mut philox, first) = (start, count.next_multiple_of(4).min(1000));
            let mut parts = vec![0.0; 1003];
            let (before, after) = parts.split_at_mut(first);
            philox.normal(0.0, 1.0, before);
            philox.normal(0.0, 1.0, after);
            assert_eq!(parts, expected, "{first} and the rest");
        }
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
        let mut philox = Philox { key: 7, stream: 0, counter: 0 };
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
