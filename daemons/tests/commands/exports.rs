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
        if field == "callback" {
            continue; // the end of a job
        }
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
    rows += "8,SPS30,1,day,2026-01-05T00:00:00Z,0,0\n";
    fs::write(folder.join("rows.csv"), rows).unwrap();
    assert!(airshed(&["import", "rows.csv"]).current_dir(folder).status().unwrap().success());
    let (indoor, hour) = ("8,2026-01-05T00:00:00Z,0\n", "7,2026-01-05T00:00:00Z,10\n");
    assert_eq!(export(folder, &["--window", "day"]), indoor);
    assert_eq!(export(folder, &["--indoor", "true"]), indoor);
    assert_eq!(export(folder, &["--sensor-type", "SPS30"]), indoor);
    assert_eq!(export(folder, &["--limit", "1"]), hour);
    assert_eq!(export(folder, &["--quality", "plausible", "--window", "day"]), "");
    assert_eq!(export(folder, &["--alarm", "confirmed", "--min-aqi", "10"]), "");
    let berlin = ["--tz", "Europe/Berlin", "--window", "day"];
    assert_eq!(export(folder, &berlin), "7,2026-01-05T23:00:00Z,21.5\n");
    assert_eq!(export(folder, &["--tz", "Europe/Berlin"]), "7,2026-01-05T23:00:00Z,21.5\n");
    assert_eq!(export(folder, &["--tz", "Etc/UTC"]).lines().count(), 25);
    let told = airshed(&["export", "--tz", "Europe/Berlin"]).current_dir(folder).output().unwrap();
    assert!(text(&told.stderr).contains("set --window"), "{}", text(&told.stderr));
    let unknown =
        airshed(&["export", "--tz", "Europa/Berlin"]).current_dir(folder).output().unwrap();
    let reason = text(&unknown.stderr);
    assert!(
        reason.contains("`Europa/Berlin`: not a time zone") && !reason.contains("--window"),
        "{reason}"
    );
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
        let stored = match store::Flags::STORED.contains(flag) {
            true => "stored when a mean is made",
            false => "follows from the reading itself",
        };
        let expected = format!("{name}\n    {meaning}\n    {worth}\n    {stored}");
        assert!(listed.contains(&expected), "{listed}");
    }
}

#[test]
fn limits_of_models_are_made_of_exported_daily_means() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut rows = "sensor_id,window,timestamp,P2,sensor_type,loc_lat,loc_long,hours\n".to_owned();
    for day in 0..1001 {
        // c + 1 from 5.00 to 15.00 beside N + 1 = 10: ratios in steps of 0.001.
        let end = "2020-01-01".parse::<jiff::civil::Date>().unwrap();
        let end = end.checked_add(jiff::Span::new().days(day)).unwrap();
        let own = 400 + day;
        rows +=
            &format!("1,day,{end}T00:00:00Z,{}.{:02},SPS30,57.1,-2.1,24\n", own / 100, own % 100);
        for other in 2..5 {
            rows += &format!("{other},day,{end}T00:00:00Z,9,SDS011,57.1,-2.1,24\n");
        }
    }
    std::fs::write(path("rows.csv"), rows).unwrap();
    let data = path("data");
    let imported = airshed(&["import", "--data", &data, &path("rows.csv")]).output().unwrap();
    assert!(imported.status.success());
    for format in ["csv", "parquet"] {
        let file = path(&format!("days.{format}"));
        let columns = ["--columns", "all", "--window", "day", "--format", format];
        let call = [&["export", "--data", &data, "--output", &file], columns.as_slice()].concat();
        assert!(airshed(&call).output().unwrap().status.success());
        let done = airshed(&["neighbour-limits", &file]).output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
        // The percentiles of the 1,001 ratios.
        assert_eq!(text(&done.stdout), "model,below,above\nSDS011,0.5,2\nSPS30,0.51,1.49\n");
        assert!(text(&done.stderr).contains("SPS30: 1001 values"), "{}", text(&done.stderr));
    }
    // The sensors of a day have to be together, and there have to be days.
    let file = fs::read_to_string(path("days.csv")).unwrap();
    let (head, rows) = file.split_once('\n').unwrap();
    let (one, other): (Vec<_>, Vec<_>) = rows.lines().partition(|row| row.contains("SPS30"));
    let mixed = [&[head][..], &one, &other, &[""]].concat().join("\n");
    fs::write(path("mixed.csv"), mixed).unwrap();
    fs::write(path("few.csv"), format!("{head}\n{}\n{}\n", one[0], other[..3].join("\n"))).unwrap();
    for (file, code, said) in [
        ("mixed.csv", 1, "the sensors of a day have to be together"),
        ("few.csv", 0, "it has no limits with fewer than 1000"),
    ] {
        let done = airshed(&["neighbour-limits", &path(file)]).output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{file}");
        assert!(text(&done.stderr).contains(said), "{}", text(&done.stderr));
    }
    fs::write(path("hours.csv"), file.replace(",day,", ",1h,")).unwrap();
    let done = airshed(&["neighbour-limits", &path("hours.csv")]).output().unwrap();
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(1), ""));
}
