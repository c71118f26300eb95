//! Exact numbers of a fixed scale, as read from a cell.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroI64;

use aqi::Decimal;

/// A measured value in steps of 10⁻⁹ of its unit (µg/m³, °C, %): exact for text of up to nine
/// decimals; more are rounded half to even at the ninth.
///
/// It is within ±9·10⁹ units, so a sum of 2³² of them fits into an `i128` many times over.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fixed(
    /// The steps with their sign bit inverted: never zero, since [`LIMIT`] excludes `i64::MIN`.
    /// An `Option<Fixed>` therefore takes 8 bytes, a sample 24.
    NonZeroI64,
);

/// Number of decimals.
const DECIMALS: usize = 9;

/// The greatest absolute number of steps.
const LIMIT: u64 = 9_000_000_000_000_000_000;

const POWERS: [u64; DECIMALS + 1] =
    [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

impl Fixed {
    /// From a number of 10⁻⁹ units; none beyond ±9·10¹⁸ of them.
    pub fn from_nano(steps: i64) -> Option<Self> {
        let is_within = steps.unsigned_abs() <= LIMIT;
        NonZeroI64::new(steps ^ i64::MIN).filter(|_| is_within).map(Self)
    }

    /// From a decimal, as [`parse`](Self::parse) reads its text; none beyond ±9·10⁹.
    pub fn of(value: Decimal) -> Option<Self> {
        let rounded = value.round_dp(DECIMALS as u32); // nine; half to even
        let power = POWERS.get(DECIMALS.checked_sub(usize::try_from(rounded.scale()).ok()?)?)?;
        Self::from_nano(i64::try_from(rounded.mantissa().checked_mul(i128::from(*power))?).ok()?)
    }

    /// The number of 10⁻⁹ units.
    #[inline]
    pub fn nano(self) -> i64 {
        self.0.get() ^ i64::MIN
    }

    /// A number such as `12.5`, `007`, `-.5`, `+3.` or `1e-3`, without white space around it.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Self, NotFixed> {
        Self::parse_usual(text).map_or_else(|| Self::parse_any(text), Ok)
    }

    /// Up to nine digits before the point and nine after it, and nothing else.
    #[inline]
    fn parse_usual(text: &[u8]) -> Option<Self> {
        let (mut number, mut decimals, mut digits) = (0u64, None, 0);
        for byte in text {
            match byte {
                b'0'..=b'9' => {
                    number = number * 10 + u64::from(byte - b'0'); // at most 18 digits
                    digits += 1;
                    decimals = decimals.map(|decimals: usize| decimals + 1);
                }
                b'.' if decimals.is_none() => decimals = Some(0),
                _ => return None,
            }
            if digits > 2 * DECIMALS {
                return None;
            }
        }
        let decimals = decimals.unwrap_or_default();
        let is_usual = digits > 0 && decimals <= DECIMALS && digits - decimals <= DECIMALS;
        let power = POWERS.get(DECIMALS.checked_sub(decimals)?).filter(|_| is_usual)?;
        Self::from_nano(i64::try_from(number.checked_mul(*power)?).ok()?)
    }

    /// Any number of digits, with a sign and an exponent.
    fn parse_any(text: &[u8]) -> Result<Self, NotFixed> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let mut halves = text.splitn(2, |byte| byte.eq_ignore_ascii_case(&b'e'));
        let (mantissa, exponent) = (halves.next().unwrap_or_default(), halves.next());
        let exponent = exponent.map_or(Ok(0), exponent_of)?;
        let mut parts = mantissa.splitn(2, |byte| *byte == b'.');
        let whole = parts.next().unwrap_or_default();
        let fraction = parts.next().unwrap_or_default();
        let mut digits = whole.iter().chain(fraction);
        if whole.len() + fraction.len() == 0 || !digits.all(u8::is_ascii_digit) {
            return Err(NotFixed::NotANumber);
        }
        // The power of ten of the next digit; both lengths are those of a slice in memory.
        let mut place = whole.len() as i64 - 1 + exponent;
        let (mut steps, mut rounding, mut rest) = (0u128, 0, false);
        for digit in whole.iter().chain(fraction).map(|byte| byte - b'0') {
            match place.cmp(&-10) {
                Ordering::Greater => {
                    steps = steps * 10 + u128::from(digit);
                    if steps > u128::from(LIMIT) {
                        return Err(NotFixed::TooLarge);
                    }
                }
                Ordering::Equal => rounding = digit,
                Ordering::Less => rest |= digit != 0,
            }
            place -= 1;
        }
        // Zeros up to the ninth decimal, as in `1e3`.
        if steps > 0 {
            for _ in 0..(place + 10).max(0) {
                steps *= 10;
                if steps > u128::from(LIMIT) {
                    return Err(NotFixed::TooLarge);
                }
            }
        }
        let is_up = match rounding.cmp(&5) {
            Ordering::Greater => true,
            Ordering::Equal => rest || steps % 2 == 1,
            Ordering::Less => false,
        };
        let steps = i64::try_from(steps + u128::from(is_up)).map_err(|_| NotFixed::TooLarge)?;
        Self::from_nano(if negative { -steps } else { steps }).ok_or(NotFixed::TooLarge)
    }

    /// The same number as a decimal without trailing zeros.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.nano(), DECIMALS as u32).normalize() // nine
    }
}

/// A signed integer. One with many digits is beyond every number either way, so it is cut to a
/// million.
fn exponent_of(text: &[u8]) -> Result<i64, NotFixed> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotFixed::NotANumber);
    }
    let number = digits
        .iter()
        .fold(0i64, |number, byte| (number * 10 + i64::from(byte - b'0')).min(1_000_000));
    Ok(if negative { -number } else { number })
}

impl Ord for Fixed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano().cmp(&other.nano())
    }
}

impl PartialOrd for Fixed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixed({})", self.decimal())
    }
}

/// Why a text is not a [`Fixed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFixed {
    /// It is not a decimal number.
    #[error("not a number")]
    NotANumber,
    /// It is beyond ±9·10⁹.
    #[error("a number beyond 9000000000")]
    TooLarge,
}
