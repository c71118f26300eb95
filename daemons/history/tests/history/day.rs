//! Rows of a day as readings.

use std::ops::ControlFlow;

use airshed_history::archive::{Report, read};
use airshed_history::{Carried, Day, Readings};
use aqi::Decimal;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use store::{Flags, Reading, Window};

const DATE: Date = date(2018, 2, 3);
const HEADER: &str = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n";

/// `hour:minute` of the date.
fn row(sensor: &str, model: &str, location: u64, minute: u32, values: &str) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    format!(
        "{sensor};{model};{location};57.135;-2.083;2018-02-03T{hour:02}:{minute:02}:00;{values}\n"
    )
}

fn day_of(files: &[(&str, String)], carried: Option<&mut Carried>) -> Readings {
    let (mut day, mut report) = (Day::new(DATE), Report::default());
    for (name, rows) in files {
        day.read(format!("{HEADER}{rows}").as_bytes(), name, &mut report).unwrap();
    }
    day.finish(carried)
}

fn the(window: Window, readings: &Readings) -> Vec<&Reading> {
    readings.readings.iter().filter(|reading| reading.window == window).collect()
}

fn decimal(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

#[test]
fn a_reading_has_the_station_of_its_last_sample() {
    // It moves at half past one; what is known of the last hour is in another file.
    let rows = |minutes: std::ops::Range<u32>, location| {
        minutes.map(|minute| row("7", "SDS011", location, minute, "20;10")).collect::<String>()
    };
    let files = [
        ("2018-02-03_sds011_sensor_7_indoor.csv", rows(90..180, 2)),
        ("2018-02-03_sds011_sensor_7.csv", rows(0..90, 1)),
    ];
    let readings = day_of(&files, Some(&mut Carried::default()));
    let at = |window| {
        let of = the(window, &readings);
        of.iter().map(|r| (r.location.unwrap(), r.indoor.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(at(Window::Hour), [(1, false), (2, true), (2, true)]);
    assert_eq!(at(Window::Day), [(2, true)]);
    assert_eq!(at(Window::Day24), at(Window::Hour));
    for reading in &readings.readings {
        reading.check().unwrap();
        assert_eq!((reading.pm10, reading.pm25), (decimal("20"), decimal("10")));
        assert_eq!((reading.latitude, reading.longitude), (decimal("57.135"), decimal("-2.083")));
        assert_eq!((reading.country, reading.exact, reading.measurement), (None, None, None));
    }
    let day = the(Window::Day, &readings)[0];
    assert_eq!(day.timestamp.to_string(), "2018-02-04T00:00:00Z");
    assert_eq!((day.hours, day.samples), (Some(3), Some(180)));
}

#[test]
fn hours_are_carried_from_one_day_to_the_next() {
    let mut carried = Carried::default();
    let full = |from: u32, until: u32, date: Date| {
        let rows = (from * 20..until * 20).map(|n| row("7", "SDS011", 1, 3 * n, "20;10"));
        rows.collect::<String>().replace("2018-02-03", &date.to_string())
    };
    let mut windows = Vec::new();
    // The day after the next is missing.
    for (day, from, until) in [(0, 6, 24), (1, 0, 12), (3, 0, 1)] {
        let date = DATE.saturating_add(jiff::Span::new().days(day));
        let mut of = Day::new(date);
        let file = format!("{HEADER}{}", full(from, until, date));
        of.read(file.as_bytes(), "", &mut Report::default()).unwrap();
        let readings = of.finish(Some(&mut carried));
        windows.extend(the(Window::Day24, &readings).iter().map(|r| r.hours.unwrap()));
    }
    let growing: Vec<_> = (1..=24).chain([24; 6]).chain([1]).collect();
    assert_eq!(windows, growing);
    // Without the hours of the day before there are none.
    let file = [("", full(0, 24, DATE))];
    assert!(the(Window::Day24, &day_of(&file, None)).is_empty());
}

#[test]
fn a_day_in_parts_is_that_day() {
    let rows = |sensor: &str, date: Date| {
        let rows = (0..400).map(|n| row(sensor, "SDS011", 1, 3 * n, "20;10")).collect::<String>();
        format!("{HEADER}{rows}").replace("2018-02-03", &date.to_string())
    };
    let (mut whole, mut parts) = (Carried::default(), Carried::default());
    for date in [DATE, DATE.tomorrow().unwrap()] {
        let file = |sensor| rows(sensor, date);
        let (mut all, mut of_parts) = (Day::new(date), Vec::new());
        for sensor in ["7", "8"] {
            all.read(file(sensor).as_bytes(), "", &mut Report::default()).unwrap();
            let mut part = Day::new(date);
            part.read(file(sensor).as_bytes(), "", &mut Report::default()).unwrap();
            of_parts.extend(part.finish(Some(&mut parts)).readings);
        }
        assert_eq!(all.finish(Some(&mut whole)).readings, of_parts);
    }
    // The last hours, in the evening of the second day, are needed on the third and no more.
    for (days, sensors) in [(1, 2), (2, 2), (3, 0)] {
        whole.forget(DATE.saturating_add(jiff::Span::new().days(days)));
        assert_eq!((whole.len(), whole.is_empty()), (sensors, sensors == 0));
    }
}

#[test]
fn two_streams_both_count_and_repetition_does_not() {
    let stream =
        [row("71001", "SPS30", 1, 0, "9.6;5.4"), row("71001", "SPS30", 1, 0, "4.0;3.8")].concat();
    let readings = day_of(&[("", stream.clone()), ("", stream)], None);
    assert_eq!((readings.samples, readings.repeated, readings.collided), (2, 2, 1));
    let [hour] = the(Window::Hour, &readings)[..] else { panic!("not one hour") };
    assert_eq!((hour.pm10, hour.pm25, hour.samples), (decimal("6.8"), decimal("4.6"), Some(2)));
    assert_eq!(readings.without_mean, 1); // the day
}

#[test]
fn counters_have_no_flags_of_concentrations() {
    let rows = |model| (0..60).map(|n| row("5", model, 1, n, "1900;0")).collect::<String>();
    let flags = |model| {
        let readings = day_of(&[("", rows(model))], None);
        let reading = readings.readings[0].clone();
        (
            reading.stored_flags.names().collect::<Vec<_>>(),
            reading.index(),
            reading.flags().contains(Flags::COUNTS),
        )
    };
    assert_eq!(flags("PPD42NS"), (vec![], None, true));
    assert_eq!(flags("PMS5003").0, ["saturated", "stuck"]);
    assert_eq!(flags("SDS011").0, ["saturated", "zero", "stuck"]);
}

#[test]
fn climate_is_kept_and_rows_of_other_days_are_counted() {
    let file = "sensor_id;sensor_type;location;lat;lon;timestamp;pressure;temperature;humidity\n\
                8;BME280;3;1;2;2018-02-03T12:30:00;98523.84;7.24;93.40\n\
                8;BME280;3;1;2;2018-02-03T12:31:00;98523.84;-8.24;nan\n\
                8;BME280;3;1;2;2018-02-04T00:00:00;98523.84;7.24;93.40\n\
                8;BME280;3;1;2;2018-02-02T23:59:59;98523.84;7.24;93.40\n";
    let mut day = Day::new(DATE);
    let mut added = 0;
    read(file.as_bytes(), "", &mut Report::default(), &mut |row| {
        added += u32::from(day.add(&row));
        ControlFlow::Continue(())
    })
    .unwrap();
    let readings = day.finish(None);
    assert_eq!(
        (added, readings.other_days, readings.samples, readings.readings.len()),
        (2, 2, 0, 0)
    );
    let [climate] = &readings.climate[..] else { panic!("not one hour") };
    assert_eq!((climate.sensor, climate.station.location), (8.into(), Some(3)));
    let hour = climate.hour;
    assert_eq!((hour.temperature, hour.humidity), (decimal("-0.5"), decimal("93.4")));
    assert_eq!((hour.slots, hour.samples), (1, 2));
}

#[test]
fn the_first_and_the_last_days_are_days() {
    for (date, rows) in
        [(Date::MIN, 0), (date(0, 1, 1), 2), (date(9998, 12, 31), 2), (Date::MAX, 0)]
    {
        let mut day = Day::new(date);
        let file = format!("{HEADER}{}", row("7", "SDS011", 1, 1439, "20;10").repeat(9));
        let file = file.replace("2018-02-03", &date.to_string());
        day.read(file.as_bytes(), "", &mut Report::default()).unwrap();
        let readings = day.finish(Some(&mut Carried::default())).readings;
        readings.iter().for_each(|reading| reading.check().unwrap());
        assert_eq!(readings.len(), rows / 2, "{date}"); // an hour; no hour is valid
    }
}

/// Rows of a few sensors, each of which has a location.
fn rows() -> impl Strategy<Value = Vec<String>> {
    let value = (0u32..6000).prop_map(|tenths| format!("{}.{}", tenths / 10, tenths % 10));
    let pair = prop_oneof![8 => (value.clone(), value).prop_map(|(a, b)| format!("{a};{b}")), 1 => Just("5;nan".to_owned())];
    let row =
        (0usize..3, 1u64..4, 0u32..1440, pair).prop_map(|(sensor, location, minute, values)| {
            let (id, model) = [("7", "SDS011"), ("8", "PMS7003"), ("9", "PPD42NS")][sensor];
            row(id, model, location, minute, &values)
        });
    prop::collection::vec(row, 0..400)
}

proptest! {
    #![proptest_config(super::cases(64))]

    #[test]
    fn order_files_and_repetition_change_nothing(
        (rows, shuffled) in rows().prop_flat_map(|rows| {
            let twice = [&rows[..], &rows[..rows.len() / 3]].concat();
            (Just(rows), Just(twice).prop_shuffle())
        }),
        at: prop::sample::Index,
    ) {
        let (mut carried, mut carried_too) = (Carried::default(), Carried::default());
        let once = day_of(&[("", rows.concat())], Some(&mut carried));
        let (first, second) = shuffled.split_at(at.index(shuffled.len() + 1));
        let again = day_of(&[("", first.concat()), ("", second.concat())], Some(&mut carried_too));
        prop_assert_eq!(&once.readings, &again.readings);
        prop_assert_eq!((once.samples, once.collided, once.without_mean), (again.samples, again.collided, again.without_mean));
        prop_assert_eq!(again.samples + again.repeated, shuffled.len() as u64);
        for reading in &once.readings {
            prop_assert!(reading.check().is_ok());
        }
    }
}
