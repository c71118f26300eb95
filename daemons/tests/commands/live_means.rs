//! A five-minute feed as its users collect it: beside another feed, and killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::daemon::{Daemon, airshed, text};
use super::support::feed_of;

const PATIENCE: Duration = Duration::from_secs(30);

/// The same samples as a feed and as the files of an archive: of two sensors on the last two days
/// that have ended.
fn write_samples(folder: &Path) {
    let mut records = Vec::new();
    fs::create_dir(folder.join("archive")).unwrap();
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    for (day, sensor) in (1..=2).flat_map(|day| [(day, 1u32), (day, 2)]) {
        let date = today.checked_sub(day.days()).unwrap();
        let mut rows = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n".to_owned();
        for sample in (0..576).filter(|sample| (sample / 24 + sensor) % 9 > 0) {
            let (hour, minute, second) = (sample / 24, sample * 150 / 60 % 60, sample * 150 % 60);
            let time = format!("{hour:02}:{minute:02}:{second:02}");
            let (pm10, pm25) = ((sensor * 7 + sample * sample) % 90, sample % 40);
            rows += &format!("{sensor};SDS011;9;50.1;8.7;{date}T{time};{pm10}.25;{pm25}\n");
            records.push(format!(
                r#"{{"timestamp":"{date} {time}","location":{{"id":9,"latitude":"50.1",
                "longitude":"8.7","country":"DE","indoor":0}},"sensor":{{"id":{sensor},
                "sensor_type":{{"name":"SDS011"}}}},"sensordatavalues":[
                {{"value_type":"P1","value":"{pm10}.25"}},{{"value_type":"P2","value":"{pm25}"}}]}}"#
            ));
        }
        let name = format!("archive/{date}_sds011_sensor_{sensor}.csv");
        fs::write(folder.join(name), rows).unwrap();
    }
    fs::write(folder.join("data.json"), format!("[{}]", records.join(","))).unwrap();
}

/// All but the samples.
fn means(folder: &Path, data: &str) -> Vec<String> {
    let done = airshed(&["export", "--data", data]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let rows = text(&done.stdout).lines().filter(|row| !row.contains(",5min,"));
    rows.map(str::to_owned).collect()
}

fn collect(folder: &Path, arguments: &[&str]) -> Command {
    let mut collect = airshed(&["collect", "--feed", "file:data.json"]);
    collect.args(["--log", "debug"]).args(arguments).current_dir(folder).stdin(Stdio::null());
    collect
}

/// `AIRSHED_KILLS` says how often (make soak: 200).
#[test]
fn a_killed_collector_continues_and_ends_with_the_rows_of_a_backfill() {
    let kills: u64 = std::env::var("AIRSHED_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_samples(path);
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let from = today.checked_sub(5.days()).unwrap().to_string();
    let mut backfill = airshed(&["backfill", "archive", "--from", &from]);
    backfill.args(["--to", &today.to_string(), "--window", "1h,24h,day", "--data", "whole"]);
    let done = backfill.current_dir(path).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let whole = means(path, "whole");
    assert!(whole.len() > 150, "{}", whole.len());
    for kill in 0..kills {
        if kill % 4 == 0 {
            let _ = fs::remove_dir_all(path.join("data"));
        }
        let mut daemon = Daemon::spawn(collect(path, &[]));
        daemon.wait_for("fetching the feed");
        // At once, or after the means of so many hours.
        for _ in 0..(kill * 13) % 40 {
            let ended = daemon.wait_within(&["means stored", "feed collected"], PATIENCE).unwrap();
            if ended["message"] == "feed collected" {
                break;
            }
        }
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
        if kill % 4 == 3 || kill + 1 == kills {
            // Another process stored the samples, the next one makes the means.
            let once = collect(path, &["--once"]).output().unwrap();
            assert!(once.status.success(), "{}", text(&once.stderr));
            let daemon = Daemon::spawn(collect(path, &[]));
            daemon.wait_for("no means of earlier days are missing");
            assert!(means(path, "data") == whole, "kill {kill}");
        }
    }
}

#[test]
fn several_feeds_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let recent = Timestamp::now() - SignedDuration::from_mins(75);
    let time = recent.strftime("%Y-%m-%d %H:%M:%S").to_string();
    fs::write(path.join("data.24h.json"), feed_of(1..4, &time)).unwrap();
    fs::write(path.join("own.json"), feed_of(1..3, &time)).unwrap();
    let mut serve = airshed(&["serve", "--feed", "file:data.24h.json"]);
    serve.args(["--feed", "5min=file:own.json", "--listen", "127.0.0.1:0"]);
    serve.current_dir(path).stdin(Stdio::null());
    let server = Daemon::spawn(serve);
    for _ in 0..2 {
        server.wait_for("feed collected");
    }
    let export = ["export", "--data", "data", "--columns", "window,sensor_id"];
    let rows = airshed(&export).current_dir(path).output().unwrap();
    let mut rows: Vec<_> = text(&rows.stdout).lines().skip(1).collect();
    rows.sort_unstable();
    assert_eq!(rows, ["1h,1", "1h,2", "24h,1", "24h,2", "24h,3", "5min,1", "5min,2"]);
    // The same by a variable, once.
    let mut once = airshed(&["collect", "--once", "--data", "once"]);
    once.env("AIRSHED_FEED", "file:data.24h.json;5min=file:own.json").current_dir(path);
    let once = once.stdin(Stdio::null()).output().unwrap();
    assert!(once.status.success(), "{}", text(&once.stderr));
    let export = ["export", "--data", "once", "--columns", "window"];
    let rows = airshed(&export).current_dir(path).output().unwrap();
    assert_eq!(text(&rows.stdout).lines().count(), 1 + 5);
}
