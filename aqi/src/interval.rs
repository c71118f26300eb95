use core::fmt;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::decimal::{self, Plain};
use crate::{Concentration, Unit};

/// The exact interval of concentrations that have an index or are in a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Interval {
    /// The lower end, in `unit`.
    pub low: Decimal,
    /// Whether the lower end itself belongs to the interval.
    pub low_included: bool,
    /// The upper end, in `unit`; none if it is open.
    pub high: Option<Decimal>,
    /// Whether the upper end itself belongs to the interval.
    pub high_included: bool,
    /// The standard's unit for the pollutant.
    pub unit: Unit,
}

impl Interval {
    /// Whether the concentration is in the interval; false for a unit of another kind.
    pub fn contains(&self, concentration: Concentration) -> bool {
        if concentration.unit().kind() != self.unit.kind() {
            return false;
        }
        let shift = concentration.unit().exponent() - self.unit.exponent();
        let factor = Decimal::from(10u32.pow(shift.unsigned_abs()));
        // Both sides are moved to the finer unit; a product that does not fit is larger
        // than any end.
        let moved = |value: Decimal, here: bool| match here {
            true => value.checked_mul(factor).unwrap_or(Decimal::MAX),
            false => value,
        };
        let value = moved(concentration.value(), shift > 0);
        let low = moved(self.low, shift < 0);
        let above = if self.low_included { value >= low } else { value > low };
        let below = self
            .high
            .map(|high| moved(high, shift < 0))
            .is_none_or(|high| if self.high_included { value <= high } else { value < high });
        above && below
    }

    /// The first and the last number with this many decimals in the interval, both inclusive; no
    /// last if there is no upper end, none at all if the interval has no such number.
    ///
    /// The DAQI's index 2 for PM2.5 is 12 to 23 with no decimals, and 11.5 to 23.4 with one.
    pub fn closed(&self, decimals: u32) -> Option<(Decimal, Option<Decimal>)> {
        let step = decimal::fixed(1, decimals.min(28));
        let low = self.low.round_dp_with_strategy(decimals, RoundingStrategy::AwayFromZero);
        let low = if low == self.low && !self.low_included { low.checked_add(step)? } else { low };
        let high = self.high.map(|high| {
            let cut = high.round_dp_with_strategy(decimals, RoundingStrategy::ToZero);
            if cut == high && !self.high_included { cut - step } else { cut }
        });
        (high.is_none_or(|high| low <= high)).then_some((low, high))
    }
}

impl fmt::Display for Interval {
    /// In words: `11.5 to below 23.5 µg/m³`, `above 5 to 15 µg/m³`, `70.5 µg/m³ and above`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = Plain(self.low.normalize());
        let above = if self.low_included { "" } else { "above " };
        match self.high.map(|high| Plain(high.normalize())) {
            Some(high) if self.high_included => write!(f, "{above}{low} to {high} {}", self.unit),
            Some(high) => write!(f, "{above}{low} to below {high} {}", self.unit),
            None if self.low_included => write!(f, "{low} {} and above", self.unit),
            None => write!(f, "above {low} {}", self.unit),
        }
    }
}
