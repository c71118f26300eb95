use crate::rounding::Rounding;
use crate::{Concentration, Unit};

/// A risk in units of 10⁻¹² per cent.
pub(crate) type Risk = u64;

/// `100 · (e^(β·c) − 1)` per cent, with β in 10⁻¹⁰ per unit.
///
/// In whole numbers alone: the concentration is cut to six decimals, the series is summed
/// in steps of 10⁻¹⁶. Every step of it is non-decreasing in `c`, so the risk is, too. The
/// error stays below 10⁻¹² per cent plus what the cut digits weigh; from a product β·c of 2
/// (a risk of 639 per cent, thirty times the top of any scale) the risk stays.
pub(crate) fn risk(beta: u32, concentration: Concentration, unit: Unit) -> Risk {
    const ONE: u128 = 10u128.pow(16);
    let steps = concentration.on_grid(unit, 6, Rounding::Truncate);
    let x = (u128::from(beta) * u128::from(steps)).min(2 * ONE);
    let (mut sum, mut term, mut n) = (x, x, 1);
    while term > 0 {
        n += 1;
        term = term * x / (n * ONE);
        sum += term;
    }
    (sum / 100) as Risk // 100 · sum in 10⁻¹⁶, kept in 10⁻¹²: below 6.4 · 10¹⁴
}

/// The grid step of a scale in per cent.
pub(crate) fn on_grid(risk: Risk, decimals: u8, rounding: Rounding) -> u64 {
    rounding.on_grid(u128::from(risk), i32::from(decimals) - 12)
}
