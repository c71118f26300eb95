use core::cmp::Ordering;
use core::num::NonZeroU64;

use rust_decimal::Decimal;

/// An exact sum of decimals in steps of 10⁻²⁸, in 64-bit limbs from the lowest.
///
/// A decimal has at most 190 bits in these steps, so 2⁶⁴ of the largest still fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum([u64; 4]);

const DECIMALS: u32 = 28;

impl Sum {
    pub(crate) fn of(value: Decimal) -> Self {
        let mantissa = value.mantissa().unsigned_abs();
        let places = DECIMALS - value.scale().min(DECIMALS);
        let first = places.min(19); // 10^19 is the largest power of ten in 64 bits
        Self([mantissa as u64, (mantissa >> 64) as u64, 0, 0])
            .times(10u64.pow(first))
            .times(10u64.pow(places - first))
    }

    pub(crate) fn plus(mut self, other: Self) -> Self {
        let mut carry = false;
        for (limb, more) in self.0.iter_mut().zip(other.0) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || over_again);
        }
        self
    }

    fn times(mut self, factor: u64) -> Self {
        let mut carry = 0;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            (*limb, carry) = (product as u64, product >> 64);
        }
        self
    }

    /// Divides in place; returns the remainder.
    fn divide(&mut self, by: NonZeroU64) -> u64 {
        let by = u128::from(by.get());
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let dividend = (rest << 64) | u128::from(*limb);
            (*limb, rest) = ((dividend / by) as u64, dividend % by);
        }
        rest as u64
    }

    /// The quotient, rounded once to the digits of a decimal, ties to the even one. It is
    /// the mean of decimals, so it is no larger than the largest of them.
    pub(crate) fn divided(mut self, by: NonZeroU64) -> Decimal {
        const TEN: NonZeroU64 = NonZeroU64::MIN.saturating_add(9);
        const STEP: Sum = Sum([1, 0, 0, 0]);
        let rest = self.divide(by);
        let mut exact = rest == 0;
        let mut cut_to_half = (2 * u128::from(rest)).cmp(&u128::from(by.get()));
        let mut scale = DECIMALS;
        loop {
            while self.0[1] >> 32 > 0 || self.0[2] > 0 || self.0[3] > 0 {
                let digit = self.divide(TEN);
                let tail = if exact { Ordering::Equal } else { Ordering::Greater };
                cut_to_half = digit.cmp(&5).then(tail);
                exact &= digit == 0;
                scale = scale.saturating_sub(1);
            }
            let odd = self.0[0] % 2 == 1;
            if cut_to_half.is_lt() || (cut_to_half.is_eq() && !odd) {
                break;
            }
            // Rounding up may have made it too wide by one bit.
            self = self.plus(STEP);
            (exact, cut_to_half) = (true, Ordering::Less);
        }
        let [low, high, ..] = self.0;
        let decimal =
            Decimal::from_parts(low as u32, (low >> 32) as u32, high as u32, false, scale);
        decimal.normalize()
    }
}
