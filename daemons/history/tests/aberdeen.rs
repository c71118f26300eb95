//! Every sensor-day of Aberdeen's archive beside a script in Python: means, capture, flags, index.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use airshed_history::archive::{Report, Station};
use airshed_history::{Carried, Climate, Day};
use aqi::Decimal;
use jiff::civil::Date;
use store::Reading;

/// The real measurements beside the project; they are not part of it.
fn shared_archive() -> Option<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = manifest.join("../../../shared/data/archive");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not here", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn every_sensor_day_is_as_an_independent_script_finds_it() {
    let Some(shared) = shared_archive() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = |arguments: &[&Path]| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/means.py");
        run(Command::new(python()).arg(path).args(arguments))
    };
    for file in fs::read_dir(shared).unwrap().map(|entry| entry.unwrap().path()) {
        match file.extension().unwrap().to_str() {
            Some("csv") => drop(fs::copy(&file, folder.path().join(file.file_name().unwrap()))),
            _ => drop(script(&[Path::new("unpack"), &file, folder.path()])),
        }
    }
    let theirs = script(&[Path::new("means"), folder.path()]);

    let mut days: BTreeMap<Date, Vec<PathBuf>> = BTreeMap::new();
    for path in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let date = path.file_name().unwrap().to_str().unwrap()[..10].parse().unwrap();
        days.entry(date).or_default().push(path);
    }
    assert!(days.len() > 340, "{} days", days.len());
    let (mut report, mut carried) = (Report::default(), Carried::default());
    let (mut ours, mut without) = (Vec::new(), 0);
    for (date, files) in days {
        let mut day = Day::new(date);
        for path in files {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            day.read(File::open(&path).unwrap(), &name, &mut report).unwrap();
        }
        let readings = day.finish(Some(&mut carried));
        assert_eq!(readings.other_days, 0);
        without += readings.without_mean;
        for reading in &readings.readings {
            reading.check().unwrap();
            ours.push(line_of(reading));
        }
        ours.extend(readings.climate.iter().map(climate_line));
    }
    ours.sort_unstable();
    ours.insert(0, format!("without {without}"));
    let theirs: Vec<_> = theirs.lines().collect();
    let differ = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    assert_eq!(differ, None);
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.len() > 60_000, "{} lines", ours.len());
    assert_eq!(report.rows, report.kept + report.without_values + report.refused);
    assert_eq!((report.refused, report.passed_over), (0, 0), "{:?}", report.notes);
}

fn line_of(reading: &Reading) -> String {
    let value = |value: Option<Decimal>| value.map(|value| value.to_string()).unwrap_or_default();
    format!(
        "{} {} {} {} {} {} {} {} {} {} {} {}",
        reading.sensor,
        reading.window,
        reading.timestamp.as_second(),
        value(reading.pm10),
        value(reading.pm25),
        reading.hours.unwrap(),
        reading.samples.unwrap(),
        reading.stored_flags.names().collect::<Vec<_>>().join(","),
        reading.index().map_or("-".to_owned(), |index| index.get().to_string()),
        reading.location.unwrap(),
        reading.latitude.unwrap(),
        reading.longitude.unwrap(),
    )
}

fn climate_line(climate: &Climate) -> String {
    let value = |value: Option<Decimal>| value.map(|value| value.to_string()).unwrap_or_default();
    let Station { location, latitude, longitude, .. } = &*climate.station;
    let hour = &climate.hour;
    format!(
        "{} climate {} {} {} {} {} {} {} {}",
        climate.sensor,
        hour.end,
        value(hour.temperature),
        value(hour.humidity),
        hour.slots,
        hour.samples,
        location.unwrap(),
        latitude.unwrap(),
        longitude.unwrap(),
    )
}

/// A Python with what `requirements.txt` names, made when it is not there yet.
fn python() -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let mark = folder.join("requirements.txt");
    if fs::read(&mark).ok() != fs::read(&requirements).ok() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&requirements));
        fs::copy(&requirements, &mark).unwrap();
    }
    folder.join("bin/python")
}

/// What it prints.
fn run(command: &mut Command) -> String {
    let done = command.output().expect("Python 3 with venv and pip has to be there");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
