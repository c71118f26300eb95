//! The report's load: POST of one hour, Germany, Low.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::Value;
use store::{Column, Memory, Query, Store, csv};

use crate::Scale;
use crate::emulator::Emulator;
use crate::network::readings;

/// The averages of the report's own design, measured on dynalite with 23,500 items; at the
/// last two it had handed most requests to its queue.
const REPORT: [(usize, f64); 3] = [(10, 0.67), (100, 3.2), (500, 8.0)];

const DATA: [&str; 6] = [
    "--store",
    "dynamodb:QualityAirTable",
    "--queue",
    "sqs:RequestSend,RequestReceive",
    "--results",
    "s3://airshed-results/load",
];

const HOUR: &str = r#"{"startDate":"2026-01-30 09:00:00","endDate":"2026-01-30 09:59:59","country":"DE","range":"Low"}"#;
const DAY: &str =
    r#"{"startDate":"2026-01-30 00:00:00","endDate":"2026-01-30 23:59:59","country":"DE"}"#;

/// A process that ends with its handle.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) async fn measure(scale: &Scale) {
    let (table, others) = (Emulator::dynalite(), Emulator::ministack());
    let airshed = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_airshed"));
        command.args(arguments).args(DATA).env("AWS_REGION", "eu-west-2");
        command.env("AWS_ENDPOINT_URL", others.url());
        command.env("AWS_ENDPOINT_URL_DYNAMODB", table.url());
        command.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
        command.stdout(Stdio::null());
        command
    };
    assert!(airshed(&["provision", "tables", "--no-recovery"]).status().unwrap().success());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("readings.csv");
    let stored = readings(0, scale.served);
    std::fs::write(&file, rows(&stored, Query::everything(), Column::ALL).await).unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_airshed"));
    import.args(["import", file.to_str().unwrap(), DATA[0], DATA[1]]);
    import.env("AWS_ENDPOINT_URL", table.url()).env("AWS_REGION", "eu-west-2");
    import.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
    assert!(import.stdout(Stdio::null()).status().unwrap().success());

    let mut server = airshed(&["server", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let mut server = server.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let address = lines.find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        Some(line["fields"]["address"].as_str()?.to_owned())
    });
    let base = address.expect("the server listens");
    // Somebody has to read on, or it stops at a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    let _server = Daemon(server);
    let _worker = Daemon(airshed(&["worker"]).stderr(Stdio::null()).spawn().unwrap());

    let http = reqwest::Client::builder().no_gzip().build().unwrap();
    let (body, _) = ask(&http, &base, DAY).await;
    let in_germany = stored
        .iter()
        .filter(|reading| reading.country.is_some_and(|code| code.to_string() == "DE"));
    let (found, there) =
        (body.iter().filter(|byte| **byte == b'\n').count() - 1, in_germany.count());
    assert_eq!(found, there, "every row");
    println!("\nOne day of Germany: {found} of {there} rows (the report: 4,662 of about 11,700).");

    let (expected, _) = ask(&http, &base, HOUR).await;
    println!("\nPOST of one hour, Germany, Low ({} bytes); seconds:", expected.len());
    println!("| requests / at once | average |   worst | jobs | errors | the report's average |");
    let expected = Arc::new(expected);
    for &(requests, at_once) in scale.load {
        let (next, jobs, wrong) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let clients = (0..at_once).map(|_| {
            let (http, base, expected) = (http.clone(), base.clone(), Arc::clone(&expected));
            let (next, jobs, wrong) = (Arc::clone(&next), Arc::clone(&jobs), Arc::clone(&wrong));
            tokio::spawn(async move {
                let mut times = Vec::new();
                while next.fetch_add(1, Relaxed) < requests {
                    let begun = Instant::now();
                    let (body, as_job) = ask(&http, &base, HOUR).await;
                    times.push(begun.elapsed());
                    jobs.fetch_add(usize::from(as_job), Relaxed);
                    wrong.fetch_add(usize::from(body != *expected), Relaxed);
                }
                times
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.await.unwrap());
        }
        let average = times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64;
        let worst = times.iter().max().unwrap().as_secs_f64();
        let report = REPORT.iter().find(|(count, _)| *count == requests);
        let report = report.map_or("(queued)".to_owned(), |(_, seconds)| {
            format!("{seconds} = {:.0} times", seconds / average)
        });
        let (jobs, wrong) = (jobs.load(Relaxed), wrong.load(Relaxed));
        let step = format!("{requests} / {at_once}");
        println!(
            "| {step:<18} | {average:>7.4} | {worst:>7.4} | {jobs:>4} | {wrong:>6} | {report:>20} |"
        );
        assert_eq!(wrong, 0, "every answer is whole");
    }
}

/// The answer, and whether it came by a job.
async fn ask(http: &reqwest::Client, base: &str, body: &'static str) -> (Vec<u8>, bool) {
    let question = http.post(format!("{base}/api/query")).body(body);
    let answer = question.header("content-type", "application/json").send().await.unwrap();
    if answer.status() == 200 {
        return (answer.bytes().await.unwrap().to_vec(), false);
    }
    assert_eq!(answer.status(), 202);
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    loop {
        let answer = http.get(format!("{base}{path}?wait=30")).send().await.unwrap();
        match answer.status().as_u16() {
            200 => return (answer.bytes().await.unwrap().to_vec(), true),
            status => assert_eq!(status, 202),
        }
    }
}

async fn rows(stored: &[store::Reading], query: Query, columns: &[Column]) -> Vec<u8> {
    let store = Memory::new();
    store.put(stored).await.unwrap();
    let mut file = Vec::new();
    csv::write_header(&mut file, columns, csv::Dialect::USUAL);
    let mut pages = store::Pages::new(Arc::new(store), query);
    while let Some(page) = pages.next().await {
        csv::write_page(&mut file, &page.unwrap(), columns, csv::Dialect::USUAL);
    }
    file
}
