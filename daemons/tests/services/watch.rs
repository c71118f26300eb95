//! What the daemons tell of themselves, as those who watch them read it.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use airshed::telemetry::names::{Dimension, METRICS};
use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, airshed};
use super::support::{feed_of, json, location};

/// A Prometheus of Debian's that asks one target every second.
struct Prometheus {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    fn of(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = target.trim_start_matches("http://");
        let configuration = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: airshed, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        let mut process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tests need Prometheus (Debian: apt-get install prometheus)");
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening = log.by_ref().map_while(Result::ok);
        let address = listening
            .filter(|line| line.contains("Listening on"))
            .find_map(|line| Some(line.split_once("address=")?.1.trim_matches('"').to_owned()))
            .expect("Prometheus says where it listens");
        std::thread::spawn(move || log.for_each(drop));
        Self { process, url: format!("http://{address}"), _folder: folder }
    }

    async fn ask(&self, question: &str) -> Vec<(Value, f64)> {
        let url = reqwest::Url::parse_with_params(
            &format!("{}/api/v1/query", self.url),
            [("query", question)],
        );
        let answer = json(reqwest::get(url.unwrap()).await.unwrap()).await;
        let found = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let value = |one: &Value| one["value"][1].as_str().unwrap().parse().unwrap();
        found.iter().map(|one| (one["metric"].clone(), value(one))).collect()
    }

    /// The one value that a question is answered with, once it is what it should be.
    async fn tells(&self, question: &str, right: RangeInclusive<f64>) {
        let begun = Instant::now();
        loop {
            let found = self.ask(question).await;
            if let [(_, value)] = &found[..]
                && right.contains(value)
            {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{question}: {found:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn feed_in(folder: &Path) -> String {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    let path = folder.join("data.24h.json");
    std::fs::write(&path, feed_of(1..101, &now)).unwrap();
    format!("file:{}", path.display())
}

#[tokio::test]
async fn a_prometheus_is_told_of_every_stage() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let daemon = Daemon::start(&[
        "serve",
        "--feed",
        &feed_in(folder.path()),
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
    ]);
    let metrics = daemon.wait_for("metrics")["address"].as_str().unwrap().to_owned();
    let base = daemon.base();
    daemon.wait_for("feed collected");
    let prometheus = Prometheus::of(metrics.trim_end_matches("/metrics"));

    let http = reqwest::Client::builder().no_gzip().build().unwrap();
    let query = format!("{base}/api/query?startDate=2020-01-01&endDate=2100-01-01");
    for country in ["DE", "de", "FR"] {
        let answer = http.get(format!("{query}&country={country}")).send().await.unwrap();
        assert_eq!(answer.status(), if country == "FR" { 404 } else { 200 });
        drop(answer.bytes().await.unwrap());
    }
    assert_eq!(http.get(format!("{base}/nowhere")).send().await.unwrap().status(), 404);
    let job = http.get(&query).header("Prefer", "respond-async").send().await.unwrap();
    let result = format!("{base}{}?wait=30", location(&job));
    let done = http.get(&result).send().await.unwrap();
    assert_eq!(done.status(), 200);
    let bytes = done.bytes().await.unwrap().len() as f64;

    const MUCH: f64 = f64::INFINITY;
    let questions = [
        ("up", 1.0..=1.0),
        ("airshed_fetches_total{outcome='ok'}", 1.0..=1.0),
        ("airshed_fetch_seconds_count{outcome='ok'}", 1.0..=1.0),
        ("airshed_feed_bytes_total", 1000.0..=MUCH),
        ("airshed_records_total{outcome='stored'}", 100.0..=100.0),
        ("airshed_data_age_seconds", 0.0..=300.0),
        ("airshed_readings", 100.0..=100.0),
        ("sum(airshed_store_seconds_count{operation='put',outcome='ok'})", 1.0..=1.0),
        ("airshed_store_rows_total{operation='put'}", 100.0..=100.0),
        ("sum(airshed_cache_total{cache='blocks'})", 1.0..=MUCH),
        ("airshed_queries_total{path='direct'}", 3.0..=3.0),
        ("airshed_queries_total{path='job'}", 1.0..=1.0),
        ("airshed_query_rows_sum{path='direct'}", 200.0..=200.0),
        ("airshed_query_rows_sum{path='job'}", 100.0..=100.0),
        ("histogram_quantile(0.99, airshed_query_seconds_bucket{path='job'})", 0.0..=30.0),
        ("airshed_jobs_total{state='done'}", 1.0..=1.0),
        ("airshed_queue_waiting{queue='requests'}", 0.0..=0.0),
        ("airshed_queue_oldest_seconds{queue='requests'}", 0.0..=0.0),
        ("sum(airshed_http_requests_total{route='none',status='404'})", 1.0..=1.0),
        ("airshed_http_response_bytes_total", 3.0 * bytes..=MUCH),
        ("process_resident_memory_bytes", 1e6..=MUCH),
        ("process_threads", 2.0..=MUCH),
        ("count(airshed_jobs)", 6.0..=6.0),
    ];
    for (question, right) in questions {
        prometheus.tells(question, right).await;
    }

    // What the dashboard asks is what Prometheus understands, and has an answer to.
    let dashboard = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana.json");
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(dashboard).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    // Of what never happened here there is nothing to tell.
    let never = ["unchanged", "failed", "refused", "same job", "cancelled", "skipped", "throttles"];
    for target in targets {
        let question = target["expr"].as_str().unwrap().replace("$job", ".*");
        let begun = Instant::now();
        while prometheus.ask(&question).await.is_empty()
            && !never.iter().any(|word| question.contains(word))
        {
            assert!(begun.elapsed() < Duration::from_secs(30), "no answer to {question}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    // Prometheus' own reader of the format, and its advice on names, types and help.
    let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut check = check.stderr(Stdio::piped()).spawn().unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let advice = check.wait_with_output().unwrap();
    assert!(advice.status.success(), "{advice:?}");

    // What is told is what is listed, with its labels.
    for line in text.lines().filter(|line| line.starts_with("airshed_")) {
        let name = line.split(['{', ' ']).next().unwrap();
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let name = name.unwrap_or(line.split(['{', ' ']).next().unwrap());
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{line} is not in the list"));
        let labels = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels).split("\",").filter(|l| !l.is_empty());
        let mut labels: Vec<_> = labels.map(|label| label.split('=').next().unwrap()).collect();
        labels.retain(|label| *label != "le");
        assert!(labels.iter().all(|label| metric.labels.contains(label)), "{line}");
    }
}

/// A line in CloudWatch's embedded metric format, held against each "MUST" of its
/// specification and each constraint of the schema there (Amazon CloudWatch User Guide,
/// "Specification: Embedded metric format").
fn check_embedded(line: &Value) {
    const UNITS: [&str; 3] = ["Seconds", "Bytes", "Count"];
    let text = |value: &Value| {
        let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text: {line}"));
        assert!((1..=255).contains(&text.len()), "{line}");
        text.to_owned()
    };
    assert!(line.to_string().len() <= 256 * 1024);
    let now = jiff::Timestamp::now().as_millisecond();
    assert!((now - 60_000..=now).contains(&line["_aws"]["Timestamp"].as_i64().unwrap()), "{line}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty());
    for directive in directives {
        text(&directive["Namespace"]);
        let sets = directive["Dimensions"].as_array().unwrap();
        assert!(!sets.is_empty(), "{line}");
        for set in sets {
            let set = set.as_array().unwrap();
            assert!(set.len() <= 9);
            set.iter().for_each(|name| drop(text(&line[text(name)])));
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            assert!(UNITS.contains(&metric["Unit"].as_str().unwrap()), "{metric}");
            let value = &line[text(&metric["Name"])];
            let values = value.as_array();
            assert!(
                value.is_number()
                    || values.is_some_and(|all| {
                        all.len() <= 100 && all.iter().all(Value::is_number)
                    }),
                "{metric}: {value}"
            );
        }
    }
    let members = line.as_object().unwrap().iter();
    let nested = members.filter(|(name, value)| *name != "_aws" && value.is_object());
    assert_eq!(nested.count(), 0, "targets cannot be nested: {line}");
}

/// What a daemon printed for CloudWatch until it ended.
fn printed(mut daemon: Child) -> Vec<Value> {
    let mut out = String::new();
    daemon.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(daemon.wait().unwrap().success());
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn cloudwatch_is_told_in_its_format_what_happened_since_it_was_told_last() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = airshed(&[
        "serve",
        "--feed",
        &feed_in(folder.path()),
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        "emf:city",
    ]);
    command.stdout(Stdio::piped());
    let mut daemon = Daemon::spawn(command);
    let base = daemon.base();
    daemon.wait_for("feed collected");
    let query = format!("{base}/api/query?startDate=2020-01-01&endDate=2100-01-01");
    for _ in 0..250 {
        let answer = reqwest::get(&query).await.unwrap();
        assert_eq!(
            answer.bytes().await.unwrap().iter().filter(|byte| **byte == b'\n').count(),
            101
        );
    }
    daemon.signal("-TERM");
    let stdout = daemon.child.stdout.take();
    assert!(daemon.child.wait().unwrap().success());
    let lines: Vec<Value> = BufReader::new(stdout.unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).expect("nothing else is printed"))
        .collect();
    lines.iter().for_each(check_embedded);

    let sum = |name: &str, dimension: Option<(&str, &str)>| -> f64 {
        let lines = lines.iter().filter(|line| {
            let names = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0];
            match dimension {
                None => names.as_array().unwrap().is_empty(),
                Some((label, value)) => names[0] == label && line[label] == value,
            }
        });
        lines.filter_map(|line| line[name].as_f64()).sum()
    };
    assert_eq!(sum("airshed_records_total", Some(("outcome", "stored"))), 100.0);
    assert_eq!(sum("airshed_queries_total", Some(("path", "direct"))), 250.0);
    assert_eq!(sum("airshed_http_requests_total", None), 250.0);
    assert_eq!(sum("airshed_http_errors_total", None), 0.0);
    assert!(sum("process_resident_memory_bytes", Some(("Daemon", "serve"))) > 1e6);
    let times = lines.iter().filter_map(|line| line["airshed_query_seconds"].as_array());
    let times: Vec<_> = times.flatten().filter_map(Value::as_f64).collect();
    assert_eq!(times.len(), 100, "a hundred stand for 250");
    assert!(times.is_sorted());
    assert!(
        lines.iter().all(|line| { line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "city" })
    );
}

#[test]
fn a_collector_that_runs_once_tells_cloudwatch_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let mut command =
        airshed(&["collect", "--once", "--feed", &feed_in(folder.path()), "--data", data]);
    let command = command.args(["--metrics", "emf"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let lines = printed(command.spawn().unwrap());
    lines.iter().for_each(check_embedded);
    let fetched = lines.iter().filter(|line| line["outcome"] == "ok");
    assert_eq!(fetched.filter_map(|line| line["airshed_fetches_total"].as_u64()).sum::<u64>(), 1);
    let mut ages = lines.iter().filter_map(|line| line["airshed_data_age_seconds"].as_f64());
    assert!(ages.next_back().unwrap() < 300.0);
}

#[test]
fn the_names_follow_prometheus_and_each_metric_has_one_dimension_in_cloudwatch() {
    for (at, metric) in METRICS.iter().enumerate() {
        assert!(METRICS[at + 1..].iter().all(|other| other.name != metric.name));
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        if let Some(Dimension::Label(label)) = metric.cloudwatch {
            assert!(metric.labels.contains(&label), "{}", metric.name);
        }
    }
}
