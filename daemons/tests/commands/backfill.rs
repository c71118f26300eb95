//! `airshed backfill` as its users run it: killed, and beside a server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::{Daemon, airshed, text};
use super::support::feed_of;

const DAYS: u32 = 10;

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with the files of a few sensors.
fn archive(folder: &Path) {
    for day in 1..=DAYS {
        let of_day = folder.join(format!("archive/2021-02-{day:02}"));
        fs::create_dir_all(&of_day).unwrap();
        for sensor in 1..=5 {
            let mut rows = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n".to_owned();
            for sample in (0..576).filter(|sample| (sample / 24 + sensor + day) % 9 > 0) {
                let (hour, minute, second) =
                    (sample / 24, sample * 150 / 60 % 60, sample * 150 % 60);
                let value = (sensor * 7 + sample * day) % 90;
                rows += &format!(
                    "{sensor};SDS011;9;50.1;8.7;2021-02-{day:02}T{hour:02}:{minute:02}:{second:02};{value}.25;{}\n",
                    value / 2
                );
            }
            fs::write(of_day.join(format!("2021-02-{day:02}_sds011_sensor_{sensor}.csv")), rows)
                .unwrap();
        }
    }
}

fn backfill(folder: &Path, data: &str) -> Command {
    let mut command =
        airshed(&["backfill", "archive", "--from", "2021-02-01", "--to", "2021-02-28"]);
    command.args(["--window", "1h,24h,day", "--data", data]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn export(folder: &Path, data: &str) -> String {
    let done = airshed(&["export", "--data", data]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// `AIRSHED_KILLS` says how often (make soak: 200).
#[test]
fn a_killed_backfill_continues_and_ends_with_the_same_readings() {
    let kills: u64 = std::env::var("AIRSHED_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    archive(path);
    let whole = backfill(path, "whole").output().unwrap();
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    let message = text(&whole.stderr);
    assert!(
        message.contains("10 days, 50 files, ") && message.contains("18 days have no files"),
        "{message}"
    );
    let last = message.lines().rfind(|line| line.contains("day backfilled")).unwrap();
    assert!(last.contains("day=10 of_days=28 seconds_left="), "{last}");
    let whole = export(path, "whole");
    assert!(whole.lines().count() as u32 > DAYS * 5 * 40, "{}", whole.lines().count());
    let mut killed = 0;
    for kill in 0..kills {
        if killed == 0 {
            let _ = fs::remove_dir_all(path.join("data"));
        }
        // While it starts, or in the day after so many.
        let mut daemon = Daemon::spawn(backfill(path, "data"));
        for _ in 0..kill % 5 {
            if daemon.wait_within(&["day backfilled"], PATIENCE).is_none() {
                break; // it was the last
            }
        }
        daemon.child.kill().unwrap();
        killed += 1;
        // A few kills for each backfill.
        let is_last = killed == 4 || kill + 1 == kills;
        daemon.child.wait().unwrap();
        if is_last {
            let done = backfill(path, "data").output().unwrap();
            assert!(done.status.success(), "kill {kill}: {}", text(&done.stderr));
            assert!(export(path, "data") == whole, "kill {kill}");
            killed = 0;
        }
    }
}

/// A limit on the size of files stands for a full disk.
#[test]
fn copies_that_have_no_space_end_a_backfill_with_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
            while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = "x".repeat(100_000);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n";
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let limited = "trap '' XFSZ; ulimit -S -f 20; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_airshed"), "backfill", &url]);
    command.args(["--from", "2021-02-01", "--to", "2021-02-01", "--copies", "copies"]);
    let done = command.current_dir(folder.path()).output().unwrap();
    let message = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{message}");
    assert!(
        message.contains("cannot keep copies in copies: no space left on the disk"),
        "{message}"
    );
    let mut left = fs::read_dir(folder.path().join("copies/2021-02-01")).unwrap();
    assert!(left.next().is_none(), "nothing half-written is left");
}

/// Through the server's socket, while it collects.
#[test]
fn a_backfill_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    archive(path);
    assert!(backfill(path, "whole").output().unwrap().status.success());
    fs::write(path.join("data.24h.json"), feed_of(100..103, "2026-02-01 11:00:00")).unwrap();
    let mut serve = airshed(&["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"]);
    serve.args(["--schedule", "* * * * * *"]).current_dir(path).stdin(Stdio::null());
    let server = Daemon::spawn(serve);
    server.wait_for("feed collected");
    let done = backfill(path, "data").output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let rows = export(path, "data");
    let past: Vec<_> = rows.lines().filter(|row| !row.contains(",2026-")).collect();
    assert_eq!(past, export(path, "whole").lines().collect::<Vec<_>>());
    assert_eq!(rows.lines().count(), past.len() + 3);
    // Some sensors, beside what the server has.
    let mut some = backfill(path, "data");
    let done = some.args(["--sensor", "1,2"]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("10 days, 20 files, "), "{}", text(&done.stderr));
    assert!(export(path, "data") == rows);
}

/// What was missed while it was not running, each day once.
#[test]
fn a_server_catches_up_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    archive(path);
    assert!(backfill(path, "whole").output().unwrap().status.success());
    fs::write(path.join("data.24h.json"), "[]").unwrap();
    let serve = || {
        let mut serve = airshed(&["serve", "--feed", "file:data.24h.json"]);
        serve.args(["--listen", "127.0.0.1:0", "--catch-up", "4000", "--archive", "archive"]);
        serve.current_dir(path).stdin(Stdio::null());
        Daemon::spawn(serve)
    };
    let mut server = serve();
    assert_eq!(server.wait_for("caught up")["days"], DAYS);
    assert!(export(path, "data") == export(path, "whole"));
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    // A day that came since.
    let before = path.join("archive/2021-02-10");
    let later = path.join("archive/2021-02-11");
    fs::create_dir(&later).unwrap();
    let name = |day: u32| format!("2021-02-{day}_sds011_sensor_1.csv");
    let rows = fs::read_to_string(before.join(name(10))).unwrap();
    fs::write(later.join(name(11)), rows.replace("2021-02-10T", "2021-02-11T")).unwrap();
    assert_eq!(serve().wait_for("caught up")["days"], 1);
}

/// What a server would delete again is neither put nor caught up with.
#[test]
fn days_that_a_server_does_not_keep_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    archive(path);
    // A day that is kept.
    let kept = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(5 * 24);
    let kept = kept.strftime("%Y-%m-%d").to_string();
    let rows = fs::read_to_string(path.join("archive/2021-02-10/2021-02-10_sds011_sensor_1.csv"));
    fs::create_dir(path.join("archive").join(&kept)).unwrap();
    fs::write(
        path.join(format!("archive/{kept}/{kept}_sds011_sensor_1.csv")),
        rows.unwrap().replace("2021-02-10T", &format!("{kept}T")),
    )
    .unwrap();
    fs::write(path.join("data.24h.json"), "[]").unwrap();
    let mut serve = airshed(&["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"]);
    serve.args(["--keep-readings", "30", "--catch-up", "4000", "--archive", "archive"]);
    serve.current_dir(path).stdin(Stdio::null());
    let server = Daemon::spawn(serve);
    assert_eq!(server.wait_for("caught up")["days"], 1);
    let stored = export(path, "data");
    assert!(stored.lines().skip(1).all(|row| !row.contains("2021-")), "{stored}");

    let refused = backfill(path, "data").output().unwrap();
    let message = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    let first = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(30 * 24);
    for words in [
        "--from 2021-02-01: the process that has the store open keeps readings for 30 days"
            .to_owned(),
        format!("use --from {} or later", first.strftime("%Y-%m-%d")),
    ] {
        assert!(message.contains(&words), "{message}");
    }
    assert!(export(path, "data") == stored);
    let mut command =
        airshed(&["backfill", "archive", "--from", &kept, "--to", &kept, "--data", "data"]);
    let done = command.current_dir(path).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
}
