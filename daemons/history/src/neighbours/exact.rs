//! Sums and small multiples of decimals, without rounding.

use aqi::Decimal;

/// A number: a whole part below 2¹²⁷, and a fraction of it in steps of 10⁻²⁸, from 0 to one.
///
/// A decimal is below 2⁹⁶, so there is room for thousands of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exact {
    whole: i128,
    fraction: i128,
}

/// The greatest number of decimals that a decimal has.
const SCALE: u32 = 28;

const ONE: i128 = 10i128.pow(SCALE);

impl Exact {
    pub(super) fn of(value: Decimal) -> Self {
        let (mantissa, scale) = (value.mantissa(), value.scale().min(SCALE));
        let one = 10i128.pow(scale);
        let fraction = mantissa.rem_euclid(one) * 10i128.pow(SCALE - scale);
        Self { whole: mantissa.div_euclid(one), fraction }
    }

    pub(super) fn whole(whole: i128) -> Self {
        Self { whole, fraction: 0 }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self::carried(self.whole + other.whole, self.fraction + other.fraction)
    }

    pub(super) fn times(self, number: i128) -> Self {
        Self::carried(self.whole * number, self.fraction * number)
    }

    /// To 28 digits; none beyond the range of decimals.
    pub(super) fn half(self) -> Option<Decimal> {
        let whole = Decimal::try_from_i128_with_scale(self.whole, 0).ok()?;
        let fraction = Decimal::try_from_i128_with_scale(self.fraction, SCALE).ok()?;
        let half = whole.checked_add(fraction)?.checked_div(Decimal::TWO)?;
        Some(half.normalize())
    }

    fn carried(whole: i128, fraction: i128) -> Self {
        Self { whole: whole + fraction.div_euclid(ONE), fraction: fraction.rem_euclid(ONE) }
    }
}
