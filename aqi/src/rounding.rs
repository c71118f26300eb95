use rust_decimal::Decimal;

use crate::decimal;

/// How a concentration is rounded to the grid of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rounding {
    /// To the nearest value of the grid, ties up.
    HalfUp,
    /// To the nearest value of the grid, ties to the even one (GB/T 8170).
    HalfEven,
    /// Truncated.
    Truncate,
    /// Unrounded, and the upper bound belongs to its row ("more than 5, up to 15").
    Unrounded,
    /// Unrounded, and the lower bound belongs to its row ("from 25 to below 50").
    UnroundedFromBelow,
}

/// Above every table, and small enough that no product with an index overflows.
pub(crate) const GRID_MAX: u64 = 1_000_000_000_000;

impl Rounding {
    /// Whether the concentration is looked up unrounded.
    pub const fn keeps_digits(self) -> bool {
        matches!(self, Self::Unrounded | Self::UnroundedFromBelow)
    }

    /// `mantissa · 10^exponent` as a whole number of grid steps, capped at [`GRID_MAX`].
    ///
    /// The tables' ends lie on the grid, so a value that is not rounded is looked up as
    /// the next grid value above when upper ends belong to their rows (`v <= end` as
    /// `ceil(v) <= end`), and below when lower ends do.
    #[inline]
    pub(crate) fn on_grid(self, mantissa: u128, exponent: i32) -> u64 {
        if exponent >= 0 {
            let factor = 10u128.checked_pow(exponent.unsigned_abs());
            let product = factor.and_then(|factor| mantissa.checked_mul(factor));
            return match product {
                Some(product) if product <= u128::from(GRID_MAX) => product as u64,
                _ if mantissa == 0 => 0,
                _ => GRID_MAX,
            };
        }
        let places = exponent.unsigned_abs() as usize;
        match (u64::try_from(mantissa), POWERS.get(places)) {
            (Ok(mantissa), Some(power)) => self.divide(mantissa, *power).min(GRID_MAX),
            _ => self.divide_wide(mantissa, places as u32),
        }
    }

    #[inline]
    pub(crate) fn divide(self, value: u64, power: u64) -> u64 {
        let (whole, rest) = (value / power, value % power);
        whole + u64::from(self.goes_up(rest, power - rest, whole % 2 == 1))
    }

    #[cold]
    fn divide_wide(self, value: u128, places: u32) -> u64 {
        // A scale is at most 28 and a unit shifts by three: 10^38 fits.
        let Some(power) = 10u128.checked_pow(places) else { return 0 };
        let (whole, rest) = (value / power, value % power);
        let up = self.goes_up(rest, power - rest, whole % 2 == 1);
        u64::try_from(whole).unwrap_or(GRID_MAX).saturating_add(u64::from(up)).min(GRID_MAX)
    }

    #[inline]
    fn goes_up<T: PartialOrd + Default>(self, rest: T, to_next: T, odd: bool) -> bool {
        match self {
            Self::HalfUp => rest >= to_next,
            Self::HalfEven => rest > to_next || (rest == to_next && odd),
            Self::Truncate | Self::UnroundedFromBelow => false,
            Self::Unrounded => rest > T::default(),
        }
    }

    /// The concentrations that are looked up as grid value `first`, up to those looked up
    /// as `last`: the two ends in grid steps and whether each belongs to them.
    pub(crate) fn origin(self, first: u64, last: u64) -> [(Decimal, bool); 2] {
        let half = decimal::fixed(5, 1);
        let (first_even, last_even) = (first.is_multiple_of(2), last.is_multiple_of(2));
        let (first, last) = (Decimal::from(first), Decimal::from(last));
        let [low, high] = match self {
            Self::HalfUp => [(first - half, true), (last + half, false)],
            Self::HalfEven => [(first - half, first_even), (last + half, last_even)],
            Self::Truncate | Self::UnroundedFromBelow => {
                [(first, true), (last + Decimal::ONE, false)]
            }
            Self::Unrounded => [(first - Decimal::ONE, false), (last, true)],
        };
        // Nothing lies below zero, and zero itself is always a concentration.
        [if low.0.is_sign_negative() { (Decimal::ZERO, true) } else { low }, high]
    }
}

/// Binary search: the first number from `low` to `high` for which a monotone predicate holds; none
/// if it does not hold for `high`.
pub(crate) fn first_where(low: u64, high: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(high) {
        return None;
    }
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Some(low)
}

const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};
