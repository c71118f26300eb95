//! Numbers of nine decimals beside integers of any size.

use airshed_history::{Fixed, NotFixed};
use num_bigint::BigInt;
use proptest::prelude::*;

const LIMIT: i64 = 9_000_000_000_000_000_000;

/// The number as steps of 10⁻⁹, rounded half to even; none if it is beyond the limit.
fn model(negative: bool, digits: &str, decimals: i64) -> Option<i64> {
    let number: BigInt = digits.parse().unwrap();
    let steps = match 9 - decimals {
        up @ 0.. => number * BigInt::from(10).pow(up as u32),
        down => {
            let power = BigInt::from(10).pow(down.unsigned_abs() as u32);
            let (whole, twice) = (&number / &power, &number % &power * BigInt::from(2));
            let is_odd = &whole % BigInt::from(2) == BigInt::from(1);
            let is_up = twice > power || (twice == power && is_odd);
            whole + BigInt::from(u8::from(is_up))
        }
    };
    let steps = i64::try_from(steps).ok().filter(|steps| *steps <= LIMIT)?;
    Some(if negative { -steps } else { steps })
}

proptest! {
    #![proptest_config(super::cases(5000))]

    #[test]
    fn a_number_is_read_to_the_ninth_decimal(
        sign in "[+-]?", whole in "[0-9]{0,14}|[0-9]{0,40}",
        fraction in "[0-9]{0,12}|[0-9]{0,40}|[0-9]{9}50{0,3}",
        exponent in prop_oneof![3 => Just(None), 1 => (-45i64..45).prop_map(Some)], dot: bool,
    ) {
        prop_assume!(!(whole.is_empty() && fraction.is_empty()));
        let dot = if dot || !fraction.is_empty() { "." } else { "" };
        let power = exponent.map_or(String::new(), |exponent| format!("e{exponent}"));
        let text = format!("{sign}{whole}{dot}{fraction}{power}");
        let decimals = fraction.len() as i64 - exponent.unwrap_or_default();
        let expected = model(sign == "-", &format!("{whole}{fraction}"), decimals);
        let read = Fixed::parse(text.as_bytes());
        prop_assert_eq!(read.map(Fixed::nano), expected.ok_or(NotFixed::TooLarge), "{}", text);
    }

    #[test]
    fn a_decimal_is_what_its_text_is(mantissa: i128, small in -1_000_000i64..1_000_000, scale in 0u32..29) {
        for mantissa in [mantissa >> 32, mantissa >> 60, mantissa >> 80, small.into()] {
            let decimal = aqi::Decimal::try_from_i128_with_scale(mantissa, scale).unwrap();
            let text = decimal.to_string();
            prop_assert_eq!(Fixed::of(decimal), Fixed::parse(text.as_bytes()).ok(), "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "[-+0-9.eE]{0,30}") {
        for bytes in [&bytes, text.as_bytes()] {
            if let Ok(value) = Fixed::parse(bytes) {
                let text = value.decimal().to_string();
                prop_assert_eq!(Fixed::parse(text.as_bytes()), Ok(value));
            }
        }
    }

    #[test]
    fn the_order_is_that_of_numbers(one in -LIMIT..=LIMIT, other in -LIMIT..=LIMIT) {
        let fixed = [one, other].map(|steps| Fixed::from_nano(steps).unwrap());
        prop_assert_eq!(fixed[0].cmp(&fixed[1]), one.cmp(&other));
        prop_assert_eq!(fixed.map(Fixed::nano), [one, other]);
    }
}

#[test]
fn what_is_not_a_number_within_the_limits() {
    for text in [
        "", "-", ".", "+.", "nan", "NaN", "inf", "%.1f", "1,5", "1 5", "1e", "e5", "1.2.3", "0x1",
        "1_0",
    ] {
        assert_eq!(Fixed::parse(text.as_bytes()), Err(NotFixed::NotANumber), "{text}");
    }
    for text in ["9000000000.000000001", "-9e9999999999999999999999", "9000000000.0000000005000001"]
    {
        assert_eq!(Fixed::parse(text.as_bytes()), Err(NotFixed::TooLarge), "{text}");
    }
    for (text, steps) in
        [("007", 7_000_000_000), ("-9e9", -LIMIT), ("1e-99999999999999999999", 0), ("-0", 0)]
    {
        assert_eq!(Fixed::parse(text.as_bytes()).map(Fixed::nano), Ok(steps), "{text}");
    }
    assert_eq!([Fixed::from_nano(i64::MIN), Fixed::from_nano(LIMIT + 1)], [None, None]);
    assert_eq!(size_of::<airshed_history::Sample>(), 24);
}
