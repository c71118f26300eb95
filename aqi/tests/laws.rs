//! What holds for every standard, pollutant and concentration.

#![allow(clippy::unwrap_used)]

use airshed_aqi::bulk::{Column, MISSING};
use airshed_aqi::mean::Mean;
use airshed_aqi::{
    Averaging, Concentration, Content, Decimal, Error, Index, Pollutant, Rule, Sample, Standard,
    Table, Unit, standards,
};
use num_bigint::BigInt;
use num_rational::{BigRational, Ratio};
use proptest::prelude::*;

/// Numbers as they come: of the size of the tables, with the tables' digits and more; and
/// anything at all that a decimal holds.
fn values() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0u64..6_000_000, 0u32..6).prop_map(|(m, s)| Decimal::from_i128_with_scale(m.into(), s)),
        1 => (any::<u32>(), any::<u32>(), any::<u32>(), 0u32..29)
            .prop_map(|(lo, mid, hi, s)| Decimal::from_parts(lo, mid, hi, false, s)),
    ]
}

fn tables() -> impl Iterator<Item = (&'static Standard, &'static Table)> {
    standards::ALL.into_iter().flat_map(|s| s.tables.iter().map(move |table| (s, table)))
}

fn index(standard: &'static Standard, table: &Table, value: Decimal) -> Option<Index> {
    let concentration = Concentration::new(value, table.unit).unwrap();
    let sample = Sample::new(table.pollutant, table.averaging, concentration);
    match standard.sub_index(&sample) {
        Ok(part) => Some(part.index()),
        Err(Error::BelowTable(..) | Error::Implausible(_)) => None,
        Err(error) => unreachable!("{standard}: {error}"),
    }
}

fn is_risk(table: &Table) -> bool {
    matches!(table.content, Content::Risk(_))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_concentration_prints_its_decimal(value in values()) {
        let printed = Concentration::new(value, Unit::Ppm).unwrap().to_string();
        prop_assert_eq!(printed, format!("{value} ppm"));
    }

    #[test]
    fn total_and_monotone(a in values(), b in values()) {
        let (low, high) = (a.min(b), a.max(b));
        for (standard, table) in tables() {
            if let (Some(low), Some(high)) = (index(standard, table, low), index(standard, table, high)) {
                prop_assert!(low <= high, "{standard}");
            }
        }
    }

    #[test]
    fn a_concentration_lies_in_the_interval_of_its_index_and_of_its_category(value in values()) {
        for (standard, table) in tables().filter(|(_, table)| !is_risk(table)) {
            let Some(index) = index(standard, table, value) else { continue };
            let given = Concentration::new(value, table.unit).unwrap();
            let (pollutant, averaging) = (table.pollutant, table.averaging);
            let interval = standard.interval(pollutant, averaging, index).unwrap().unwrap();
            prop_assert!(interval.contains(given), "{standard}: {given} and {interval}");
            let category = standard.category(index);
            let wider = standard.category_interval(pollutant, averaging, category).unwrap().unwrap();
            prop_assert!(wider.contains(given), "{standard}: {given} and {wider}");
            let (first, last) = standard.indices(category);
            let over_before = category.from > 0 && index == Index::over(category.from - 1);
            prop_assert!(first <= index || over_before, "{standard}");
            prop_assert!(last.is_none_or(|last| index <= last), "{standard}");
        }
    }

    /// The closed interval with some decimals holds the index at both of its ends and at
    /// neither neighbour.
    #[test]
    fn the_inverse_round_trips(value in values(), decimals in 0u32..6) {
        let step = Decimal::new(1, decimals);
        for (standard, table) in tables().filter(|(_, table)| !is_risk(table)) {
            let Some(there) = index(standard, table, value) else { continue };
            let interval = standard.interval(table.pollutant, table.averaging, there).unwrap().unwrap();
            let Some((low, high)) = interval.closed(decimals) else { continue };
            let at = |value: Decimal| index(standard, table, value);
            prop_assert_eq!(at(low), Some(there), "{}: {} from {}", standard, there, low);
            if low >= step {
                prop_assert!(at(low - step) < Some(there), "{standard}: {there} from {low}");
            }
            if let Some(high) = high {
                prop_assert_eq!(at(high), Some(there), "{}: {} to {}", standard, there, high);
                prop_assert!(at(high + step).is_none_or(|next| next > there), "{standard}: {there} to {high}");
            }
        }
    }

    #[test]
    fn units_of_one_kind_are_the_same_concentration(value in 0u64..10_000_000, decimals in 0u8..4) {
        for (standard, table) in tables() {
            let (larger, smaller) = match table.unit {
                Unit::Microgram | Unit::Milligram => (Unit::Milligram, Unit::Microgram),
                Unit::Ppb | Unit::Ppm => (Unit::Ppm, Unit::Ppb),
                _ => continue,
            };
            let of = |decimals, unit| {
                let concentration = Concentration::fixed(value, decimals, unit).unwrap();
                let sample = Sample::new(table.pollutant, table.averaging, concentration);
                standard.sub_index(&sample).map(|part| part.index())
            };
            prop_assert_eq!(of(decimals + 3, larger), of(decimals, smaller), "{}", standard);
        }
    }

    #[test]
    fn bulk_is_the_same_as_one_by_one(
        rows in proptest::collection::vec(
            (0u32..3_000_000, prop_oneof![0u32..200_000, Just(MISSING), any::<u32>()]), 1..300),
        decimals in 0u8..7,
        from in 0usize..10,
    ) {
        let columns: [Vec<u32>; 2] = [rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect()];
        for standard in standards::ALL {
            let table = |at: usize| &standard.tables[(from + at) % standard.tables.len()];
            let count = standard.tables.len().min(2);
            let column = |at: usize| Column {
                pollutant: table(at).pollutant,
                averaging: table(at).averaging,
                unit: table(at).unit,
                decimals,
                values: &columns[at],
            };
            let given: Vec<_> = (0..count).map(column).collect();
            let mut out = vec![Some(Index::new(7)); rows.len()];
            standard.bulk(&given, &mut out).unwrap();
            for (row, out) in out.iter().enumerate() {
                let there = (0..count).filter(|at| columns[*at][row] != MISSING);
                let samples: Vec<_> = there.map(|at| {
                    let value = u64::from(columns[at][row]);
                    let value = Concentration::fixed(value, decimals, table(at).unit).unwrap();
                    Sample::new(table(at).pollutant, table(at).averaging, value)
                }).collect();
                let single = standard.index(&samples).ok().map(|answer| answer.index());
                prop_assert_eq!(*out, single, "{}: {:?}", standard, samples);
            }
        }
    }

    #[test]
    fn the_explanation_adds_up_to_the_answer(values in proptest::collection::vec(values(), 10), keep in any::<u16>()) {
        for standard in standards::ALL {
            let samples: Vec<_> = standard.tables.iter().zip(&values).enumerate()
                .filter(|(at, _)| keep >> at & 1 == 1)
                .map(|(_, (table, value))| {
                    let value = Concentration::new(*value, table.unit).unwrap();
                    Sample::new(table.pollutant, table.averaging, value)
                })
                .collect();
            let answer = match standard.index(&samples) {
                Ok(answer) => answer,
                Err(Error::NothingGiven) => { prop_assert!(samples.is_empty()); continue }
                Err(Error::BelowTable(..) | Error::Implausible(_)) => continue,
                Err(Error::Incomplete) => {
                    prop_assert!(matches!(standard.rule, Rule::RiskSum(_)));
                    continue;
                }
                Err(error) => return Err(TestCaseError::fail(format!("{standard}: {error}"))),
            };
            prop_assert_eq!(answer.parts().count() + answer.refused().count(), samples.len());
            prop_assert_eq!(answer.category(), standard.category(answer.index()));
            let worst = answer.parts().map(|part| part.index()).max().unwrap();
            match standard.rule {
                Rule::RiskSum(_) => {
                    // A sum is at least its largest term, and grows with every other.
                    prop_assert!(answer.index() >= worst, "{standard}");
                    prop_assert_eq!(answer.dominant().count() >= 1, true);
                }
                _ => prop_assert_eq!(answer.index().number(), worst.number() + answer.penalty()),
            }
            for pollutant in answer.dominant() {
                let of_it = answer.parts().filter(|part| part.pollutant() == pollutant);
                let highest = of_it.map(|part| part.index()).max();
                prop_assert!(matches!(standard.rule, Rule::RiskSum(_)) || highest == Some(worst));
            }
            for part in answer.parts() {
                prop_assert!(part.index() <= worst);
                if let Some(row) = part.row() {
                    let looked_up = part.rounded().unwrap_or(part.concentration().value());
                    prop_assert!(row.high.is_none_or(|high| looked_up <= high), "{standard} {row:?}");
                    // What goes on along the line of the row below may still round to its end:
                    // 325.5 µg/m³ of PM2.5 is 500.2 in the US index of 2024.
                    let goes_on = row.high.is_none() && row.index_high.is_none();
                    let over = u32::from(part.index().is_over() || goes_on);
                    prop_assert!(row.index_low <= part.index().number() + over, "{standard} {row:?}");
                }
                if let Some(more) = part.to_next_category() {
                    let at = |more| part.concentration().value().checked_add(more)
                        .and_then(|value| index(standard, part.table(), value));
                    let beyond = at(more + Decimal::new(1, 6));
                    prop_assert!(beyond.is_none_or(|b| standard.category(b).from > part.category().from), "{standard}");
                }
            }
            // The more there is, the more complete it is.
            prop_assert_eq!(standard.tables.len() == samples.len() && answer.refused().count() == 0 && !answer.is_complete(), false);
        }
    }

    #[test]
    fn a_float_is_the_decimal_that_it_prints_as(value in 0.0f64..1e9, small in 0.0f32..1e6) {
        let parsed = |text: String| Concentration::parse(&text, Unit::Ppb);
        prop_assert_eq!(Concentration::try_from_f64(value, Unit::Ppb), parsed(value.to_string()));
        prop_assert_eq!(Concentration::try_from_f32(small, Unit::Ppb), parsed(small.to_string()));
    }

    /// As the decimal's own parser reads them, which also takes digits grouped by `_` and
    /// refuses zeros beyond the digits that fit.
    #[test]
    fn a_text_is_the_decimal_that_it_writes_or_refused(
        text in prop_oneof![
            "[+-]?[0-9]{0,31}",
            "[+-]?[0-9]{0,31}\\.[0-9]{0,31}",
            "[+-]?[0-9]{0,3}\\.[0-9]{0,25}0{0,9}",
            "[-+.0-9eE,_ x\u{661}]{0,6}",
        ],
    ) {
        let theirs = Decimal::from_str_exact(&text).ok().filter(|_| !text.contains('_'));
        let ours = Concentration::parse(&text, Unit::Ppb);
        match (theirs, ours) {
            (Some(theirs), Ok(ours)) => {
                prop_assert_eq!(ours.value().to_string(), theirs.abs().to_string());
                prop_assert_eq!(ours.to_string(), format!("{} ppb", theirs.abs()));
            }
            (Some(theirs), Err(error)) => {
                prop_assert!(error == Error::Negative && theirs < Decimal::ZERO);
            }
            (None, Ok(ours)) => {
                prop_assert!(text.ends_with('0') && text.contains('.'));
                let short = text.trim_end_matches('0').trim_end_matches('.');
                prop_assert_eq!(Ok(ours.value()), Decimal::from_str_exact(short).map(|v| v.abs()));
            }
            (None, Err(error)) => prop_assert!(matches!(error, Error::NotANumber | Error::Negative)),
        }
    }

    #[test]
    fn any_float_is_a_concentration_or_refused(bits in any::<u64>(), small in any::<u32>()) {
        for (value, answer) in [
            (f64::from_bits(bits), Concentration::try_from_f64(f64::from_bits(bits), Unit::Ppm)),
            (f32::from_bits(small).into(), Concentration::try_from_f32(f32::from_bits(small), Unit::Ppm)),
        ] {
            match answer {
                Ok(answer) => {
                    let text: f64 = answer.value().to_string().parse().unwrap();
                    prop_assert!((text - value.abs()).abs() <= value.abs() * 1e-7 + 1e-28);
                    prop_assert!(value >= 0.0);
                }
                Err(Error::NotFinite) => prop_assert!(!value.is_finite()),
                Err(Error::Negative) => prop_assert!(value < 0.0),
                Err(error) => prop_assert!(error == Error::TooLarge && value > 7e28, "{value}"),
            }
        }
    }

    #[test]
    fn a_mean_is_the_exact_sum_over_the_count(
        values in proptest::collection::vec(proptest::option::weighted(0.9, values()), 0..60),
        repeat in prop_oneof![0u32..3, 8u32..58],
        need in prop_oneof![0u32..60, any::<u32>()],
    ) {
        let series: Vec<_> = values.iter()
            .map(|value| value.map(|value| Concentration::new(value, Unit::Microgram).unwrap()))
            .collect();
        let mut sum = Ratio::from(BigInt::ZERO);
        let mut mean = Mean::default();
        for value in series.iter().flatten() {
            sum += fraction(value.value());
            mean.add(*value).unwrap();
        }
        let have = series.iter().flatten().count() as u64;
        // As many values again, and again: to lengths that no memory holds.
        for _ in 0..repeat {
            let same = mean;
            mean.merge(&same).unwrap();
        }
        prop_assert_eq!(mean.count(), have << repeat);
        let whole = match mean.get(need) {
            Ok(mean) => {
                prop_assert!(have > 0 && have << repeat >= u64::from(need));
                let exact = sum / BigInt::from(have);
                prop_assert!(is_nearest(mean.value(), &exact), "{mean} for {exact}");
                Ok(mean)
            }
            Err(error) => {
                prop_assert!(have == 0 || have << repeat < u64::from(need));
                let have = u32::try_from(have << repeat).unwrap();
                prop_assert_eq!(error, Error::NotEnough { have, need: need.max(1) });
                Err(())
            }
        };
        if let (Ok(of_series), Ok(whole)) = (airshed_aqi::mean::mean(&series, need), whole) {
            prop_assert_eq!(of_series, whole);
        }
    }

    /// Of equal values, however many: where a counter of 8, 16 or 32 bits would end, too.
    #[test]
    fn a_mean_of_equal_values_is_their_value(
        value in values(),
        count in prop_oneof![
            1u64..10,
            (prop_oneof![Just(8u32), Just(16), Just(31), Just(32), Just(53), Just(63)], 0u64..5)
                .prop_map(|(bits, more)| (1 << bits) - 2 + more),
            1..=u64::MAX,
        ],
    ) {
        let value = Concentration::new(value, Unit::Ppb).unwrap();
        let (mut mean, mut power) = (Mean::default(), Mean::default());
        power.add(value).unwrap();
        for bit in 0..64 {
            if count >> bit & 1 == 1 {
                mean.merge(&power).unwrap();
            }
            let same = power;
            if bit < 63 {
                power.merge(&same).unwrap();
            }
        }
        prop_assert_eq!(mean.count(), count);
        prop_assert_eq!(mean.get(u32::try_from(count).unwrap_or(u32::MAX)), Ok(value));
    }
}

fn fraction(value: Decimal) -> BigRational {
    Ratio::new(value.mantissa().into(), BigInt::from(10).pow(value.scale()))
}

/// Whether no decimal lies nearer.
fn is_nearest(value: Decimal, exact: &BigRational) -> bool {
    let digits = |scale: u32| value.mantissa().unsigned_abs() * 10u128.pow(scale - value.scale());
    let fits = |scale: &u32| digits(*scale) < 1 << 96;
    let finest = (value.scale()..=28).take_while(fits).last().unwrap();
    let error = fraction(value) - exact;
    let half_step = Ratio::new(BigInt::from(1), BigInt::from(10).pow(finest) * 2);
    error <= half_step && error >= -half_step
}

/// The lengths at which a short counter stops, as one reads a series.
#[test]
fn a_mean_counts_every_value_of_a_long_series() {
    let four = Concentration::fixed(4, 0, Unit::Microgram).unwrap();
    for length in [255, 256, 257, 65_535, 65_536, 65_537, 131_073, 525_600] {
        let mut series = vec![Some(four); length];
        assert_eq!(airshed_aqi::mean::mean(&series, length as u32), Ok(four), "{length}");
        series[length / 2] = None;
        let refusal = Error::NotEnough { have: length as u32 - 1, need: length as u32 };
        assert_eq!(airshed_aqi::mean::mean(&series, length as u32), Err(refusal));
        let highest =
            airshed_aqi::mean::highest(series.iter().flatten().copied().map(Ok), length as u32);
        assert_eq!(highest, Err(refusal));
    }
}

/// Category after category, from zero to beyond the top: each begins where the one before
/// it ends, and no number falls between.
#[test]
fn the_categories_of_every_table_follow_without_a_hole() {
    for (standard, table) in tables().filter(|(_, table)| !is_risk(table)) {
        let intervals: Vec<_> = standard
            .categories
            .iter()
            .filter_map(|c| {
                standard.category_interval(table.pollutant, table.averaging, c).unwrap()
            })
            .collect();
        assert!(!intervals.is_empty(), "{standard}");
        for pair in intervals.windows(2) {
            assert_eq!(pair[0].high, Some(pair[1].low), "{standard}");
            assert_ne!(pair[0].high_included, pair[1].low_included, "{standard}");
        }
        let last = intervals.last().unwrap();
        assert_eq!(last.high.is_none(), table.discard_above.is_none(), "{standard}");
    }
}

/// The ends of a risk's interval are found on a grid of thousandths; on it they are exact.
#[test]
fn the_inverse_of_a_sum_of_risks() {
    for (standard, table) in tables().filter(|(_, table)| is_risk(table)) {
        for number in 1..=10 {
            let there = Index::new(number);
            let interval =
                standard.interval(table.pollutant, table.averaging, there).unwrap().unwrap();
            let (low, high) = (interval.low, interval.high.unwrap());
            let step = Decimal::new(1, 3);
            assert_eq!(index(standard, table, low), Some(there), "{standard}");
            assert_eq!(index(standard, table, high), Some(there), "{standard}");
            assert!(index(standard, table, high + step) > Some(there), "{standard}");
            assert!(
                low.is_zero() || index(standard, table, low - step) < Some(there),
                "{standard}"
            );
        }
    }
}

#[test]
fn parts_per_billion_never_pass_for_micrograms() {
    for (standard, table) in tables() {
        let other = match table.unit {
            Unit::Microgram | Unit::Milligram => Unit::Ppm,
            _ => Unit::Microgram,
        };
        let given = Concentration::fixed(5, 0, other).unwrap();
        let refused = standard.sub_index(&Sample::new(table.pollutant, table.averaging, given));
        let pollutant = table.pollutant;
        let wanted = Error::WrongUnit { pollutant, given: other, wanted: table.unit };
        assert_eq!(refused.map(|part| part.index()), Err(wanted), "{standard}");
    }
}

#[test]
fn what_a_standard_does_not_cover_is_refused_by_name() {
    let given = Concentration::fixed(5, 0, Unit::Microgram).unwrap();
    let daqi = |pollutant, averaging| {
        let sample = Sample::new(pollutant, averaging, given);
        airshed_aqi::daqi::DAQI.index(&[sample]).map(|answer| answer.index()).unwrap_err()
    };
    assert_eq!(daqi(Pollutant::Pb, Averaging::Day), Error::NotInStandard(Pollutant::Pb));
    let wrong = Error::WrongAveraging(Pollutant::Pm25, Averaging::Hour);
    assert_eq!(daqi(Pollutant::Pm25, Averaging::Hour), wrong);
    let twice = [Sample::new(Pollutant::Pm25, Averaging::Day, given); 2];
    assert_eq!(airshed_aqi::daqi::DAQI.index(&twice), Err(Error::GivenTwice(Pollutant::Pm25)));
    assert_eq!(airshed_aqi::daqi::DAQI.index(&[]), Err(Error::NothingGiven));
}
