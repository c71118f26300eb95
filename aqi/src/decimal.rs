//! Creating, parsing and formatting decimals without an allocator: `rust_decimal` allocates in its
//! `Display` and in its errors.

use core::fmt;

use rust_decimal::Decimal;

/// Reads digits with at most one point among them and a sign before them; none when the text
/// is anything else, or when the digits do not all fit.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exactly = |fraction: &str| {
        let scale = u32::try_from(fraction.len()).ok().filter(|scale| *scale <= 28)?;
        let mut mantissa = 0u128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
            mantissa = mantissa.checked_mul(10)?.checked_add(digit.into())?;
        }
        let value = wide(mantissa, scale)?;
        Some(if negative { -value } else { value })
    };
    exactly(fraction).or_else(|| exactly(fraction.trim_end_matches('0')))
}

/// `value · 10^-decimals`, for at most 28 decimals. (The constructors of the decimal's own
/// crate that check their arguments bring its errors along, and so an allocator.)
pub(crate) const fn fixed(value: u64, decimals: u32) -> Decimal {
    Decimal::from_parts(value as u32, (value >> 32) as u32, 0, false, decimals)
}

/// The same for a value that may be too large.
pub(crate) fn wide(value: u128, decimals: u32) -> Option<Decimal> {
    let [low, middle, high] = [value, value >> 32, value >> 64].map(|part| part as u32);
    let fits = value >> 96 == 0 && decimals <= 28;
    fits.then(|| Decimal::from_parts(low, middle, high, false, decimals))
}

/// Prints a decimal that is not negative, with all of its digits.
pub(crate) struct Plain(pub(crate) Decimal);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 29 digits and a point, from the last.
        let mut text = [0; 30];
        let mut start = text.len();
        let scale = self.0.scale();
        let mut rest = self.0.mantissa().unsigned_abs();
        let mut place = 0;
        while rest > 0 || place <= scale {
            if place == scale && scale > 0 {
                start -= 1;
                text[start] = b'.';
            }
            start -= 1;
            text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            place += 1;
        }
        f.write_str(core::str::from_utf8(&text[start..]).map_err(|_| fmt::Error)?)
    }
}
