//! The daemons as processes of their own, over an emulator of AWS.

use std::process::Command;
use std::time::{Duration, Instant};

use store::{Column, Query, Store, View, csv};

use super::binary::{Daemon, airshed};
use super::emulator::Emulator;
use super::support::readings;

const STORE: [&str; 2] = ["--store", "dynamodb:QualityAirTable"];
const QUEUE: [&str; 2] = ["--queue", "sqs:RequestSend,RequestReceive"];

fn on(emulator: &Emulator, arguments: &[&[&str]]) -> Command {
    let mut command = airshed(&arguments.concat());
    command.env("AWS_ENDPOINT_URL", emulator.url()).env("AWS_REGION", "eu-west-2");
    command.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
    command
}

fn ends_well(mut command: Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

async fn as_csv(count: usize) -> Vec<u8> {
    let store = store::Memory::new();
    store.put(&readings(count)).await.unwrap();
    let mut file = Vec::new();
    csv::write_header(&mut file, Column::ALL, csv::Dialect::USUAL);
    let page = store.query(&Query::everything(), None).await.unwrap();
    csv::write_page(&mut file, &page, Column::ALL, csv::Dialect::USUAL);
    file
}

#[tokio::test]
async fn processes_share_a_table_and_queues() {
    let emulator = Emulator::ministack();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let results = format!("file:{}", path("results"));
    let data = path("data");
    let places = ["--results", &results, "--data", &data];
    let shared = [&STORE[..], &QUEUE, &places].concat();

    // What is not there is named, with what makes it.
    for missing in ["server", "worker"] {
        let ended = on(&emulator, &[&[missing], &shared]).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success());
        assert!(said.contains("airshed provision tables"), "{said}");
    }
    let provision = || ends_well(on(&emulator, &[&["provision", "tables"], &STORE, &QUEUE]));
    assert_eq!(
        provision(),
        "table QualityAirTable: created\nqueue RequestSend: created\nqueue RequestReceive: created\n"
    );
    assert_eq!(
        provision(),
        "table QualityAirTable: there already, nothing changed\nqueue RequestSend: there \
         already\nqueue RequestReceive: there already\n"
    );

    let listen = ["--listen", "127.0.0.1:0", "--cache-seconds", "2"];
    let server = Daemon::spawn(on(&emulator, &[&["server"], &shared, &listen]));
    let listening = server.wait_for("listening");
    let base = listening["address"].as_str().unwrap().to_owned();
    let worker = Daemon::spawn(on(&emulator, &[&["worker"], &shared]));

    let http = reqwest::Client::new();
    let query = "startDate=2026-01-01&endDate=2026-01-02&columns=all";
    let ask = async || http.get(format!("{base}/api/query?{query}")).send().await.unwrap();
    assert_eq!(ask().await.status(), 404, "nothing is there yet");

    // What another process stores shows after the cache's seconds.
    let expected = as_csv(3_000).await;
    std::fs::write(path("readings.csv"), &expected).unwrap();
    ends_well(on(&emulator, &[&["import", &path("readings.csv")], &STORE]));
    let stored = Instant::now();
    let direct = loop {
        let answer = ask().await;
        if answer.status() == 200 {
            break answer.bytes().await.unwrap();
        }
        assert!(stored.elapsed() < Duration::from_secs(20), "it does not show");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(direct, expected);

    let job = http.get(format!("{base}/api/query?{query}")).header("Prefer", "respond-async");
    let job = job.send().await.unwrap();
    assert_eq!(job.status(), 202);
    let location = job.headers()["Location"].to_str().unwrap().to_owned();
    let result = loop {
        let answer = http.get(format!("{base}{location}?wait=10")).send().await.unwrap();
        match answer.status().as_u16() {
            200 => break answer.bytes().await.unwrap(),
            status => assert_eq!(status, 202),
        }
    };
    assert_eq!(result, expected);
    drop((server, worker));
}
