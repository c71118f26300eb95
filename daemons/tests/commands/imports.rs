//! Imports beside each other, and beside a server that is killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::daemon::{Daemon, airshed, text};

/// Rows of a number of sensors of one hour.
fn rows(sensors: std::ops::Range<u32>) -> String {
    let mut rows = "sensor_id,window,timestamp,P1,P2\n".to_owned();
    sensors.for_each(|sensor| rows += &format!("{sensor},24h,2026-02-01T09:00:00Z,51,20\n"));
    rows
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = airshed(arguments);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn stored(folder: &Path) -> usize {
    let exported = command(folder, &["export", "--columns", "sensor_id"]).output().unwrap();
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    text(&exported.stdout).lines().count() - 1
}

/// One of them opens the store, the others use it through that one, which ends first or last.
#[test]
fn imports_at_once_are_all_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for turn in 0..4 {
        let _ = fs::remove_dir_all(path.join("data"));
        let imports: Vec<_> = (0..3)
            .map(|number| {
                let name = format!("{number}.csv");
                let first = number * 30_000;
                fs::write(path.join(&name), rows(first..first + 30_000 - turn * 9000)).unwrap();
                command(path, &["import", &name]).spawn().unwrap()
            })
            .collect();
        for import in imports {
            let done = import.wait_with_output().unwrap();
            assert!(done.status.success(), "turn {turn}: {}", text(&done.stderr));
        }
        assert_eq!(stored(path), 3 * (30_000 - turn as usize * 9000), "turn {turn}");
    }
}

/// An import goes on by itself when the server is killed, and an export into a file begins anew.
#[test]
fn an_import_survives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("rows.csv"), rows(0..75_000)).unwrap();
    for turn in 0..6 {
        let _ = fs::remove_dir_all(path.join("data"));
        let mut server = airshed(&["server", "--listen", "127.0.0.1:0"]);
        server.current_dir(path).stdin(Stdio::null());
        let mut server = Daemon::spawn(server);
        server.wait_for("listening");
        let import = command(path, &["import", "rows.csv"]).spawn().unwrap();
        // After a batch that differs from turn to turn.
        for _ in 0..turn % 3 {
            server.wait_for("imported through the control socket");
        }
        server.signal(if turn < 3 { "-KILL" } else { "-TERM" });
        server.child.wait().unwrap();
        let done = import.wait_with_output().unwrap();
        assert!(done.status.success(), "turn {turn}: {}", text(&done.stderr));
        assert_eq!(stored(path), 75_000, "turn {turn}");
    }
}
