//! `export` selects as a query does.

use std::fs;
use std::path::Path;

use super::daemon::{airshed, text};

/// Fields of a query whose flag has another name. All have a flag.
const RENAMED: [(&str, &str); 5] = [
    ("startDate", "start"),
    ("endDate", "end"),
    ("minAqi", "min-aqi"),
    ("maxAqi", "max-aqi"),
    ("sensorType", "sensor-type"),
];

#[test]
fn every_field_of_a_query_is_a_flag() {
    let help = airshed(&["export", "--help"]).output().unwrap();
    let help = text(&help.stdout);
    for field in airshed::request::FIELDS {
        let renamed = RENAMED.into_iter().find(|(name, _)| *name == field);
        let flag = format!("--{}", renamed.map_or(field, |(_, flag)| flag));
        let is_there = help.split_whitespace().any(|word| word == flag);
        assert!(is_there, "{field} is not a flag {flag}");
    }
}

fn export(folder: &Path, flags: &[&str]) -> String {
    let columns = ["export", "--columns", "sensor_id,timestamp,P1"];
    let done = airshed(&[&columns[..], flags].concat()).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{flags:?}: {}", text(&done.stderr));
    text(&done.stdout).lines().skip(1).map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_export_is_of_the_readings_that_its_flags_select() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = "sensor_id,sensor_type,indoor,window,timestamp,P1,P2\n".to_owned();
    for hour in 0..=23 {
        rows += &format!("7,SDS011,0,1h,2026-01-05T{hour:02}:00:00Z,{},5\n", 10 + hour);
    }
    rows += "8,PMS5003,1,day,2026-01-05T00:00:00Z,0,0\n";
    fs::write(folder.join("rows.csv"), rows).unwrap();
    assert!(airshed(&["import", "rows.csv"]).current_dir(folder).status().unwrap().success());
    let (indoor, hour) = ("8,2026-01-05T00:00:00Z,0\n", "7,2026-01-05T00:00:00Z,10\n");
    assert_eq!(export(folder, &["--window", "day"]), indoor);
    assert_eq!(export(folder, &["--indoor", "true"]), indoor);
    assert_eq!(export(folder, &["--sensor-type", "PMS5003"]), indoor);
    assert_eq!(export(folder, &["--limit", "1"]), hour);
    assert_eq!(export(folder, &["--quality", "plausible", "--window", "day"]), "");
    assert_eq!(export(folder, &["--alarm", "confirmed", "--min-aqi", "10"]), "");
    let berlin = ["--tz", "Europe/Berlin", "--window", "day"];
    assert_eq!(export(folder, &berlin), "7,2026-01-05T23:00:00Z,21.5\n");
    let dates = ["--tz", "Europe/Berlin", "--window", "1h", "--start", "2026-01-06"];
    assert_eq!(export(folder, &dates), "7,2026-01-05T23:00:00Z,33\n");
}

#[test]
fn each_flag_is_listed_with_its_meaning() {
    let listed = airshed(&["index", "--flags"]).output().unwrap();
    assert!(listed.status.success());
    let listed = text(&listed.stdout);
    for (flag, meaning) in store::Flags::MEANINGS {
        let name: String = flag.names().collect();
        let worth = match store::Flags::IMPLAUSIBLE.contains(flag) {
            true => "quality=plausible leaves it out",
            false => "it only informs",
        };
        assert!(listed.contains(&format!("{name}\n    {meaning}\n    {worth}\n")), "{listed}");
    }
}
