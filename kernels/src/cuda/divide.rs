//! Division by a number known at launch.

use super::driver::Parameter;

/// What turns a division into a product and a shift, for dividends below 2^31 (Granlund and Montgomery, "Division by invariant
/// integers using multiplication", 1994): as the kernels' `Divide`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Divide {
    divisor: u32,
    multiplier: u32,
    shift: u32,
}

// SAFETY: three 32-bit numbers on both sides.
unsafe impl Parameter for Divide {}

impl Divide {
    /// Division by `divisor`; by 1 instead of 0, which stands for an empty axis.
    pub(super) fn by(divisor: usize) -> Self {
        let divisor = divisor.max(1) as u32;
        let shift = divisor.next_power_of_two().trailing_zeros();
        let multiplier =
            ((1u64 << 32) * ((1u64 << shift) - u64::from(divisor)) / u64::from(divisor)) as u32 + 1;
        Self { divisor, multiplier, shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_right() {
        let of = |divide: &Divide, n: u32| {
            (((u64::from(n) * u64::from(divide.multiplier)) >> 32) as u32 + n) >> divide.shift
        };
        let last = i32::MAX as u32;
        for divisor in (1..=1000).chain([4095, 4096, 4097, 65_537, 1 << 30, (1 << 30) + 1, last as usize]) {
            let divide = Divide::by(divisor);
            for step in [1, 7919, 12_345_677] {
                for n in (0..200).map(|i| i * step % last).flat_map(|n| [n, last - n]) {
                    assert_eq!(of(&divide, n), n / divisor as u32, "{n} / {divisor}");
                }
            }
            for n in (1..100).filter_map(|i| (divisor as u32).checked_mul(i)).filter(|&n| n <= last) {
                assert_eq!(
                    [of(&divide, n - 1), of(&divide, n)],
                    [(n - 1) / divisor as u32, n / divisor as u32]
                );
            }
        }
    }
}
