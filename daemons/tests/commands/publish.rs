//! `publish`: the days of a store as files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::daemon::{Daemon, airshed, text};

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = airshed(arguments);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// The files below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn days_are_published_alone_and_beside_a_server_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = "sensor_id,window,timestamp,P1,P2,loc_country\n\
                7,1h,2026-01-05T00:00:00Z,51,20,DE\n\
                7,1h,2026-01-05T23:00:00Z,51,20,DE\n\
                8,1h,2026-01-06T00:00:00Z,5,2,DE\n\
                7,day,2026-01-06T00:00:00Z,50,21,DE\n";
    fs::write(path.join("rows.csv"), rows).unwrap();
    let imported = run(path, &["import", "rows.csv"]);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let days = ["--from", "2026-01-01", "--to", "2026-01-31"];
    let done = run(path, &[&["publish", "alone"], &days[..]].concat());
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("3 files with 4 readings"), "{}", text(&done.stderr));
    let alone = files(&path.join("alone"));
    let names: Vec<_> = alone.keys().map(String::as_str).collect();
    let expected = [
        "sensor.community/1h/2026-01-05.parquet",
        "sensor.community/1h/2026-01-06.parquet",
        "sensor.community/day/2026-01-05.parquet",
    ];
    assert_eq!(names, expected);
    assert!(alone.values().all(|file| file.starts_with(b"PAR1") && file.ends_with(b"PAR1")));

    // The same again, and while a server has the store open; it serves the same bytes.
    let mut server = airshed(&["server", "--listen", "127.0.0.1:0"]);
    server.current_dir(path).stdin(Stdio::null());
    let server = Daemon::spawn(server);
    let base = server.base();
    for target in ["alone", "beside"] {
        let done = run(path, &[&["publish", target], &days[..]].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert_eq!(files(&path.join(target)), alone, "{target}");
    }
    for (name, file) in &alone {
        let served = Command::new("curl").args(["-sf", &format!("{base}/data/{name}")]).output();
        assert!(served.unwrap().stdout == *file, "{name}");
    }

    for (wrong, says) in [
        (&["--from", "2099-01-01"][..], "is after yesterday (UTC)"),
        (&["--from", "2026-01-05", "--to", "2026-01-04"], "2026-01-05 is after --to, 2026-01-04"),
        (&["--from", "2026-01-01", "--to", "2099-01-01"], "has not ended"),
        (&["--from", "2026-01-01", "--window", "nowcast"], "is not stored"),
    ] {
        let refused = run(path, &[&["publish", "wrong"], wrong].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
        assert!(text(&refused.stderr).contains(says), "{wrong:?}: {}", text(&refused.stderr));
    }
    assert!(!path.join("wrong").exists());
}

#[test]
fn publish_says_when_there_is_nothing_or_nobody_to_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let publish = |target: &str, more: &[&str]| {
        let done = run(path, &[&["publish", target, "--from", "0001-01-01"], more].concat());
        (done.status.success(), text(&done.stderr).to_owned())
    };
    let (published, says) = publish("out", &[]);
    assert!(!published && says.contains("there is no store at"), "{says}");
    assert!(!path.join("out").exists());

    let rows = "network,sensor_id,window,timestamp,P1\nmy-school,7,1h,2026-01-05T00:00:00Z,51\n";
    fs::write(path.join("rows.csv"), rows).unwrap();
    assert!(run(path, &["import", "rows.csv"]).status.success());
    // Two thousand years, of which it looks at two days.
    let (published, says) = publish("file:out", &["--network", "my-school"]);
    assert!(published && says.contains("1 files with 1 readings"), "{says}");
    assert!(says.contains("the terms of my-school are not known"), "{says}");
    assert_eq!(files(&path.join("out")).len(), 1);
    let terms = ["--network", "my-school", "--network-terms", "my-school=Our School, CC BY 4.0"];
    let (published, says) = publish("out", &terms);
    assert!(published && !says.contains("terms"), "{says}");
    let (published, says) = publish("none", &["--window", "day"]);
    let nothing = "there are no readings of sensor.community (day) on these days";
    assert!(published && says.contains(nothing), "{says}");
    let (published, says) = publish("rows.csv", &["--network", "my-school"]);
    assert!(!published && says.contains("cannot create the folder rows.csv"), "{says}");
}
