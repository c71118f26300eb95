//! The daemons as processes of their own, over an emulator of AWS.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::{Column, Query, Store, View, csv};

use super::daemon::{Daemon, airshed};
use super::emulator::Emulator;
use super::proxy::{self, Faults};
use super::support::{feed_of, json as json_of, location, readings};

const STORE: [&str; 2] = ["--store", "dynamodb:QualityAirTable"];
const QUEUE: [&str; 2] = ["--queue", "sqs:RequestSend,RequestReceive"];
const RESULTS: [&str; 2] = ["--results", "s3://airshed-results/city"];

pub(super) fn on(endpoint: &str, arguments: &[&[&str]]) -> Command {
    let mut command = airshed(&arguments.concat());
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-west-2");
    command.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
    command
}

pub(super) fn ends_well(mut command: Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

async fn as_csv(count: usize) -> Vec<u8> {
    let store = store::Memory::new();
    store.put(&readings(count)).await.unwrap();
    let mut file = Vec::new();
    csv::write_header(&mut file, Column::ALL, csv::Dialect::DEFAULT);
    let page = store.query(&Query::everything(), None).await.unwrap();
    csv::write_page(&mut file, &page, Column::ALL, csv::Dialect::DEFAULT);
    file
}

/// A system on AWS with readings in it.
pub(super) struct System {
    endpoint: String,
    http: reqwest::Client,
    folder: tempfile::TempDir,
}

impl System {
    /// All that `provision` makes, and so many readings, a second apart from 2026-01-01 on.
    pub(super) async fn with(endpoint: String, count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("readings.csv");
        std::fs::write(&file, as_csv(count).await).unwrap();
        let file = file.to_str().unwrap();
        ends_well(on(&endpoint, &[&["provision", "tables"], &STORE, &QUEUE, &RESULTS]));
        ends_well(on(&endpoint, &[&["import", file], &STORE]));
        Self { endpoint, http: reqwest::Client::new(), folder }
    }

    pub(super) fn daemon(&self, arguments: &[&str]) -> Daemon {
        let data = self.folder.path().join("data").display().to_string();
        let places = ["--data", &data];
        Daemon::spawn(on(&self.endpoint, &[arguments, &STORE, &QUEUE, &RESULTS, &places]))
    }

    /// A server and its URL.
    pub(super) fn server(&self, arguments: &[&str]) -> (Daemon, String) {
        let listen = ["--listen", "127.0.0.1:0", "--fresh-results", "0"];
        let server = self.daemon(&[&["server"], &listen[..], arguments].concat());
        let listening = server.wait_for("listening");
        let base = listening["address"].as_str().unwrap().to_owned();
        (server, base)
    }

    fn worker(&self, silence: &str) -> Daemon {
        self.daemon(&["worker", "--silence", silence, "--log", "debug"])
    }

    /// Asks for a job until it is taken in; its path.
    async fn job(&self, base: &str, query: &str) -> String {
        let begun = Instant::now();
        loop {
            let url = format!("{base}/api/query?{query}");
            let answer = self.http.get(url).header("Prefer", "respond-async").send().await.unwrap();
            match answer.status().as_u16() {
                202 => return location(&answer),
                status => assert_eq!(status, 503, "{:?}", answer.text().await),
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no job is taken in");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The file of a job, or the direct answer, once it is there whole.
    async fn file(&self, url: String, within: u64) -> Vec<u8> {
        let begun = Instant::now();
        loop {
            let answer = self.http.get(&url).send().await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.bytes().await;
            match (status, body) {
                (200, Ok(body)) => return body.to_vec(),
                (200 | 202 | 503, _) => {}
                (status, body) => panic!("{url}: {status} {body:?}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(within), "{url}: {status} for too long");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for the end of a job: whether it failed, since five workers crashed over it.
    async fn is_given_up(&self, url: &str, within: u64) -> bool {
        let begun = Instant::now();
        loop {
            let answer = self.http.get(format!("{url}?wait=20")).send().await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.text().await.unwrap();
            match status {
                200 => return false,
                500 => {
                    assert!(body.contains("failed after 5 attempts"), "{body}");
                    return true;
                }
                202 => {}
                _ => panic!("{url}: {status} {body}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(within), "{url}: {body} for too long");
        }
    }

    /// A job's record, as the bucket has it.
    pub(super) async fn record(&self, path: &str) -> Value {
        let id = path.rsplit('/').next().unwrap();
        let url = format!("{}/airshed-results/city/jobs/{id}.json", self.endpoint);
        json_of(self.http.get(url).send().await.unwrap()).await
    }

    /// The names of all results in the bucket.
    async fn results(&self) -> Vec<String> {
        let url = format!(
            "{}/airshed-results?list-type=2&max-keys=1000&prefix=city/results/",
            self.endpoint
        );
        let listed = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let keys = listed.split("<Key>").skip(1);
        keys.map(|key| key.split('<').next().unwrap().to_owned()).collect()
    }
}

/// Twenty minutes from the second on that the number says.
fn part(number: usize) -> String {
    let moment = |second: usize| {
        format!("2026-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
    };
    format!("startDate={}&endDate={}&columns=all", moment(number), moment(number + 1200))
}

/// Every job ends done, each with one result, which is the direct answer.
async fn all_are_done(system: &System, base: &str, jobs: &[(String, String)], within: u64) {
    for (query, path) in jobs {
        let file = system.file(format!("{base}{path}"), within).await;
        let direct = system.file(format!("{base}/api/query?{query}"), within).await;
        assert!(file == direct, "{query}");
        assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 1202, "{query}");
    }
}

#[tokio::test]
async fn processes_share_a_table_queues_and_a_bucket() {
    let emulator = Emulator::ministack();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let data = path("data");
    let shared = [&STORE[..], &QUEUE, &RESULTS, &["--data", &data]].concat();

    // What is not there is named, with what makes it.
    let provision = |arguments: &[&[&str]]| {
        let all = [&[&["provision", "tables"], &STORE[..]], arguments].concat();
        ends_well(on(&emulator.url(), &all))
    };
    let refused = |what: &str| {
        for daemon in ["server", "worker"] {
            let ended = on(&emulator.url(), &[&[daemon], &shared]).output().unwrap();
            let message = String::from_utf8(ended.stderr).unwrap();
            assert!(!ended.status.success());
            assert!(
                message.contains("airshed provision tables") && message.contains(what),
                "{message}"
            );
        }
    };
    refused("");
    assert_eq!(provision(&[&["--queue", "channel:"]]), "table QualityAirTable: created\n");
    refused("RequestSend");
    assert_eq!(
        provision(&[&QUEUE]),
        "table QualityAirTable: exists, unchanged\nqueue RequestSend: \
         created\nqueue RequestReceive: created\n"
    );
    refused("airshed-results");
    assert!(
        provision(&[&QUEUE, &RESULTS]).ends_with("bucket of s3://airshed-results/city: created\n")
    );
    assert_eq!(
        provision(&[&QUEUE, &RESULTS]),
        "table QualityAirTable: exists, unchanged\nqueue RequestSend: exists\nqueue \
         RequestReceive: exists\nbucket of s3://airshed-results/city: exists\n"
    );

    let mut nowhere = on(&emulator.url(), &[&["worker"], &shared]);
    nowhere.env_remove("AWS_REGION").env("AWS_EC2_METADATA_DISABLED", "true");
    let message = String::from_utf8(nowhere.output().unwrap().stderr).unwrap();
    assert!(message.contains("set AWS_REGION"), "{message}");

    let listen = ["--listen", "127.0.0.1:0", "--cache-seconds", "2"];
    let server = Daemon::spawn(on(&emulator.url(), &[&["server"], &shared, &listen]));
    let listening = server.wait_for("listening");
    let base = listening["address"].as_str().unwrap().to_owned();
    let links = ["--listen", "127.0.0.1:0", "--redirect-from", "0"];
    let linking = Daemon::spawn(on(&emulator.url(), &[&["server"], &shared, &links]));
    let linking_base = linking.wait_for("listening")["address"].as_str().unwrap().to_owned();
    let worker = Daemon::spawn(on(&emulator.url(), &[&["worker"], &shared]));

    let http = reqwest::Client::new();
    let query = "startDate=2026-01-01&endDate=2026-01-02&columns=all";
    let ask = async || http.get(format!("{base}/api/query?{query}")).send().await.unwrap();
    assert_eq!(ask().await.status(), 404, "nothing is there yet");

    // What another process stores shows after the cache's seconds.
    let expected = as_csv(3_000).await;
    std::fs::write(path("readings.csv"), &expected).unwrap();
    ends_well(on(&emulator.url(), &[&["import", &path("readings.csv")], &STORE]));
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

    // The other server finds the job for the same query, and links to its result.
    let again = http.get(format!("{linking_base}/api/query?{query}"));
    let again = again.header("Prefer", "respond-async").send().await.unwrap();
    let location = {
        let own = again.headers()["Location"].to_str().unwrap().to_owned();
        assert_ne!(own, location, "an id is its client's own");
        assert_eq!(json_of(again).await["state"], "done", "the work is shared");
        own
    };
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let answer = plain.unwrap().get(format!("{linking_base}{location}")).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let link = answer.headers()["Location"].to_str().unwrap().to_owned();
    assert!(link.starts_with(&emulator.url()) && link.contains("X-Amz-Signature"), "{link}");
    let linked = http.get(link).send().await.unwrap();
    let status = linked.status();
    assert_eq!(status, 200, "{:?}", linked.text().await);
    assert_eq!(linked.bytes().await.unwrap(), expected);
    drop((server, linking, worker));

    // What need not be kept tells DynamoDB when it may go.
    let now = jiff::Timestamp::now();
    let feed = feed_of(1..6, &now.strftime("%F %T").to_string());
    std::fs::write(path("data.24h.json"), feed).unwrap();
    let feed = format!("file:{}", path("data.24h.json"));
    let collect = ["collect", "--once", "--feed", &feed, "--keep-readings", "30"];
    ends_well(on(&emulator.url(), &[&collect, &STORE]));
    let scan = http.post(emulator.url()).header("x-amz-target", "DynamoDB_20120810.Scan");
    let scan = scan.header("content-type", "application/x-amz-json-1.0");
    let credentials =
        "AWS4-HMAC-SHA256 Credential=emulator/20260101/eu-west-2/dynamodb/aws4_request";
    let scan = scan.header("authorization", credentials);
    let wanted =
        json!({ "TableName": "QualityAirTable", "FilterExpression": "attribute_exists(P1)" });
    let items = json_of(scan.body(wanted.to_string()).send().await.unwrap()).await;
    let items = items["Items"].as_array().unwrap();
    assert_eq!(items.len(), 5, "the older ones are deleted");
    let expires = (now.as_second() + 30 * 86_400).to_string();
    for item in items {
        assert_eq!(item["expires"]["N"], expires, "{item}");
    }
}

/// Workers are killed while they have jobs; `AIRSHED_KILLS` says how often (make soak: 200).
#[tokio::test(flavor = "multi_thread")]
async fn workers_are_killed_and_every_job_ends_done_once() {
    let kills: usize = std::env::var("AIRSHED_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let emulator = Emulator::ministack();
    let faults = Arc::new(Faults::default());
    let endpoint = proxy::start(emulator.url(), Arc::clone(&faults)).await;
    let system = System::with(endpoint, 3600).await;
    let (_server, base) = system.server(&[]);
    // Long enough for a kill to come in the middle.
    faults.query_ms.store(400, Relaxed);
    let mut workers = [system.worker("3"), system.worker("3")];
    let mut jobs = Vec::new();
    for number in 0..kills * 8 {
        let query = part(number);
        let path = system.job(&base, &query).await;
        jobs.push((query, path));
    }
    for kill in 0..kills {
        let worker = &mut workers[kill % 2];
        // On a machine of any speed, workers finish more jobs than they are killed over.
        (0..3).for_each(|_| drop(worker.wait_for("job done")));
        (0..=kill % 3).for_each(|_| drop(worker.wait_for("job begun")));
        worker.child.kill().unwrap();
        worker.child.wait().unwrap();
        *worker = system.worker("3");
    }
    faults.query_ms.store(0, Relaxed);
    // A job fails once five workers have crashed over it; the client can ask again.
    let mut given_up = Vec::new();
    for (number, (_, path)) in jobs.iter().enumerate() {
        if system.is_given_up(&format!("{base}{path}"), 120).await {
            given_up.push(number);
        }
    }
    let (some, all) = (given_up.len(), jobs.len());
    assert!(some * 50 <= all, "{some} of {all} jobs were given up");
    for number in given_up {
        let (query, path) = &mut jobs[number];
        *path = system.job(&base, query).await;
    }
    all_are_done(&system, &base, &jobs, 120).await;
    let mut expected = Vec::new();
    let mut attempts = 0;
    for (_, path) in &jobs {
        let record = system.record(path).await;
        assert_eq!(record["status"], "done");
        attempts += record["attempts"].as_u64().unwrap();
        let id = path.rsplit('/').next().unwrap();
        expected.push(format!("city/results/{id}-{}", record["attempts"]));
    }
    expected.sort();
    if expected.len() <= 1000 {
        assert_eq!(system.results().await, expected, "one result each");
    }
    assert!(attempts > jobs.len() as u64 + kills as u64 / 2, "the kills hit: {attempts} attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_in_ten_goes_wrong_and_nothing_is_lost_or_twice() {
    let emulator = Emulator::ministack();
    let faults = Arc::new(Faults::default());
    let endpoint = proxy::start(emulator.url(), Arc::clone(&faults)).await;
    faults.percent.store(10, Relaxed);
    let system = System::with(endpoint, 3600).await;
    let (_server, base) = system.server(&[]);
    let _workers = [system.worker("5"), system.worker("5")];
    let mut jobs = Vec::new();
    for number in 0..30 {
        let query = part(number);
        let path = system.job(&base, &query).await;
        jobs.push((query, path));
    }
    all_are_done(&system, &base, &jobs, 120).await;
    let all = "startDate=2026-01-01&endDate=2026-01-02&columns=all";
    let file = system.file(format!("{base}/api/query?{all}"), 60).await;
    assert!(file == as_csv(3600).await, "every reading, once");
    let (calls, spoilt) = (faults.calls.load(Relaxed), faults.spoilt.load(Relaxed));
    assert!(spoilt * 20 > calls, "{spoilt} of {calls} calls were spoilt");
    eprintln!("{spoilt} of {calls} calls were spoilt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_killed_and_another_answers_for_it() {
    let emulator = Emulator::ministack();
    let faults = Arc::new(Faults::default());
    let endpoint = proxy::start(emulator.url(), Arc::clone(&faults)).await;
    let system = System::with(endpoint, 3600).await;
    let (mut first, first_base) = system.server(&[]);
    let (_second, second_base) = system.server(&[]);
    faults.query_ms.store(1500, Relaxed);
    let _worker = system.worker("30");
    let query = part(0);
    let path = system.job(&first_base, &query).await;
    let polling = system.http.get(format!("{first_base}{path}?wait=60")).send();
    let polling = tokio::spawn(polling);
    while system.record(&path).await["status"] != json!("running") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(polling.await.unwrap().is_err(), "the poll went with its server");
    all_are_done(&system, &second_base, &[(query, path)], 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_is_away_for_half_a_minute_and_every_job_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut emulator = Emulator::ministack_in(folder.path());
    let faults = Arc::new(Faults::default());
    let endpoint = proxy::start(emulator.url(), Arc::clone(&faults)).await;
    let system = System::with(endpoint, 3600).await;
    let (server, base) = system.server(&[]);
    faults.query_ms.store(200, Relaxed);
    let worker = system.worker("5");
    let mut jobs = Vec::new();
    for number in 0..20 {
        let query = part(number);
        let path = system.job(&base, &query).await;
        jobs.push((query, path));
    }
    let begun = system.file(format!("{base}{}", jobs[0].1), 30).await;
    assert!(!begun.is_empty());
    tokio::task::block_in_place(|| emulator.stop());
    let stopped = Instant::now();
    // A server without AWS says so, and when to ask again; it does not hang.
    let refused = system.http.get(format!("{base}/api/query?{}", part(99)));
    let refused = refused.header("Prefer", "respond-async").timeout(Duration::from_secs(100));
    let refused = tokio::spawn(refused.send());
    tokio::time::sleep_until((stopped + Duration::from_secs(30)).into()).await;
    tokio::task::block_in_place(|| emulator.start_again());
    let answer = refused.await.unwrap().unwrap();
    assert!([202, 503].contains(&answer.status().as_u16()), "{}", answer.status());
    all_are_done(&system, &base, &jobs, 120).await;
    drop((server, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_every_worker_ends_among_the_dead_letters() {
    let emulator = Emulator::ministack();
    let faults = Arc::new(Faults::default());
    let endpoint = proxy::start(emulator.url(), Arc::clone(&faults)).await;
    let system = System::with(endpoint, 3600).await;
    let (_server, base) = system.server(&[]);
    faults.hang.store(true, Relaxed);
    let path = system.job(&base, &part(0)).await;
    // A delivery to a worker that was just killed is lost, and counts: there may be fewer
    // beginnings than receives, and the letter is sent again then.
    let begun = Instant::now();
    for attempt in 1..=5 {
        let mut worker = system.worker("2");
        while system.record(&path).await["attempts"] != json!(attempt) {
            assert!(begun.elapsed() < Duration::from_secs(120), "not begun a {attempt}. time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        worker.child.kill().unwrap();
        worker.child.wait().unwrap();
    }
    faults.hang.store(false, Relaxed);
    let _worker = system.worker("2");
    let ended = loop {
        let answer = system.http.get(format!("{base}{path}?wait=30")).send().await.unwrap();
        if answer.status() != 202 {
            break answer;
        }
    };
    assert_eq!(ended.status(), 500);
    let problem = json_of(ended).await;
    let why = problem["detail"].as_str().unwrap();
    assert!(why.contains("each worker crashed"), "{why}");
    assert_eq!(problem["retryable"], true);

    // The letter stays for people to look at.
    let call = async |operation: &str, body: Value| -> Value {
        let call = system.http.post(emulator.url()).body(body.to_string());
        let call = call.header("x-amz-target", format!("AmazonSQS.{operation}"));
        let call = call.header("content-type", "application/x-amz-json-1.0");
        let credentials =
            "AWS4-HMAC-SHA256 Credential=emulator/20260101/eu-west-2/sqs/aws4_request";
        json_of(call.header("authorization", credentials).send().await.unwrap()).await
    };
    let url = call("GetQueueUrl", json!({ "QueueName": "RequestSend-dead" })).await;
    let wanted = json!({ "QueueUrl": url["QueueUrl"], "AttributeNames": ["All"] });
    let known = call("GetQueueAttributes", wanted).await;
    let known: BTreeMap<String, String> =
        serde_json::from_value(known["Attributes"].clone()).unwrap();
    let letters: u32 = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        .iter()
        .map(|name| known[*name].parse::<u32>().unwrap())
        .sum();
    assert!(letters >= 1, "{known:?}");
}
