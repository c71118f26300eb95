//! Any index standard in place of the default.

use std::sync::Arc;

use airshed_store::conformance::{self, any_reading, any_standard};
use airshed_store::csv::{self, Dialect};
use airshed_store::{
    AqiStandard, Column, Encoder, Flags, Format, Memory, Query, Reading, Store, Value, View, Window,
};
use aqi::{Averaging, Concentration, Decimal, Index, Pollutant, Sample};
use proptest::prelude::*;

use super::block_on;

/// The index as `aqi` gives it for the values one by one, the worst of them.
fn obvious(reading: &Reading, standard: AqiStandard) -> Option<u32> {
    obvious_of(reading, [reading.pm10, reading.pm25], standard)
}

fn obvious_of(
    reading: &Reading,
    values: [Option<Decimal>; 2],
    standard: AqiStandard,
) -> Option<u32> {
    if reading.sensor_type.is_some_and(|kind| !kind.measures_particulates()) {
        return None;
    }
    let own = match reading.window {
        Window::Hour => Some(Averaging::Hour),
        Window::Day24 | Window::Day => Some(Averaging::Day),
        Window::FiveMinutes | Window::NowCast => None, // no store has the second
    };
    if reading.flags().contains(Flags::LOW_CAPTURE) {
        return None;
    }
    let values = [Pollutant::Pm10, Pollutant::Pm25].into_iter().zip(values);
    let samples = values.filter_map(|(pollutant, value)| {
        let known: Vec<_> = standard.standard().averagings(pollutant).collect();
        let averaging = own.filter(|own| known.contains(own)).or(known.first().copied())?;
        Some(Sample::new(pollutant, averaging, Concentration::micrograms(value?).ok()?))
    });
    let samples: Vec<_> = samples.collect();
    match standard.standard().rule {
        aqi::Rule::Worst => {
            let one = |sample: &Sample| standard.standard().index(&[*sample]).ok();
            samples.iter().filter_map(one).map(|answer| answer.index().place()).max()
        }
        _ => standard.standard().index(&samples).ok().map(|answer| answer.index().place()),
    }
}

proptest! {
    #[test]
    fn the_index_is_the_standards_own(reading in any_reading(), standard in any_standard()) {
        let expected = obvious(&reading, standard);
        prop_assert_eq!(reading.index_by(standard).map(Index::place), expected);
        let number = reading.value_by(Column::Aqi, standard).whole();
        prop_assert_eq!(number, expected.map(u64::from));
        if let Some(number) = expected {
            let (low, high) = standard.numbers();
            prop_assert!(low <= number && high.is_none_or(|high| number <= high));
            let category = standard.category_of(number);
            let range = reading.value_by(Column::Range, standard);
            prop_assert_eq!(range.text(), Some(category.name));
        }
        if standard == AqiStandard::DEFAULT {
            let usual = reading.index().map(|index| u64::from(index.get()));
            prop_assert_eq!(usual, number);
        }
    }

    #[test]
    fn sub_indices_and_the_range_are_indices_of_other_concentrations(
        mut reading in any_reading(),
        tenths in proptest::option::of((0i64..9000, 0i64..9000)),
        standard in any_standard(),
    ) {
        if let Some((pm10, pm25)) = tenths {
            (reading.pm10, reading.pm25) = (Some(Decimal::new(pm10, 1)), Some(Decimal::new(pm25, 1)));
            reading.sensor_type = "SDS011".parse().ok();
            (reading.hours, reading.stored_flags) = (None, Flags::NONE);
        }
        let number = |column| reading.value_by(column, standard).whole();
        let index = number(Column::Aqi);
        let [ten, small] = [[reading.pm10, None], [None, reading.pm25]]
            .map(|values| obvious_of(&reading, values, standard).map(u64::from));
        prop_assert_eq!([number(Column::AqiP1), number(Column::AqiP2)], [ten, small]);
        match standard.standard().rule {
            aqi::Rule::Worst => prop_assert_eq!(ten.max(small), index),
            _ => prop_assert!(ten.max(small) <= index),
        }

        let (low, high) = (number(Column::AqiLow), number(Column::AqiHigh));
        let is_measured =
            reading.sensor_type.is_some_and(|kind| kind.to_string().eq_ignore_ascii_case("SDS011"));
        prop_assert_eq!(low.is_some(), is_measured && index.is_some());
        prop_assert_eq!(high.is_some(), low.is_some());
        if let Some(low) = low {
            prop_assert!(Some(low) <= index && index <= high);
        }
        let range = reading.range_by(standard);
        let places = range.map(|(low, high)| (u64::from(low.place()), u64::from(high.place())));
        prop_assert_eq!(places, low.zip(high));
        // In integers. The own value stands for one that the standard discards, and has no part if
        // it is itself discarded.
        if let Some((pm10, pm25)) = tenths {
            let end = |value: i64, factor: i64, pollutant: usize| {
                let thousandths = ((value + 10) * factor - 1000).max(0);
                let own = Decimal::new(value, 1);
                let is_rated = |value: &Decimal| {
                    let mut values = [None, None];
                    values[pollutant] = Some(*value);
                    obvious_of(&reading, values, standard).is_some()
                };
                let there = Some(Decimal::new(thousandths, 3)).filter(is_rated);
                Some(own).filter(is_rated).map(|own| there.unwrap_or(own))
            };
            let lowest = [end(pm10, 47, 0), end(pm25, 77, 1)];
            let highest = [end(pm10, 320, 0), end(pm25, 290, 1)];
            let ends = [lowest, highest].map(|values| obvious_of(&reading, values, standard));
            prop_assert_eq!(ends.map(|end| end.map(u64::from)), [low, high]);
            for (pollutant, value, factors) in
                [(Pollutant::Pm10, pm10, [47, 320]), (Pollutant::Pm25, pm25, [77, 290])]
            {
                let ends = factors.map(|factor| ((value + 10) * factor - 1000).max(0));
                let [low, high] = ends.map(|thousandths| Decimal::new(thousandths, 3));
                prop_assert_eq!(reading.concentration_range(pollutant), Some((low, high)));
            }
        }
        for pollutant in [Pollutant::Pm10, Pollutant::Pm25, Pollutant::O3] {
            let there = match pollutant {
                Pollutant::Pm10 => reading.pm10.is_some_and(|value| value >= Decimal::ZERO),
                Pollutant::Pm25 => reading.pm25.is_some_and(|value| value >= Decimal::ZERO),
                _ => false,
            };
            let is_given = reading.concentration_range(pollutant).is_some();
            prop_assert!(!is_given || there && is_measured && reading.index().is_some());
        }

        block_on(async {
            let store = Memory::new();
            store.put(std::slice::from_ref(&reading)).await.unwrap();
            let page = store.query(&Query::everything(), None).await.unwrap();
            let row = page.rows().next().unwrap();
            for column in Column::ALL {
                let (of_row, of_reading) =
                    (row.value_by(*column, standard), reading.value_by(*column, standard));
                assert_eq!(of_row.to_string(), of_reading.to_string(), "{column:?}");
            }
        });
    }

    #[test]
    fn lines_printed_in_bulk_are_those_of_the_cells(
        batch in conformance::readings(),
        query in conformance::query(),
        standard in any_standard(),
    ) {
        block_on(async {
            let store = Memory::new();
            store.put(&batch).await.unwrap();
            let page = store.query(&query, None).await.unwrap();
            let readings: Vec<_> = page.rows().map(|row| row.reading()).collect();
            let mut expected = String::new();
            for reading in &readings {
                let cells = Column::DEFAULT.iter().map(|column| reading.value_by(*column, standard));
                let cells = cells.map(|value| match value {
                    // Zero is printed without a sign.
                    Value::Decimal(number) if number.is_zero() => number.abs().to_string(),
                    value => value.to_string(),
                });
                expected += &format!("{}\n", cells.collect::<Vec<_>>().join(","));
            }
            // The third time text that was kept is copied.
            for _ in 0..3 {
                let mut text = Vec::new();
                csv::write_page_by(&mut text, &page, Column::DEFAULT, Dialect::DEFAULT, standard);
                assert_eq!(String::from_utf8(text).unwrap(), expected, "{standard}");
            }
        });
    }
}

#[test]
fn every_standard_is_found_by_its_name() {
    let mut seen = std::collections::HashSet::new();
    for standard in AqiStandard::all() {
        assert_eq!(standard.to_string().parse(), Ok(standard));
        assert!(seen.insert(standard.to_string()), "{standard} is the name of two");
        for category in standard.standard().categories {
            assert_eq!(standard.category(&category.name.to_lowercase()), Some(category));
        }
    }
    assert_eq!("US_AQI".parse(), "us_aqi:2024".parse::<AqiStandard>());
    assert_eq!("US-AQI:2015".parse(), "us_aqi:2015".parse::<AqiStandard>());
    assert_eq!("uk_daqi".parse(), Ok(AqiStandard::DEFAULT));
    for (text, words) in [
        ("us_aqi:1066", "the indices with this id are us_aqi:2024, us_aqi:2015"),
        ("ca_aqhi", "needs gases"),
        ("mars", "the indices are uk_daqi, us_aqi"),
        ("", "the indices are uk_daqi"),
    ] {
        let error = text.parse::<AqiStandard>().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

/// 35.4 µg/m³ of PM2.5 is 100 by the US table of 2015, and in the band above by that of 2024.
#[tokio::test]
async fn columns_of_the_index_follow_the_standard() {
    let moment = "2026-02-01T12:00:00Z".parse().unwrap();
    let with = |sensor, window, pm25: &str| {
        let mut reading = Reading::new(sensor, window, moment);
        reading.pm25 = Some(pm25.parse().unwrap());
        reading
    };
    let readings = [
        with(1, Window::Day24, "35.4"),
        with(2, Window::Hour, "35.4"),
        with(3, Window::Day24, "900"),
    ];
    let store = Arc::new(Memory::new());
    store.put(&readings).await.unwrap();
    let columns =
        [Column::SensorId, Column::Aqi, Column::AqiText, Column::Range, Column::IndexBasis];
    for (standard, expected) in [
        (
            "us_aqi:2015",
            "1,100,100,Moderate,defined\n2,100,100,Moderate,indicative\n3,501,500+,Hazardous,defined\n",
        ),
        (
            "eu_eaqi:2025",
            "1,3,Moderate,Moderate,indicative\n2,3,Moderate,Moderate,defined\n3,6,Extremely poor,Extremely poor,indicative\n",
        ),
        ("uk_daqi", "1,3,3,Low,defined\n2,3,3,Low,indicative\n3,10,10,Very High,defined\n"),
    ] {
        let standard: AqiStandard = standard.parse().unwrap();
        let page = store.query(&Query::everything(), None).await.unwrap();
        let mut encoder =
            Encoder::by(standard, Format::Csv(Dialect::DEFAULT), &columns, "").unwrap();
        let mut file = Vec::new();
        encoder.page(&mut file, &page).unwrap();
        encoder.finish(&mut file).unwrap();
        let expected = format!("sensor_id,AQI,AQI_text,Range,index_basis\n{expected}");
        assert_eq!(String::from_utf8(file).unwrap(), expected, "{standard}");
    }
}
