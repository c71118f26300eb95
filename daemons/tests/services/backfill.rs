//! Backfills into a table: paced, in the order of keys, and continued after a kill.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use super::aws::{ends_well, on};
use super::daemon::{Daemon, airshed};
use super::emulator::Emulator;
use super::proxy::{self, Faults, Write};

const STORE: [&str; 2] = ["--store", "dynamodb:QualityAirTable"];

/// So many that a day needs more calls than are made at once.
const SENSORS: u32 = 10;
const DAYS: u32 = 3;

/// The readings of a day: hours, 24 hours and the day.
const OF_DAY: usize = SENSORS as usize * (24 + 24 + 1);

fn archive(folder: &Path) {
    for day in 1..=DAYS {
        for sensor in 1..=SENSORS {
            let mut rows = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n".to_owned();
            for sample in 0..576 {
                let (hour, minute, second) = (sample / 24, sample % 24 * 5 / 2, sample % 2 * 30);
                rows += &format!(
                    "{sensor};SDS011;9;50.1;8.7;2021-02-{day:02}T{hour:02}:{minute:02}:{second:02};{};{}\n",
                    (sensor * 7 + sample) % 90,
                    (sample + day) % 40,
                );
            }
            let name = format!("2021-02-{day:02}_sds011_sensor_{sensor}.csv");
            std::fs::write(folder.join(name), rows).unwrap();
        }
    }
}

/// The units that were consumed were allowed at each moment, but for the first calls, whose items are
/// not known yet, and for a second in which the first of them may have been on its way.
fn is_paced(writes: &[Write], units_per_second: f64) {
    let first = writes.first().unwrap().at;
    let mut consumed = 0.0;
    for write in writes {
        let allowed = (write.at.duration_since(first).as_secs_f64() + 1.0) * units_per_second;
        assert!(consumed <= allowed, "{consumed} of {allowed} units");
        consumed += write.units;
    }
}

/// The items of a day come in the order of keys, within calls and from call to call.
fn is_in_order(writes: &[Write]) {
    let items: usize = writes.iter().map(|write| write.keys.len()).sum();
    assert_eq!(items % OF_DAY, 0, "{items} items");
    assert!(writes.iter().all(|write| write.keys.is_sorted()));
    let mut sorted: Vec<_> = writes.iter().map(|write| &write.keys).collect();
    sorted.sort();
    assert!(sorted.windows(2).all(|two| two[0].last() < two[1].first()), "calls overlap");
    // Sixteen calls are made at once.
    for (earlier, later) in writes.iter().zip(writes.iter().skip(16)) {
        assert!(earlier.keys.first() < later.keys.first());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_into_a_table_is_paced_and_continues_after_a_kill() {
    const UNITS: u32 = 250;
    let emulator = Emulator::dynalite();
    let faults = Arc::new(Faults::default());
    let endpoint = proxy::start(emulator.url(), Arc::clone(&faults)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("archive")).unwrap();
    archive(&path.join("archive"));
    let from_to = ["backfill", "archive", "--from", "2021-02-01", "--to", "2021-02-03"];
    let windows = ["--window", "1h,24h,day", "--data", "data"];

    let mut whole =
        airshed(&[&from_to[..], &["--window", "1h,24h,day", "--data", "whole"]].concat());
    whole.current_dir(path).stderr(Stdio::null());
    assert!(whole.status().unwrap().success());
    let mut export = airshed(&["export", "--data", "whole"]);
    let whole = ends_well({
        export.current_dir(path);
        export
    });
    assert_eq!(whole.lines().count(), 1 + DAYS as usize * OF_DAY);

    ends_well(on(&endpoint, &[&["provision", "tables", "--queue", "channel:", "--no-recovery"]]));
    let units = UNITS.to_string();
    let backfill = || {
        let mut command = on(&endpoint, &[&from_to, &windows, &STORE, &["--capacity", &units]]);
        command.current_dir(path).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    // Killed within the first day, and after it.
    for until in ["", "day backfilled"] {
        let mut daemon = Daemon::spawn(backfill());
        match until {
            "" => {
                while faults.writes() < 5 {
                    assert!(daemon.child.try_wait().unwrap().is_none());
                    tokio::task::yield_now().await;
                }
            }
            message => drop(daemon.wait_for(message)),
        }
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
        is_paced(&faults.take_writes(), UNITS.into());
    }
    ends_well(backfill());
    let writes = faults.take_writes();
    is_paced(&writes, UNITS.into());
    is_in_order(&writes);
    let mut export = on(&endpoint, &[&["export"], &STORE]);
    export.current_dir(path);
    assert!(ends_well(export) == whole, "another export");
}
