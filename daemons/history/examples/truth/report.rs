//! The tables, as Markdown.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use airshed_history::area::Statements;
use airshed_history::neighbours::Limits;
use airshed_history::plausibility::Plausibility;
use aqi::Pollutant;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{AqiStandard, Flags, Reading, Window};

use crate::data::{self, Stations, Values, index, median};
use crate::tally::{Days, FOUR, HIGH, Resampled, THRESHOLDS, Tally, ratio};

type Sensors = BTreeMap<Date, Vec<Reading>>;

/// Of the archive's files, those of official stations, and Sofia's.
pub(crate) fn of(
    archive: &Path,
    references: &[PathBuf],
    sofia: Option<&Path>,
) -> Result<String, Box<dyn Error>> {
    let sensors = data::sensor_days(archive)?;
    let mut stations = data::references(references)?;
    // The same days for sensors and stations.
    let has_index =
        |date: &Date| sensors.get(date).is_some_and(|readings| readings.iter().any(all));
    stations.retain(|date, _| has_index(date));
    let official: BTreeMap<_, _> =
        stations.iter().map(|(date, stations)| (*date, median(stations))).collect();
    let mut text = String::new();
    agreement(&mut text, &sensors, &stations, &official);
    alarms(&mut text, &sensors, &official);
    let pooled = sofia.map(data::sofia).transpose()?;
    ranges(&mut text, &sensors, &official, pooled);
    stars(&mut text, &sensors, &official);
    flags(&mut text, &sensors, &official);
    Ok(text)
}

/// Which readings of a sensor are looked at.
fn all(reading: &Reading) -> bool {
    reading.index().is_some()
}

fn plausible(reading: &Reading) -> bool {
    all(reading) && !reading.flags().intersects(Flags::IMPLAUSIBLE)
}

/// Single sensors beside the official index.
fn singly(
    sensors: &Sensors,
    official: &BTreeMap<Date, Values>,
    is_wanted: impl Fn(&Reading) -> bool,
) -> Days {
    let mut days = Days::default();
    for (date, official) in official {
        let Some(official) = index(*official) else { continue };
        let readings = sensors.get(date).into_iter().flatten().filter(|reading| is_wanted(reading));
        for index in readings.filter_map(Reading::index) {
            days.on(*date).compare(index.get().into(), official);
        }
    }
    days
}

/// The statement of all sensors together.
fn together(sensors: &Sensors, official: &BTreeMap<Date, Values>) -> Days {
    let mut days = Days::default();
    for (date, readings) in sensors {
        let mut statements = Statements::new(Window::Day, AqiStandard::DEFAULT);
        readings.iter().for_each(|reading| statements.add(reading));
        let said = statements.finish().into_iter().find_map(|statement| statement.index);
        let official = official.get(date).and_then(|official| index(*official));
        if let Some((said, official)) = said.zip(official) {
            days.on(*date).compare(said.place(), official);
        }
    }
    days
}

/// Each station beside the median of the others.
fn stations_beside_others(stations: &Stations) -> Days {
    let mut days = Days::default();
    for (date, stations) in stations {
        for (place, one) in stations.iter().enumerate() {
            let mut others = stations.clone();
            others.remove(place);
            if let Some((one, others)) = index(*one).zip(index(median(&others))) {
                days.on(*date).compare(one, others);
            }
        }
    }
    days
}

/// One on each day, as often as there are sensors.
fn always_one(sensors: &Sensors, official: &BTreeMap<Date, Values>) -> Days {
    let mut days = Days::default();
    for (date, official) in official {
        let Some(official) = index(*official) else { continue };
        let readings = sensors.get(date).into_iter().flatten().filter(|reading| all(reading));
        readings.for_each(|_| days.on(*date).compare(1, official));
    }
    days
}

fn agreement(
    text: &mut String,
    sensors: &Sensors,
    stations: &Stations,
    official: &BTreeMap<Date, Values>,
) {
    let area = together(sensors, official);
    let days_of_area: BTreeMap<_, _> = official
        .iter()
        .filter(|(date, _)| area.has(**date))
        .map(|(date, is)| (*date, *is))
        .collect();
    let rows = [
        ("single sensors", singly(sensors, official, all)),
        ("single sensors, `quality=plausible`", singly(sensors, official, plausible)),
        ("the same, on the days of the statement", singly(sensors, &days_of_area, plausible)),
        ("statement of the area", area),
        ("one official station beside the others", stations_beside_others(stations)),
        ("always 1", always_one(sensors, official)),
    ];
    text.push_str("| index of | days | cases | same index | within one | same band |");
    for threshold in THRESHOLDS {
        let _ = write!(text, " CSI {threshold} |");
    }
    text.push('\n');
    text.push_str(&"| --- ".repeat(6 + THRESHOLDS.len()));
    text.push_str("|\n");
    for (name, days) in rows {
        let found = days.resampled();
        let _ = write!(text, "| {name} | {} | {} |", found.days, found.whole.cases);
        for part in [|t: &Tally| t.same, |t: &Tally| t.within_one, |t: &Tally| t.same_band] {
            let share = |tally: &Tally| ratio(part(tally), tally.cases);
            let _ = write!(text, " {} |", decimals(found.measure(share), 3));
        }
        for place in 0..THRESHOLDS.len() {
            let _ = write!(text, " {} |", decimals(found.measure(|tally| tally.csi(place)), 2));
        }
        text.push('\n');
    }
}

fn alarms(text: &mut String, sensors: &Sensors, official: &BTreeMap<Date, Values>) {
    text.push_str("\n| alarms, index 7 or more | right | false | missed | right of all alarms |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for (name, days) in [
        ("single sensors", singly(sensors, official, all)),
        ("single sensors, `quality=plausible`", singly(sensors, official, plausible)),
        ("statement of the area", together(sensors, official)),
    ] {
        let found = days.resampled();
        let Tally { hits, misses, false_alarms, .. } = found.whole;
        let right = decimals(found.measure(|tally| tally.right(HIGH)), 2);
        let (hits, misses, wrong) = (hits[HIGH], misses[HIGH], false_alarms[HIGH]);
        let _ = writeln!(text, "| {name} | {hits} | {wrong} | {misses} | {right} |");
    }
}

/// The ranges of a reading beside official values.
fn range_of(tally: &mut Tally, reading: &Reading, official: Values) {
    let (Some((low, high)), Some(truth)) =
        (reading.range_by(AqiStandard::DEFAULT), index(official))
    else {
        return;
    };
    let (low, high) = (low.place(), high.place());
    tally.cases += 1;
    tally.width += u64::from(high.saturating_sub(low));
    tally.range(0, (low, high), truth);
    for (place, pollutant) in [Pollutant::Pm10, Pollutant::Pm25].into_iter().enumerate() {
        if let Some((range, value)) = reading.concentration_range(pollutant).zip(official[place]) {
            tally.range(place + 1, range, value);
        }
    }
}

fn ranges(
    text: &mut String,
    sensors: &Sensors,
    official: &BTreeMap<Date, Values>,
    sofia: Option<(BTreeMap<Date, Reading>, Stations)>,
) {
    let aberdeen = |is_wanted: fn(&Reading) -> bool| {
        let mut days = Days::default();
        for (date, official) in official {
            let readings = sensors.get(date).into_iter().flatten();
            for reading in readings.filter(|reading| is_wanted(reading)) {
                range_of(days.on(*date), reading, *official);
            }
        }
        days
    };
    let mut rows = vec![
        ("Aberdeen, single sensors", aberdeen(all)),
        ("Aberdeen, `quality=plausible`", aberdeen(plausible)),
    ];
    if let Some((pooled, stations)) = sofia {
        let mut days = Days::default();
        for (date, reading) in pooled {
            let official = stations.get(&date).map(|stations| median(stations));
            official.into_iter().for_each(|official| range_of(days.on(date), &reading, official));
        }
        rows.push(("Sofia, a neighbourhood's sensors pooled, PM10", days));
    }
    text.push_str(
        "\n| range | days | cases | index inside | PM10 inside | PM2.5 inside | mean width |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for (name, days) in rows {
        let found = days.resampled();
        let _ = write!(text, "| {name} | {} | {} |", found.days, found.whole.cases);
        for of in 0..3 {
            let _ = write!(text, " {} |", percent(&found, |tally| tally.coverage(of)));
        }
        let _ = writeln!(text, " {} |", decimals(found.measure(Tally::mean_width), 2));
    }
}

/// Sensor-days by the stars that the sensor has before the day.
fn stars(text: &mut String, sensors: &Sensors, official: &BTreeMap<Date, Values>) {
    let readings: Vec<_> = sensors.values().flatten().cloned().collect();
    let mut by_sensor = BTreeMap::<_, Vec<Reading>>::new();
    for reading in &readings {
        by_sensor.entry(reading.sensor).or_default().push(reading.clone());
    }
    let mut rows = BTreeMap::<_, Days>::new();
    for (date, official) in official {
        let (Some(official), Some(begin)) = (index(*official), begin_of(*date)) else { continue };
        for reading in sensors.get(date).into_iter().flatten() {
            let Some(index) = reading.index() else { continue };
            let days = by_sensor.get(&reading.sensor).map(Vec::as_slice).unwrap_or_default();
            let rated = Plausibility::of(days, &readings, begin, &Limits::default()).stars;
            rows.entry(rated).or_default().on(*date).compare(index.get().into(), official);
        }
    }
    text.push_str("\n| stars on the day before | days | cases | same index | CSI 2 | CSI 3 |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for (stars, days) in rows.into_iter().rev() {
        let found = days.resampled();
        let stars = stars.map_or("unknown".to_owned(), |stars| stars.to_string());
        let same = found.measure(|tally| ratio(tally.same, tally.cases));
        let _ = write!(text, "| {stars} | {} | {} |", found.days, found.whole.cases);
        let _ = write!(text, " {} |", decimals(same, 3));
        for place in [0, 1] {
            let _ = write!(text, " {} |", decimals(found.measure(|tally| tally.csi(place)), 2));
        }
        text.push('\n');
    }
}

/// What the index of sensor-days with a flag, and without it, is worth; also of those of low data
/// capture, which have none.
fn flags(text: &mut String, sensors: &Sensors, official: &BTreeMap<Date, Values>) {
    text.push_str(
        "\n| flag | sensor-days | two or more off, with it | without it | alarms of 4 or more with \
         it, right / false |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for (flag, name) in Flags::NAMES {
        let [mut with, mut without] = [Days::default(), Days::default()];
        for (date, official) in official {
            let Some(official) = index(*official) else { continue };
            for reading in sensors.get(date).into_iter().flatten() {
                let days = if reading.flags().contains(flag) { &mut with } else { &mut without };
                let index = index([reading.pm10, reading.pm25]);
                index.into_iter().for_each(|index| days.on(*date).compare(index, official));
            }
        }
        let [with, without] = [with, without].map(|days| days.resampled());
        if with.whole.cases == 0 {
            continue;
        }
        let off = |tally: &Tally| ratio(tally.cases - tally.within_one, tally.cases);
        let Tally { cases, hits, false_alarms, .. } = with.whole;
        let (with, without) = (percent(&with, off), percent(&without, off));
        let (right, wrong) = (hits[FOUR], false_alarms[FOUR]);
        let _ = writeln!(text, "| `{name}` | {cases} | {with} | {without} | {right} / {wrong} |");
    }
}

fn begin_of(date: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
}

/// A measure with its interval; a dash without one.
fn decimals(measure: Option<(f64, f64, f64)>, places: usize) -> String {
    match measure {
        None => "–".to_owned(),
        Some((whole, low, high)) => {
            format!("{whole:.places$} ({low:.places$}–{high:.places$})")
        }
    }
}

fn percent(found: &Resampled, of: impl Fn(&Tally) -> Option<f64>) -> String {
    match found.measure(of) {
        None => "–".to_owned(),
        Some((whole, low, high)) => {
            let [whole, low, high] = [whole, low, high].map(|share| 100.0 * share);
            format!("{whole:.1} % ({low:.1}–{high:.1})")
        }
    }
}
