//! Every `airshed` and `curl` line of the README, run as it stands there: against the demo, an
//! emulator of AWS, or a folder of its own. Ports are free ones instead of 8501.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::daemon::{Daemon, airshed};
use super::emulator::Emulator;
use super::support::{feed_of, readings};

const README: &str = include_str!("../../../README.md");

/// A line, and what was exported before it.
struct Line {
    text: String,
    exported: HashMap<String, String>,
}

/// The commands of the README, those that go on over a line's end in one.
fn lines() -> Vec<Line> {
    let joined = README.replace(" \\\n      ", " ");
    let mut exported = HashMap::new();
    let mut found = Vec::new();
    for line in joined.lines().filter_map(|line| line.strip_prefix("    ")) {
        let line = line.trim_start_matches("$ ");
        if let Some(variables) = line.strip_prefix("export ") {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            exported.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        } else if line.starts_with("airshed ") || line.starts_with("curl ") {
            found.push(Line { text: line.to_owned(), exported: exported.clone() });
        }
    }
    found
}

/// The lines that begin with one of these, in the README's order.
fn beginning_with(starts: &[&str]) -> Vec<Line> {
    let begins = |line: &Line| starts.iter().any(|start| line.text.starts_with(start));
    lines().into_iter().filter(begins).collect()
}

/// By a shell, in a folder, with this binary as `airshed`.
fn shell(line: &str, folder: &Path) -> Command {
    let program = airshed(&[]).get_program().to_owned();
    let bin = Path::new(&program).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AIRSHED_")) {
        command.env_remove(name);
    }
    command.env("PATH", format!("{}:{path}", bin.display()));
    command
}

fn ends_well(line: &str, command: &mut Command) -> Output {
    let done = command.output().unwrap();
    let message = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "`{line}` ended with {}: {message}", done.status);
    done
}

/// Starts a line that goes on until it is stopped, and waits for `ready` in its log.
fn runs_until_ready(line: &str, mut command: Command, ready: &str) {
    command.env("AIRSHED_LOG_FORMAT", "json");
    let mut daemon = Daemon::spawn(command);
    daemon.wait_for(ready);
    daemon.signal("-TERM");
    let deadline = Instant::now() + Duration::from_secs(20);
    let ended = loop {
        match daemon.child.try_wait().unwrap() {
            Some(ended) => break ended,
            None if Instant::now() > deadline => panic!("`{line}` does not stop"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(ended.success(), "`{line}` ended with {ended}");
}

/// Each of these starts is run by one of the tests below.
const RUN: [&str; 14] = [
    "curl -G http://127.0.0.1:8501/api/query ",
    "airshed serve --contact ",
    "airshed cost ",
    "airshed provision up ",
    "airshed provision status",
    "airshed provision down ",
    "airshed provision tables",
    "airshed collect --contact ",
    "airshed server",
    "airshed worker",
    "airshed loadtest http://127.0.0.1:8501 ",
    "airshed index ",
    "airshed backfill ",
    "airshed publish ",
];
const FILES: [&str; 2] = ["airshed export ", "airshed import "];

#[test]
fn every_line_is_run_by_a_test() {
    let lines = lines();
    assert!(lines.len() >= 15, "{}", lines.len());
    for Line { text, .. } in lines {
        let known = RUN.iter().chain(&FILES).any(|start| text.starts_with(start));
        assert!(known, "no test here runs `{text}`");
    }
}

/// From a folder in the place of the network's archive.
#[test]
fn past_readings() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n\
                7;SDS011;9;50.1;8.7;2026-01-05T10:00:01;8.25;4\n";
    fs::create_dir(folder.path().join("archive")).unwrap();
    fs::write(folder.path().join("archive/2026-01-05_sds011_sensor_7.csv"), rows).unwrap();
    let lines = beginning_with(&["airshed backfill "]);
    assert_eq!(lines.len(), 1);
    for Line { text, .. } in lines {
        let done = ends_well(&text, shell(&text, folder.path()).env("AIRSHED_ARCHIVE", "archive"));
        let message = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(message.contains("1 days, 1 files, 1 rows: 1 averaged"), "{message}");
    }
}

#[test]
fn days_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "sensor_id,window,timestamp,P1,P2\n7,1h,2026-01-05T10:00:00Z,8.25,4\n";
    fs::write(folder.path().join("rows.csv"), rows).unwrap();
    ends_well("import", &mut shell("airshed import rows.csv", folder.path()));
    for Line { text, .. } in beginning_with(&["airshed publish "]) {
        let done = ends_well(&text, &mut shell(&text, folder.path()));
        let message = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(message.contains("1 files with 1 readings"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_to_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    // The whole network: of some thousand sensors none may be high at this hour.
    let demo = Daemon::start(&["demo", "--listen", "127.0.0.1:0", "--history", "6"]);
    let feed = demo.wait_for("simulated network")["feed"].as_str().unwrap().to_owned();
    let base = demo.base();
    let port = base.rsplit(':').next().unwrap();
    let ready = || async {
        let answer = reqwest::get(format!("{base}/readyz")).await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    while !ready().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..=6 {
        demo.wait_for("feed collected");
    }
    for Line { text, .. } in beginning_with(&["curl ", "airshed loadtest "]) {
        let line = text.replace(":8501", &format!(":{port}"));
        let done = ends_well(&text, &mut shell(&line, folder.path()));
        let message = String::from_utf8_lossy(&done.stdout);
        match text.starts_with("curl") {
            true => assert!(message.starts_with("id,timestamp,P1,P2,"), "{message}"),
            false => assert!(message.contains("Success count: 2500"), "{message}"),
        }
    }
    let origin = feed.split("/static/").next().unwrap();
    // For sensors of one's own.
    fs::write(folder.path().join("tokens.txt"), "a-long-random-token esp8266-1234567\n").unwrap();
    let places = "board,latitude,longitude\nesp8266-1234567,50.11,8.68\n";
    fs::write(folder.path().join("places.csv"), places).unwrap();
    for Line { text, .. } in beginning_with(&["airshed serve "]) {
        let here = text.replace("https://data.sensor.community", origin);
        let mut serve = shell(&format!("exec {here}"), folder.path());
        serve.env("AIRSHED_FEED", &feed).env("AIRSHED_LISTEN", "127.0.0.1:0");
        runs_until_ready(&text, serve, "feed collected");
    }
}

#[test]
fn what_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for Line { text, .. } in beginning_with(&["airshed cost ", "airshed index "]) {
        assert!(!ends_well(&text, &mut shell(&text, folder.path())).stdout.is_empty());
    }
}

#[tokio::test]
async fn files_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let options = store::Options::default();
    let store = store::Embedded::open(data.join("readings.redb"), options).unwrap();
    store::Store::put(&store, &readings(300)).await.unwrap();
    drop(store);
    for Line { text, .. } in beginning_with(&FILES) {
        ends_well(&text, &mut shell(&text, folder.path()));
    }
    assert!(folder.path().join("germany.parquet").exists());
    let copy = folder.path().join("elsewhere/readings.redb");
    let copy = store::Embedded::open(copy, store::Options::default()).unwrap();
    assert_eq!(store::View::summary(&copy).await.unwrap().readings(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_emulator_of_aws() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::ministack();
    let feed = folder.path().join("data.24h.json");
    std::fs::write(&feed, feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    let on_emulator = |line: &str, exported: &HashMap<String, String>| {
        let mut command = shell(line, folder.path());
        command.envs(exported).env("AWS_ENDPOINT_URL", emulator.url());
        command.env("AWS_REGION", "eu-west-2");
        command.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
        command.env("AIRSHED_FEED", format!("file:{}", feed.display()));
        command.env("AIRSHED_LISTEN", "127.0.0.1:0");
        command
    };
    let starts = ["airshed provision", "airshed collect", "airshed server", "airshed worker"];
    for Line { text, exported } in beginning_with(&starts) {
        let started = [("airshed collect", "feed collected"), ("airshed server", "listening")];
        let started = started.into_iter().chain([("airshed worker", "worker started")]);
        let ready = started.into_iter().find(|(start, _)| text.starts_with(start));
        if let Some((_, ready)) = ready {
            let command = on_emulator(&format!("exec {text}"), &exported);
            runs_until_ready(&text, command, ready);
            continue;
        }
        // As the README says of emulators.
        let needed = [("airshed provision up", " --balancer")];
        let needed =
            needed.into_iter().chain([("airshed provision status", " --without-machines")]);
        let more = needed.into_iter().find(|(start, _)| text.starts_with(start));
        let more = more.map_or("", |(_, flag)| flag);
        ends_well(&text, &mut on_emulator(&format!("{text}{more}"), &exported));
    }
}
