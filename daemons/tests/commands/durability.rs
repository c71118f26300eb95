//! A process that is killed at any moment has lost nothing that it acknowledged.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::daemon::Daemon;
use super::support::{answer, at, feed_of};

/// Sensors in each feed.
const SENSORS: usize = 3000;

/// Serves another feed at each request: each a second later than the one before.
pub(super) async fn ever_new_feed() -> (String, Arc<Mutex<Vec<Timestamp>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/data.24h.json", listener.local_addr().unwrap());
    let served = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&served);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let timestamp = {
                let mut served = kept.lock().unwrap();
                let next =
                    at("2026-02-01T00:00:00Z") + SignedDuration::from_secs(served.len() as i64);
                served.push(next);
                next
            };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let feed = feed_of(1..SENSORS as u64 + 1, &timestamp.strftime("%F %T").to_string());
            let _ = stream.write_all(answer("200 OK", "", &feed).as_bytes()).await;
        }
    });
    (url, served)
}

/// A limit on the file's size stands for a full disk: writes beyond it fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_put_keeps_what_was_there_and_is_recovered_from() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let limited = "trap '' XFSZ; ulimit -S -f 3000; exec \"$0\" \"$@\"";
    let mut arguments = vec!["demo", "--sensors", "5000", "--history", "30", "--data", &data];
    arguments.extend(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::start_through(&["sh", "-c", limited], &arguments);
    let base = daemon.base();
    let mut stored = 0;
    let failed = loop {
        let line = daemon.wait_for_one_of(&[COLLECTED, FAILED]);
        match line["stored"].as_u64() {
            Some(readings) => stored += readings,
            None => break line,
        }
    };
    let reason = failed["reason"].as_str().unwrap();
    assert!(stored > 0 && reason.contains("no space left on the disk"), "{reason}");
    let http = reqwest::Client::new();
    let kept = async || {
        let url = format!("{base}/api/query?startDate=2000-01-01&endDate=2100-01-01&columns=id");
        let answer = http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap().lines().count() as u64 - 1
    };
    assert_eq!(kept().await, stored);

    let pid = daemon.child.id().to_string();
    let lifted = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid]).status();
    assert!(lifted.unwrap().success());
    stored += daemon.wait_for(COLLECTED)["stored"].as_u64().unwrap();
    assert!(kept().await >= stored);
}

const COLLECTED: &str = "feed collected";
const FAILED: &str = "fetch failed; stored readings are unaffected, retrying";

/// Kills `airshed serve` again and again, at moments drawn evenly over a fetch and the
/// put behind it; `AIRSHED_KILLS` says how often (make soak: 200).
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    let kills: u32 = std::env::var("AIRSHED_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let (feed, served) = ever_new_feed().await;
    let mut acknowledged = Vec::new();
    for kill in 0..kills {
        let first = served.lock().unwrap().len();
        let mut daemon = Daemon::start(&[
            "serve",
            "--feed",
            &feed,
            "--data",
            &data,
            "--listen",
            "127.0.0.1:0",
            "--schedule",
            "* * * * * *",
        ]);
        daemon.wait_for("listening");
        let moment = if kill % 4 == 0 {
            // Right after it was acknowledged.
            daemon.wait_for(COLLECTED);
            acknowledged.push(served.lock().unwrap()[first]);
            Duration::ZERO
        } else {
            Duration::from_millis(u64::from(kill) * 37 % 450)
        };
        tokio::time::sleep(moment).await;
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
        // What the log still holds was acknowledged before the kill.
        let mut next = first + usize::from(kill % 4 == 0);
        while daemon.wait_within(&[COLLECTED], Duration::from_millis(50)).is_some() {
            acknowledged.push(served.lock().unwrap()[next]);
            next += 1;
        }

        let export = Command::new(env!("CARGO_BIN_EXE_airshed"))
            .args(["export", "--data", &data, "--columns", "timestamp,sensor_id"])
            .output()
            .unwrap();
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        let mut rows: BTreeMap<Timestamp, usize> = BTreeMap::new();
        for line in String::from_utf8(export.stdout).unwrap().lines().skip(1) {
            let timestamp = line.split(',').next().unwrap();
            *rows.entry(at(timestamp)).or_default() += 1;
        }
        for timestamp in &acknowledged {
            assert_eq!(rows.get(timestamp), Some(&SENSORS), "kill {kill}: lost {timestamp}");
        }
        for (timestamp, count) in rows {
            assert_eq!(count, SENSORS, "kill {kill}: half of {timestamp}");
        }
    }
    assert!(acknowledged.len() as u32 >= kills / 4, "the test must have put something");
}
