//! Every standard against a slow, literal reading of its printed table in exact fractions.

#![allow(clippy::unwrap_used, clippy::panic)]

use airshed_aqi::{
    Averaging, Concentration, Decimal, Error, Pollutant, Rule, Sample, Standard, Unit, standards,
};
use num_rational::Ratio;
use proptest::prelude::*;

type Fraction = Ratio<i128>;

const TABLES: &str = include_str!("tables.txt");

/// A table as printed.
struct Printed {
    id: &'static str,
    version: &'static str,
    pollutant: Pollutant,
    averaging: Averaging,
    unit: Unit,
    /// The most digits behind a point in it.
    digits: u32,
    rows: Vec<PrintedRow>,
}

struct PrintedRow {
    low: Fraction,
    high: Option<Fraction>,
    index: (i128, Option<i128>),
}

fn printed() -> Vec<Printed> {
    let lines = TABLES.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let mut digits = 0;
            let mut number = |text: &str| {
                digits = digits.max(text.split_once('.').map_or(0, |(_, d)| d.len() as u32));
                fraction(text.parse().unwrap())
            };
            let rows = words[5..]
                .iter()
                .map(|row| {
                    let (concentrations, indices) = row.split_once('=').unwrap();
                    let (low, high) = concentrations.split_once("..").unwrap();
                    let (first, last) = indices.split_once("..").unwrap();
                    PrintedRow {
                        low: number(low),
                        high: (!high.is_empty()).then(|| number(high)),
                        index: (first.parse().unwrap(), last.parse().ok()),
                    }
                })
                .collect();
            Printed {
                id: words[0],
                version: words[1],
                pollutant: words[2].parse().unwrap(),
                averaging: words[3].parse().unwrap(),
                unit: words[4].parse().unwrap(),
                rows,
                digits,
            }
        })
        .collect()
}

fn fraction(value: Decimal) -> Fraction {
    Ratio::new(value.mantissa(), 10i128.pow(value.scale()))
}

/// The answer of the printed table: the index and whether it is over the scale; none where
/// the standard gives none.
fn read(table: &Printed, value: Fraction, policy: &str) -> Option<(i128, bool)> {
    let half = Ratio::new(1, 2);
    let half_up = |v: Fraction| (v + half).floor();
    let one = Ratio::from(10i128.pow(table.digits));
    let on_digits = |round: &dyn Fn(Fraction) -> Fraction| round(value * one) / one;
    let half_even = |v: Fraction| {
        let down = v.floor();
        let odd = down.to_integer() % 2 == 1;
        if v - down > half || (v - down == half && odd) { down + 1 } else { down }
    };
    // What is looked up.
    let raw = matches!(
        table.id,
        "eu_eaqi" | "fr_atmo" | "eu_caqi" | "au_aqc_nsw" | "au_aqi_nepm" | "ca_aqhi_plus" | "who"
    );
    let value = match (table.id, table.version, policy) {
        (_, _, "unrounded") => value,
        ("eu_eaqi", _, "rounded") => on_digits(&half_up),
        ("cn_aqi", "2012", "") => value,
        ("cn_aqi", ..) => {
            let one = Ratio::from(if table.pollutant == Pollutant::Co { 10 } else { 1 });
            half_even(value * one) / one
        }
        _ if raw => value,
        ("us_aqi", ..) => on_digits(&|v: Fraction| v.floor()),
        _ => on_digits(&half_up),
    };
    if value < table.rows[0].low {
        return None;
    }
    // Values above these are discarded as errors (EAQI before 2025).
    let discarded = match (table.id, table.version, table.pollutant) {
        ("eu_eaqi", "2019", Pollutant::O3) => 800,
        ("eu_eaqi", "2017", Pollutant::O3) => 600,
        ("eu_eaqi", "2019" | "2017", Pollutant::Pm25) => 800,
        ("eu_eaqi", "2019" | "2017", Pollutant::Pm10) => 1200,
        ("eu_eaqi", "2019" | "2017", Pollutant::No2) => 1000,
        ("eu_eaqi", "2019" | "2017", Pollutant::So2) => 1250,
        _ => i128::MAX,
    };
    if value > Ratio::from(discarded) {
        return None;
    }
    let lower_ends = table.id == "au_aqc_nsw";
    let within = |row: &&PrintedRow| {
        row.high.is_none_or(|high| if lower_ends { value < high } else { value <= high })
    };
    let Some(row) = table.rows.iter().find(within) else {
        let last = table.rows.last().unwrap();
        let top = last.index.1.unwrap();
        let defers = matches!(
            (table.id, table.pollutant, table.averaging),
            ("us_aqi", Pollutant::O3, Averaging::EightHours)
                | ("us_aqi", Pollutant::So2, Averaging::Hour)
                | ("in_naqi" | "sg_psi", Pollutant::O3, Averaging::EightHours)
        );
        return match (table.id, table.version) {
            _ if defers => Some((top, false)),
            ("cn_aqi", _) => Some((top, false)),
            // Within a tenth above the top the nearest whole index is still 100.
            ("eu_caqi", _) if value < last.high.unwrap() + Ratio::new(1, 10) => Some((top, false)),
            ("us_aqi", "2024") | ("au_aqi_nepm", _) => Some((
                half_up(line(last, value)).to_integer().min(airshed_aqi::Index::MAX_NUMBER.into()),
                false,
            )),
            _ => Some((top, true)),
        };
    };
    let (first, last) = row.index;
    if Some(first) == last {
        return Some((first, false));
    }
    let index = line(row, value);
    let index = if table.id == "cn_aqi" { index.ceil() } else { half_up(index) };
    Some((index.to_integer(), false))
}

/// I = (IHi − ILo) / (BPHi − BPLo) · (C − BPLo) + ILo.
fn line(row: &PrintedRow, value: Fraction) -> Fraction {
    let (low, high) = (row.low, row.high.unwrap());
    let (first, last) = (Ratio::from(row.index.0), Ratio::from(row.index.1.unwrap()));
    (last - first) / (high - low) * (value - low) + first
}

fn ours(standard: &'static Standard, table: &Printed, value: Decimal) -> Option<(i128, bool)> {
    let concentration = Concentration::new(value, table.unit).unwrap();
    let sample = Sample::new(table.pollutant, table.averaging, concentration);
    match standard.sub_index(&sample) {
        Ok(part) => Some((part.index().number().into(), part.index().is_over())),
        Err(Error::BelowTable(..) | Error::Implausible(_)) => None,
        Err(error) => panic!("{standard}: {error}"),
    }
}

/// The standards that have this table.
fn having(table: &Printed) -> Vec<&'static Standard> {
    let same = |standard: &&&Standard| {
        standard.id == table.id
            && standard.version == table.version
            && standard.policy != "open"
            && standard.table(table.pollutant, table.averaging).is_ok()
    };
    standards::ALL.iter().filter(same).copied().collect()
}

fn check(table: &Printed, value: Decimal) {
    for standard in having(table) {
        assert_eq!(
            ours(standard, table, value),
            read(table, fraction(value), standard.policy),
            "{standard}: {value} {} of {} over {}",
            table.unit,
            table.pollutant,
            table.averaging
        );
    }
}

#[test]
fn every_table_is_printed_and_every_printed_table_is_there() {
    let tables = printed();
    for table in &tables {
        assert!(!having(table).is_empty(), "{} {} {}", table.id, table.version, table.pollutant);
    }
    for standard in standards::ALL.iter().filter(|s| !matches!(s.rule, Rule::RiskSum(_))) {
        for own in standard.tables {
            let is_it = |t: &&Printed| {
                (t.id, t.version) == (standard.id, standard.version)
                    && (t.pollutant, t.averaging) == (own.pollutant, own.averaging)
            };
            let table = tables.iter().find(is_it);
            let table = table.unwrap_or_else(|| panic!("{standard}: {own:?} is not printed"));
            assert_eq!(table.unit, own.unit, "{standard}");
        }
    }
}

/// Around each printed number, in steps far finer than the table's.
#[test]
fn the_ends_of_every_row() {
    for table in printed() {
        let ends = table.rows.iter().flat_map(|row| [Some(row.low), row.high]).flatten();
        for end in ends {
            let end = Decimal::from_i128_with_scale(*end.numer() * (10_000 / *end.denom()), 4);
            for ten_thousandths in -10_011..=10_011i64 {
                let dense = ten_thousandths.abs() <= 30 || ten_thousandths % 250 == 0;
                let beside = end + Decimal::new(ten_thousandths, 4);
                if beside.is_sign_positive() && (dense || ten_thousandths.abs() > 9_990) {
                    check(&table, beside);
                }
            }
        }
    }
}

/// Every value that is printed with the table's own digits, up to a fifth above its top, in
/// as many steps as are bearable.
#[test]
fn the_whole_of_every_table() {
    for table in printed() {
        let top = table.rows.iter().filter_map(|row| row.high).max().unwrap();
        let steps = (top * Ratio::from(10i128.pow(table.digits)) * Ratio::new(6, 5)).to_integer();
        for step in 0..=steps {
            if steps < 5_000 || step % 7 == 0 {
                check(&table, Decimal::from_i128_with_scale(step, table.digits));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_with_up_to_nine_decimals(mantissa in 0u64..4_000_000_000, scale in 0u32..10) {
        let value = Decimal::from_i128_with_scale(mantissa.into(), scale);
        for table in printed() {
            check(&table, value);
        }
    }
}
