//! The report's load: POST of one hour, Germany, Low.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use airshed::loadtest::{self, Measured, Plan, Step, Target, Weighted};
use serde_json::Value;
use store::{Column, Memory, Query, Store, csv};
use tokio_util::sync::CancellationToken;

use crate::Scale;
use crate::emulator::Emulator;
use crate::network::readings;

/// The averages of the report's design, measured on dynalite with 23,500 items; in the last two
/// steps most requests went to its queue.
const REPORT: [(u64, f64); 3] = [(10, 0.67), (100, 3.2), (500, 8.0)];

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

/// A process that is ended when its handle is dropped.
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
    // The pipe has to be drained, or the process blocks.
    std::thread::spawn(move || lines.for_each(drop));
    let _server = Daemon(server);
    let _worker = Daemon(airshed(&["worker"]).stderr(Stdio::null()).spawn().unwrap());

    let asked = |query: &str, steps: Vec<Step>| Plan {
        mix: vec![Weighted { weight: 1, query: serde_json::from_str(query).unwrap() }],
        steps,
        rate: None,
        warm_up: 0,
        pause: Duration::ZERO,
        timeout: Duration::from_secs(120),
        idle: 0,
    };
    let stop = CancellationToken::new();
    let target: Target = base.parse().unwrap();
    let day = asked(DAY, Vec::new());
    let day = loadtest::run(target.clone(), &day, |_| {}, &stop).await.unwrap();
    let found = day.reference[0].rows;
    let in_germany = stored
        .iter()
        .filter(|reading| reading.country.is_some_and(|code| code.to_string() == "DE"));
    let there = in_germany.count();
    assert_eq!(found, there as u64, "every row");
    println!("\nOne day of Germany: {found} of {there} rows (the report: 4,662 of about 11,700).");

    let steps = scale.load.iter().map(|&(requests, concurrency)| Step { requests, concurrency });
    let plan = asked(HOUR, steps.collect());
    let results = loadtest::run(target, &plan, |_| {}, &stop).await.unwrap();
    let bytes = results.reference[0].bytes;
    println!("\nPOST of one hour, Germany, Low ({bytes} bytes); seconds:");
    println!("| requests / at once | average |   worst | jobs | errors | the report's average |");
    for Measured { step, times, by_job, errors, .. } in results.steps {
        let report = REPORT.iter().find(|(count, _)| *count == step.requests);
        let report = report.map_or("(queued)".to_owned(), |(_, seconds)| {
            format!("{seconds} = {:.0} times", seconds / times.average)
        });
        let (average, worst, wrong) = (times.average, times.maximum, errors.values().sum::<u64>());
        let step = format!("{} / {}", step.requests, step.concurrency);
        println!(
            "| {step:<18} | {average:>7.4} | {worst:>7.4} | {by_job:>4} | {wrong:>6} | {report:>20} |"
        );
        assert_eq!(wrong, 0, "every answer is whole: {errors:?}");
    }
}

async fn rows(stored: &[store::Reading], query: Query, columns: &[Column]) -> Vec<u8> {
    let store = Memory::new();
    store.put(stored).await.unwrap();
    let mut file = Vec::new();
    csv::write_header(&mut file, columns, csv::Dialect::DEFAULT);
    let mut pages = store::Pages::new(Arc::new(store), query);
    while let Some(page) = pages.next().await {
        csv::write_page(&mut file, &page.unwrap(), columns, csv::Dialect::DEFAULT);
    }
    file
}
