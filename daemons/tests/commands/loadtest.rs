//! The load tester: what it counts is what was there, and nothing that is wrong counts.

use std::time::Duration;

use airshed::loadtest::{self, LoadTestError, Measured, Plan, Results, Step, Weighted};
use serde_json::json;
use store::Reading;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::daemon::{Daemon, airshed};
use super::support::{Options, RawServer, Rig, answer, at, readings};

fn plan(steps: &[(u64, u64)]) -> Plan {
    let query = serde_json::from_str(r#"{"startDate":"2026-01-01","endDate":"2026-01-31"}"#);
    Plan {
        mix: vec![Weighted { weight: 1, query: query.unwrap() }],
        steps: steps
            .iter()
            .map(|(requests, concurrency)| Step { requests: *requests, concurrency: *concurrency })
            .collect(),
        rate: None,
        warm_up: 0,
        pause: Duration::ZERO,
        timeout: Duration::from_secs(60),
        idle: 0,
    }
}

async fn test(base: &str, plan: &Plan) -> Result<Results, LoadTestError> {
    let stop = CancellationToken::new();
    loadtest::run(base.parse().unwrap(), plan, |_| {}, &stop).await
}

fn errors(step: &Measured) -> Vec<(&str, u64)> {
    step.errors.iter().map(|(kind, count)| (kind.as_str(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_and_every_file_is_whole() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(500)).await.unwrap();
    let mut plan = plan(&[(10, 10), (200, 20)]);
    plan.warm_up = 5;
    plan.idle = 30;
    let results = test(&rig.base, &plan).await.unwrap();
    let file = rig.get("/api/query?startDate=2026-01-01&endDate=2026-01-31").await;
    let bytes = file.bytes().await.unwrap().len() as u64;
    assert_eq!((results.reference[0].rows, results.reference[0].bytes), (500, bytes));
    assert_eq!(results.idle, 30);
    for (step, requests) in results.steps.iter().zip([10, 200]) {
        assert_eq!((step.success, step.direct, step.by_job), (requests, requests, 0));
        assert_eq!(step.errors, Default::default());
        assert_eq!((step.rows, step.bytes), (500 * requests, bytes * requests));
        let times = step.times;
        let order = [times.minimum, times.p50, times.p90, times.p99, times.p999, times.maximum];
        assert!(order.is_sorted() && times.minimum > 0.0, "{order:?}");
        assert!((times.minimum..=times.maximum).contains(&times.average));
        assert!(step.distribution.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    }
    // What is written is read again, and drawn.
    let text = serde_json::to_string(&results).unwrap();
    let again: Results = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    let page = loadtest::page(&results, Some(&again));
    assert_eq!(page.matches("<svg ").count(), 4, "times, errors, two distributions");
    assert!(!page.contains("could not be drawn") && !page.contains("http://www.w3.org/1999/xlink"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_until_its_file_is_there() {
    let rig = Rig::start(Options { in_flight: 0, ..Options::default() }).await;
    rig.store.put(&readings(100)).await.unwrap();
    let results = test(&rig.base, &plan(&[(12, 4)])).await.unwrap();
    let step = &results.steps[0];
    assert_eq!((step.success, step.direct, step.by_job, step.rows), (12, 0, 12, 1200));
}

#[tokio::test]
async fn what_goes_wrong_is_an_error_of_its_kind() {
    let right = answer("200 OK", "", "P1\n1\n2\n");
    let cut = right.replace("content-length: 7", "content-length: 9");
    let server = RawServer::start(vec![
        right.clone(), // the reference
        answer("500 Internal Server Error", "", ""),
        cut,
        answer("200 OK", "", "P1\n1\n"),
        answer("200 OK", "", "P1\n1\n3\n"),
        "nonsense\r\n\r\n".to_owned(),
        answer("202 Accepted", "", ""),
        right,
    ])
    .await;
    let base = server.url.replace("/static/v2/data.24h.json", "");
    let results = test(&base, &plan(&[(9, 1)])).await.unwrap();
    let step = &results.steps[0];
    let expected = [
        ("cut body", 1),
        ("no connection", 1),
        ("status 202", 1),
        ("status 500", 1),
        ("wrong rows", 2),
    ];
    assert_eq!(errors(step), expected);
    assert_eq!((step.success, step.rows), (3, 6));
}

#[tokio::test]
async fn silence_is_a_timeout_and_a_server_that_is_not_there_is_said() {
    let server = RawServer::start(vec![answer("200 OK", "", "P1\n1\n"), String::new()]).await;
    let base = server.url.replace("/static/v2/data.24h.json", "");
    let mut plan = plan(&[(2, 2)]);
    plan.timeout = Duration::from_millis(300);
    let results = test(&base, &plan).await.unwrap();
    assert_eq!(errors(&results.steps[0]), [("timeout", 2)]);

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let error = test(&base, &plan).await.unwrap_err().to_string();
    assert!(error.contains("no connection") && error.contains(&base), "{error}");
    for url in ["127.0.0.1:1", "ftp://127.0.0.1", "http://127.0.0.1/x", "nonsense", ""] {
        assert!(url.parse::<loadtest::Target>().is_err(), "{url}");
    }
}

/// Answers everything at once, but for one stall.
async fn stalling(at: u32, write_timeout: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut answered = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                answered += 1;
                if answered == at {
                    tokio::time::sleep(write_timeout).await; // what the server does, not a wait for it
                }
                let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nP1\n1\n";
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        }
    });
    base
}

#[tokio::test]
async fn with_a_rate_a_stall_delays_everybody_who_was_due_in_it() {
    // Twenty requests are due within 190 ms, all of them while the second answer is awaited.
    let mut open = plan(&[(20, 1)]);
    open.rate = Some(100.0);
    let base = stalling(2, Duration::from_millis(400)).await;
    let step = test(&base, &open).await.unwrap().steps.remove(0);
    assert_eq!(step.success, 20);
    assert!(step.times.minimum >= 0.2, "{:?}", step.times);
    // Without, one person waits, and nobody else shows.
    let base = stalling(2, Duration::from_millis(400)).await;
    let step = test(&base, &plan(&[(20, 1)])).await.unwrap().steps.remove(0);
    assert!(step.times.maximum >= 0.4 && step.times.p50 < 0.2, "{:?}", step.times);
}

#[tokio::test]
async fn told_to_stop_it_gives_what_it_has() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(10)).await.unwrap();
    let stop = CancellationToken::new();
    let seen = |progress: &loadtest::Progress<'_>| {
        if progress.done > 20 {
            stop.cancel();
        }
    };
    let plan = plan(&[(10_000_000, 2), (10, 1)]);
    let results = loadtest::run(rig.base.parse().unwrap(), &plan, seen, &stop).await.unwrap();
    assert_eq!(results.steps.len(), 1);
    assert!((20..10_000_000).contains(&results.steps[0].success));
}

#[tokio::test]
async fn a_mix_asks_by_weight() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(300)).await.unwrap();
    let mut plan = plan(&[(2000, 4)]);
    let one = r#"{"startDate":"2026-01-01","endDate":"2026-01-31","limit":1}"#;
    plan.mix[0].weight = 3;
    plan.mix.push(Weighted { weight: 1, query: serde_json::from_str(one).unwrap() });
    plan.mix.push(Weighted { weight: 0, query: serde_json::from_str(one).unwrap() });
    let step = test(&rig.base, &plan).await.unwrap().steps.remove(0);
    assert_eq!(step.success, 2000);
    // 300 rows for three in four: 450,000 and some; five standard deviations are 29,000.
    assert!((421_000..481_000).contains(&step.rows), "{}", step.rows);
}

/// The report's steps and one beyond, with idle connections beside, as processes; scaled by
/// `AIRSHED_LOAD`, the requests of the last step (make soak: 100,000).
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_embedded_defaults_holds_without_one_error() {
    let requests: u64 = std::env::var("AIRSHED_LOAD").map_or(2000, |n| n.parse().unwrap());
    let (concurrency, idle) = ((requests / 100).clamp(50, 1000), (requests / 10).min(10_000));
    let fixed = ["--schedule", "0 0 1 1 *", "--listen", "127.0.0.1:0"];
    let mut arguments = vec!["demo", "--sensors", "2000", "--history", "0"];
    arguments.extend(fixed);
    let server = Daemon::start(&arguments);
    let base = server.base();
    server.wait_for("feed collected");
    let now = jiff::Timestamp::now();
    let query = serde_json::json!({
        "startDate": now - jiff::SignedDuration::from_hours(1), "endDate": now,
        "country": "DE", "range": "Low",
    });
    let last = format!("{requests}/{concurrency}");
    let steps = match requests {
        ..10_000 => format!("10/10,100/50,{last}"),
        _ => format!("10/10,100/50,500/100,1000/500,2500/500,{last}"),
    };
    let (query, idle) = (query.to_string(), idle.to_string());
    let mut tester = tokio::process::Command::from(airshed(&[
        "loadtest", &base, "--json", "--query", &query, "--steps", &steps, "--idle", &idle,
    ]));
    let done = tester.kill_on_drop(true).output().await.unwrap();
    let message = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{message} {}", String::from_utf8_lossy(&done.stdout));
    let results: Results = serde_json::from_slice(&done.stdout).unwrap();
    for step in &results.steps {
        eprintln!("{:?}: {:?}, {} by job", step.step, step.times, step.by_job);
        assert_eq!((step.success, step.error_count()), (step.step.requests, 0));
        assert!(step.rows > 0);
    }
    assert_eq!(results.idle.to_string(), idle);
    let peak_kib = server.peak_kib();
    eprintln!("{peak_kib} KiB at most");
    assert!(peak_kib < 512 << 10, "{peak_kib} KiB");
}

#[tokio::test]
async fn without_a_query_it_asks_for_what_the_server_has() {
    let rig = Rig::start(Options::default()).await;
    let target: loadtest::Target = rig.base.parse().unwrap();
    let nothing = loadtest::default_question(&target).await.unwrap_err().to_string();
    let sentence = format!(
        "{target} has no readings yet: wait for its first collection, or test `airshed demo`"
    );
    assert_eq!(nothing, sentence);
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    let nobody = loadtest::default_question(&nobody).await.unwrap_err().to_string();
    assert!(nobody.contains("is it an Airshed server?"), "{nobody}");

    // Whatever there is: daily values at midnight, one country's, high ones alone.
    for (hour, pm10, countries) in
        [("09", 5, &["DE", "FR"][..]), ("00", 5, &["FR"]), ("09", 200, &["DE"])]
    {
        // Whatever the deployment's index is, too.
        let index = if hour == "00" { "us_aqi:2024" } else { "uk_daqi" }.parse().unwrap();
        let rig = Rig::start(Options { index, ..Options::default() }).await;
        let reading = |(n, country): (usize, &&str)| Reading {
            pm10: Some(pm10.into()),
            country: Some(country.parse().unwrap()),
            ..Reading::new(n as u64, store::Window::Day24, at(&format!("2026-02-01T{hour}:05:00Z")))
        };
        let readings: Vec<_> = countries.iter().enumerate().map(reading).collect();
        rig.store.put(&readings).await.unwrap();
        let target = rig.base.parse().unwrap();
        let query = loadtest::default_question(&target).await.unwrap();
        assert_eq!((&query["minAqi"], &query["maxAqi"]), (&json!(0), &json!(10)));
        let mut plan = plan(&[(1000, 100)]);
        plan.mix = vec![Weighted { weight: 1, query }];
        let results = test(&rig.base, &plan).await.unwrap();
        assert_eq!(results.steps[0].success, 1000, "{:?}", results.steps[0].errors);
    }
}

#[tokio::test]
async fn a_report_is_written_whole_or_not_at_all() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(100)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let report = async |path: &str| {
        let query = r#"{"startDate":"2026-01-01","endDate":"2026-01-31"}"#;
        let arguments =
            ["loadtest", &rig.base, "--query", query, "--steps", "3/1", "--report", path];
        let mut tester = tokio::process::Command::from(airshed(&arguments));
        tester.current_dir(folder.path()).kill_on_drop(true).output().await.unwrap()
    };
    std::fs::write(folder.path().join("report.html"), "before").unwrap();
    let message = report("report.html").await;
    assert!(message.status.success(), "{}", String::from_utf8_lossy(&message.stderr));
    let html = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(html.ends_with("</html>\n") || html.ends_with("</html>"), "{html}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is beside it");
    let failed = report("nowhere/report.html").await;
    assert_eq!(failed.status.code(), Some(1));
    let message = String::from_utf8_lossy(&failed.stderr);
    assert!(message.contains("cannot write --report nowhere/report.html"), "{message}");
    assert!(report("/dev/full").await.status.code() == Some(1), "a full disk is a failure");
}
