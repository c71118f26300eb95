//! A full disk: results stop before the reserve for readings; without a reserve, nothing that was
//! acknowledged is lost, and the server goes on without a restart when there is room.
//!
//! The disk is a small one in memory, in a mount namespace of the daemon's own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airshed::Disk;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::durability::ever_new_feed;

const MIB: u64 = 1 << 20;

/// `airshed serve`, with everything on a disk of its own that has 96 MiB.
struct Serving {
    child: Child,
    log: PathBuf,
    /// The disk, as this process sees it.
    disk: PathBuf,
    base: String,
    fetched: Arc<Mutex<Vec<Timestamp>>>,
    http: reqwest::Client,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for what the daemon does by itself.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::task::yield_now().await;
    }
}

impl Serving {
    /// `log`: in this folder, or on the disk itself.
    async fn start(folder: &Path, log: Option<&str>, reserve: &str) -> Self {
        let mount = folder.join("disk");
        fs::create_dir(&mount).unwrap();
        // 40,000 rows, of which a file in JSON has some 13 MB.
        let row = |n: usize| {
            format!("{n},24h,2026-01-{:02}T{:02}:00:00Z,{}.5,DE\n", n % 20 + 1, n % 24, n % 90)
        };
        let rows: String = (0..40_000).map(row).collect();
        let table = format!("sensor_id,window,timestamp,P1,loc_country\n{rows}");
        fs::write(folder.join("rows.csv"), table).unwrap();
        let log_at = log.map_or_else(|| folder.join("log"), |name| mount.join(name));
        let script = r#"
            mount -t tmpfs -o size=96m tmpfs "$1" && "$4" import "$2" --data "$1/data" >&2 || exit
            log=$3; shift 3; exec "$@" 2>"$log""#;
        let (feed, fetched) = ever_new_feed().await;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
        command.arg(&mount).arg(folder.join("rows.csv")).arg(&log_at);
        command.arg(env!("CARGO_BIN_EXE_airshed"));
        command.args(["serve", "--feed", &feed, "--schedule", "* * * * * *"]);
        command.args(["--listen", "127.0.0.1:0", "--reserve", reserve, "--log-format", "json"]);
        command.arg("--data").arg(mount.join("data"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AIRSHED_")) {
            command.env_remove(name);
        }
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        // Its mounts are seen through its root.
        let seen = PathBuf::from(format!("/proc/{}/root", child.id()));
        let disk = seen.join(mount.strip_prefix("/").unwrap());
        let log = log.map_or(log_at, |name| disk.join(name));
        let listening = until("the start", async || {
            let text = fs::read_to_string(&log).ok()?;
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut lines = lines.map(|line| line["fields"].clone());
            lines.find(|line| line["message"] == "listening")
        });
        let base = listening.await["address"].as_str().unwrap().to_owned();
        Self { child, log, disk, base, fetched, http: reqwest::Client::new() }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn readings(&self) -> u64 {
        let (status, text) = self.get("/api/summary").await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["readings"].as_u64().unwrap()
    }

    /// A question that nobody asked before, as a job.
    async fn job(&self, number: u64) -> (u16, Value) {
        let path = format!(
            "{}/api/query?window=24h&startDate=2026-01-01&endDate=2026-01-31&format=json\
             &columns=all&limit={}",
            self.base,
            500_000 + number
        );
        let answer = self.http.get(path).header("Prefer", "respond-async").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, super::support::json(answer).await)
    }

    /// How a job ends.
    async fn end_of(&self, job: &Value) -> Value {
        let path = format!("{}/status", job["location"].as_str().unwrap());
        until("the end of a job", async || {
            let record: Value = serde_json::from_str(&self.get(&path).await.1).unwrap();
            let is_final = ["done", "failed"].contains(&record["state"].as_str().unwrap());
            is_final.then_some(record)
        })
        .await
    }

    async fn wait_for_new_readings(&self) -> u64 {
        let before = self.readings().await;
        until("a put", async || Some(self.readings().await).filter(|now| *now > before)).await
    }

    fn free(&self) -> u64 {
        Disk::of(&self.disk, Some(0)).unwrap().free().unwrap()
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.disk.join("filler")).unwrap();
        for chunk in [vec![1; 1 << 20], vec![1; 1 << 10], vec![1]] {
            while file.write_all(&chunk).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.disk.join("filler")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_leave_the_reserve_to_readings_also_while_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Serving::start(folder.path(), None, "40MiB").await;
    let mut done = Vec::new();
    let refused = loop {
        let (status, job) = daemon.job(done.len() as u64).await;
        assert_eq!(status, 202, "{job}");
        let record = daemon.end_of(&job).await;
        match record["state"] == "done" {
            true => done.push(job),
            false => break record,
        }
        assert!(done.len() < 7, "more than the disk holds");
    };
    assert!(!done.is_empty(), "{refused}");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("no room on the server's disk"), "{refused}");
    assert_eq!(refused["retryable"], true, "{refused}");
    let half = fs::read_dir(daemon.disk.join("data/results/results")).unwrap();
    assert_eq!(half.count(), done.len(), "the failed job's file is gone");
    assert!(daemon.free() > 40 * MIB - 4 * MIB, "{} are free", daemon.free());
    // The collector stores, and the server is ready.
    daemon.wait_for_new_readings().await;
    assert_eq!(daemon.get("/readyz").await.0, 200);
    let (_, metrics) = daemon.get("/metrics").await;
    let reserve = format!("airshed_disk_reserve_bytes {}", 40 * MIB);
    assert!(metrics.lines().any(|line| line == reserve));
    assert!(metrics.lines().any(|line| line.starts_with("airshed_disk_free_bytes ")));

    // At the reserve, there are no further jobs, until there is room.
    let mut filler = File::create(daemon.disk.join("filler")).unwrap();
    while daemon.free() > 39 * MIB {
        filler.write_all(&[1; 1 << 16]).unwrap();
    }
    let (status, problem) = daemon.job(100).await;
    assert_eq!(status, 503, "{problem}");
    assert_eq!(problem["type"], json!("urn:airshed:problem:no-room"));
    daemon.make_room();
    for job in &done {
        let url = format!("{}{}", daemon.base, job["location"].as_str().unwrap());
        assert!(daemon.http.delete(url).send().await.unwrap().status().is_success());
    }
    let (status, job) = daemon.job(101).await;
    assert_eq!(status, 202, "{job}");
    let record = daemon.end_of(&job).await;
    assert_eq!(record["state"], "done", "{record}");
}

/// Puts, records of jobs, and the log: all meet the end of the disk.
async fn a_full_disk_is_recovered_from(log: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Serving::start(folder.path(), log, "0").await;
    daemon.wait_for_new_readings().await;
    assert_eq!(daemon.get("/readyz").await.0, 200);
    daemon.fill();
    let (status, text) = daemon.get("/readyz").await;
    assert_eq!(status, 503, "the next probe says it: {text}");
    assert!(text.contains("the disk is full"), "{text}");
    // Puts go on until the room within the store's file is used.
    let mut stored = daemon.readings().await;
    let mut fetches = daemon.fetched.lock().unwrap().len();
    until("the failure of puts", async || {
        let fetched = daemon.fetched.lock().unwrap().len();
        let now = daemon.readings().await;
        if now != stored {
            (stored, fetches) = (now, fetched);
        }
        (fetched >= fetches + 4).then_some(())
    })
    .await;
    let (status, problem) = daemon.job(0).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:airshed:problem:no-room")));
    let rows = daemon.get("/api/query?window=24h&startDate=2026-01-01&endDate=2026-01-31").await;
    assert_eq!((rows.0, rows.1.lines().count()), (200, 40_001));
    if log.is_none() {
        let lines = fs::read_to_string(&daemon.log).unwrap().lines().count();
        let fetches = daemon.fetched.lock().unwrap().len();
        assert!(lines <= 4 * fetches + 40, "{lines} lines for {fetches} fetches");
    }

    daemon.make_room();
    until("readiness", async || (daemon.get("/readyz").await.0 == 200).then_some(())).await;
    assert!(daemon.readings().await >= stored, "nothing acknowledged is lost");
    daemon.wait_for_new_readings().await;
    let (status, job) = daemon.job(1).await;
    assert_eq!(status, 202, "{job}");
    assert_eq!(daemon.end_of(&job).await["state"], "done");
    let end = fs::read_to_string(&daemon.log).unwrap();
    let last = end.lines().last().unwrap();
    assert!(last.contains("feed collected") || last.contains("job"), "the log goes on: {last}");
    assert!(!end.contains("panicked"), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_and_jobs_fail_on_a_full_disk_and_go_on_with_room() {
    a_full_disk_is_recovered_from(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_a_full_disk_goes_on_with_room() {
    a_full_disk_is_recovered_from(Some("log")).await;
}
