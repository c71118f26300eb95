//! The binary under a clock that is wrong (faketime).

use std::fs;
use std::process::{Command, Output};

use super::daemon::airshed;
use super::support::feed_of;

fn at(home: &tempfile::TempDir, shift: &str, arguments: &[&str]) -> Output {
    let direct = airshed(arguments);
    let mut command = Command::new("faketime");
    command.args(["-f", shift]).arg(direct.get_program()).args(direct.get_args());
    for (name, _) in direct.get_envs() {
        command.env_remove(name);
    }
    command.current_dir(home.path()).output().unwrap()
}

#[test]
fn a_wrong_clock_deletes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::now();
    for age in [1, 20, 40] {
        let time = now - jiff::SignedDuration::from_hours(24 * age);
        let feed =
            feed_of(age as u64..age as u64 + 3, &time.strftime("%Y-%m-%d %H:%M:%S").to_string());
        fs::write(home.path().join("data.24h.json"), feed).unwrap();
        let collected = at(&home, "+0d", &["collect", "--once", "--feed", "file:data.24h.json"]);
        assert!(collected.status.success(), "{collected:?}");
    }
    // The feed of yesterday, by a clock that is more than a year ahead, and by one that is behind.
    let feed = feed_of(
        1..4,
        &(now - jiff::SignedDuration::from_hours(24)).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    fs::write(home.path().join("data.24h.json"), feed).unwrap();
    let collect = ["collect", "--once", "--feed", "file:data.24h.json", "--keep-readings", "30"];
    let rows = || {
        let exported = at(&home, "+0d", &["export", "--columns", "sensor_id"]);
        String::from_utf8(exported.stdout).unwrap().lines().count() - 1
    };
    let behind = at(&home, "-400d", &collect);
    assert!(!behind.status.success(), "its records are dated in the future: {behind:?}");
    assert_eq!(rows(), 9);
    let ahead = at(&home, "+400d", &collect);
    assert!(ahead.status.success(), "{ahead:?}");
    assert_eq!(rows(), 6, "those of 40 days ago");
}
