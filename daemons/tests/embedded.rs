//! The binary without any feature: what it can do on embedded parts, and what it says of the
//! rest. `cargo test --package airshed --no-default-features --test embedded`
#![cfg(not(any(
    feature = "aws",
    feature = "columnar",
    feature = "import",
    feature = "loadtest",
    feature = "otlp",
    feature = "tls"
)))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const FEED: &str = r#"[{"id":7,"timestamp":"2026-02-01 11:00:00",
    "sensor":{"id":28842,"sensor_type":{"name":"SDS011","manufacturer":"Nova Fitness"}},
    "location":{"id":9,"latitude":"48.8","longitude":"9.0","altitude":"300","country":"DE","exact_location":0,"indoor":0},
    "sensordatavalues":[{"value_type":"P1","value":"20.5"},{"value_type":"P2","value":"11.5"}]}]"#;

fn airshed(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airshed"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AIRSHED_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder);
    command
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ends_well(folder: &Path, arguments: &[&str]) -> String {
    let output = airshed(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", message(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_was_left_out_is_said_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let aws = "built without AWS (feature `aws`)";
    for (arguments, says) in [
        (&["provision", "up", "--contact", "x"][..], aws),
        (&["provision"], aws),
        (&["cost", "--queries", "5000"], aws),
        (&["serve", "--contact", "x", "--store", "dynamodb:Table"], aws),
        (&["server", "--queue", "sqs:Request,Response"], aws),
        (&["worker", "--results", "s3://bucket/prefix"], aws),
        (&["loadtest", "http://127.0.0.1:1"], "built without load tests (feature `loadtest`)"),
        (
            &["collect", "--contact", "x", "--otlp", "http://127.0.0.1:1"],
            "built without OpenTelemetry (feature `otlp`)",
        ),
        (
            &["server", "--tls-cert", "cert.pem", "--tls-key", "key.pem"],
            "built without TLS (feature `tls`)",
        ),
        (&["export", "--format", "parquet"], "the formats are csv, json, ndjson, geojson"),
    ] {
        let output = airshed(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", message(&output));
        assert!(message(&output).contains(says), "{arguments:?}: {}", message(&output));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let help = ends_well(folder.path(), &["--help"]);
    assert!(help.contains("  serve ") && !help.contains("  provision "), "{help}");
}

#[test]
fn readings_are_collected_exported_and_imported() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("data.24h.json"), FEED).unwrap();
    ends_well(here, &["collect", "--once", "--feed", "file:data.24h.json"]);
    let csv = ends_well(here, &["export", "--columns", "all"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");
    std::fs::write(here.join("all.csv"), &csv).unwrap();
    ends_well(here, &["import", "--data", "other", "all.csv"]);
    assert_eq!(ends_well(here, &["export", "--data", "other", "--columns", "all"]), csv);

    let json = ends_well(here, &["export", "--columns", "all", "--format", "json"]);
    for (name, content) in [("all.json", json.as_bytes()), ("all.gz", b"\x1f\x8b\x08\0")] {
        std::fs::write(here.join(name), content).unwrap();
        let output = airshed(here, &["import", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", message(&output));
        let says = "not CSV; this build supports no other formats (feature `import`)";
        assert!(message(&output).contains(says), "{}", message(&output));
    }
}

/// Killed when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_query_is_answered_and_a_job_is_done() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.24h.json"), FEED).unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--feed", "file:data.24h.json"];
    let mut command = airshed(folder.path(), &arguments);
    command.args(["--log-format", "json"]).stderr(Stdio::piped());
    let mut daemon = Daemon(command.spawn().unwrap());
    let mut lines = BufReader::new(daemon.0.stderr.take().unwrap()).lines();
    let mut field = |message: &str, name: &str| loop {
        let line: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if line["fields"]["message"] == message {
            return line["fields"][name].clone();
        }
    };
    let base = field("listening", "address").as_str().unwrap().to_owned();
    field("feed collected", "stored");
    std::thread::spawn(move || lines.for_each(drop)); // so that the log never blocks
    let query = format!("{base}/api/query?startDate=2026-01-01&endDate=2026-12-31");
    let direct = reqwest::get(&query).await.unwrap();
    assert_eq!(direct.status(), 200);
    let direct = direct.text().await.unwrap();
    assert_eq!(direct.lines().count(), 2, "{direct}");

    let client = reqwest::Client::new();
    let accepted = client.get(&query).header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let file = accepted.headers()["location"].to_str().unwrap().to_owned();
    let file = reqwest::get(format!("{base}{file}?wait=20")).await.unwrap();
    assert_eq!(file.status(), 200);
    assert_eq!(file.text().await.unwrap(), direct);
}
