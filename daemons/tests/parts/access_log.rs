//! The access log: a line for each response, true, and of nobody else's making.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use airshed::server::{AccessLog, Addresses, Form};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Options, Rig, clock, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

struct Logged {
    rig: Rig,
    folder: TempDir,
}

impl Logged {
    async fn start(form: Form, addresses: Addresses, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = AccessLog::open(Some(path_in(&folder)), form, addresses, clock()).unwrap();
        let rig = Rig::start(Options { access_log: Some(log), ..options }).await;
        Self { rig, folder }
    }

    /// The lines, once there are so many.
    async fn lines(&self, count: usize) -> Vec<String> {
        lines_of(&path_in(&self.folder), |lines| lines.len() >= count).await
    }

    async fn json(&self, count: usize) -> Vec<Value> {
        let lines = self.lines(count).await;
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn path_in(folder: &TempDir) -> PathBuf {
    folder.path().join("access.log")
}

async fn lines_of(path: &Path, are_there: impl Fn(&[String]) -> bool) -> Vec<String> {
    let there = async {
        loop {
            let text = fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if text.ends_with('\n') && are_there(&lines) {
                return lines;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), there).await.expect("the lines come")
}

#[tokio::test]
async fn a_line_says_what_was_sent() {
    let logged = Logged::start(Form::Json, Addresses::Short, Options::default()).await;
    let rig = &logged.rig;
    rig.store.put(&readings(20_000)).await.unwrap(); // streamed
    let body = rig.get(ALL).await.bytes().await.unwrap();
    let line = &logged.json(1).await[0];
    assert_eq!(line["client"], "127.0.0.0");
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/api/query".into()));
    assert_eq!((&line["status"], &line["rows"]), (&200.into(), &20_000.into()));
    assert_eq!((&line["bytes"], &line["complete"]), (&body.len().into(), &true.into()));
    assert!(line["seconds"].as_f64().unwrap() > 0.0);
    assert!(!line["request"].as_str().unwrap().is_empty());
    assert!(!line.to_string().contains("startDate"), "the query is a hash: {line}");

    // Equal queries have equal hashes, however they are sent.
    let posted = rig.http.post(format!("{}/api/query", rig.base));
    let posted = posted.header("content-type", "application/json");
    let body = r#"{"startDate": "2026-01-01", "endDate": "2026-01-31"}"#;
    posted.body(body).send().await.unwrap().bytes().await.unwrap();
    rig.get(&format!("{ALL}&minAqi=2")).await.bytes().await.unwrap();
    let lines = logged.json(3).await;
    assert_eq!(lines[1]["query"], lines[0]["query"]);
    assert_ne!(lines[2]["query"], lines[0]["query"]);
    assert_eq!(lines[0]["query"].as_str().unwrap().len(), 16);

    let location = location(&rig.get_as_job(ALL).await);
    let id = location.rsplit('/').next().unwrap();
    let file = rig.get(&format!("{location}?wait=30")).await.bytes().await.unwrap();
    rig.http.head(format!("{}{ALL}", rig.base)).send().await.unwrap();
    let lines = logged.json(6).await;
    assert_eq!((&lines[3]["status"], &lines[3]["job"]), (&202.into(), &id.into()));
    assert_eq!((&lines[4]["job"], &lines[4]["rows"]), (&id.into(), &20_000.into()));
    assert_eq!(lines[4]["bytes"], file.len());
    let head = (&lines[5]["method"], &lines[5]["bytes"], &lines[5]["complete"]);
    assert_eq!(head, (&"HEAD".into(), &0.into(), &true.into()));
}

#[tokio::test]
async fn of_a_response_that_was_cut_off_the_line_has_what_was_sent() {
    let logged = Logged::start(Form::Json, Addresses::None, Options::default()).await;
    logged.rig.store.put(&readings(1_000_000)).await.unwrap();
    let address = logged.rig.base.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(format!("GET {ALL} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 1000]).await.unwrap();
    drop(client);
    let line = &logged.json(1).await[0];
    assert_eq!((&line["status"], &line["complete"]), (&200.into(), &false.into()), "{line}");
    let bytes = line["bytes"].as_u64().unwrap();
    assert!((1000..20_000_000).contains(&bytes), "{bytes}");
    assert_eq!((&line["client"], &line["rows"]), (&Value::Null, &Value::Null));
}

/// Fields as those who read such logs expect them.
#[tokio::test]
async fn the_common_and_the_combined_form_are_those_of_other_servers() {
    for (form, end) in
        [(Form::Common, ""), (Form::Combined, r#" "https://a.example/" "agent/1.0""#)]
    {
        let logged = Logged::start(form, Addresses::Full, Options::default()).await;
        let request = logged.rig.http.get(format!("{}/healthz?a=b", logged.rig.base));
        let request = request.header("referer", "https://a.example/");
        request.header("user-agent", "agent/1.0").send().await.unwrap();
        let expected = format!(
            r#"127.0.0.1 - - [01/Feb/2026:12:00:00 +0000] "GET /healthz?a=b HTTP/1.1" 200 3{end}"#
        );
        assert_eq!(logged.lines(1).await, [expected]);
    }
}

/// What a client sends neither ends a line nor begins a field.
#[tokio::test]
async fn no_client_forges_a_line() {
    let forged = "\" 200 1 \"-\" \"-\"\t\\ [31m\u{85}\u{2028}\\\" é";
    for form in [Form::Common, Form::Combined, Form::Json] {
        let logged = Logged::start(form, Addresses::Full, Options::default()).await;
        let address = logged.rig.base.trim_start_matches("http://");
        let targets = ["/a%0a127.0.0.1%20-", "/\"%20200%201", "/'\"", "/?\"\\x", "*"];
        for target in targets {
            let mut client = TcpStream::connect(address).await.unwrap();
            let head = format!(
                "GET {target} HTTP/1.1\r\nHost: a\r\nReferer: {forged}\r\nUser-Agent: {forged}\r\n\
                 X-Request-Id: {forged}\r\nConnection: close\r\n\r\n"
            );
            client.write_all(head.as_bytes()).await.unwrap();
            client.read_to_end(&mut Vec::new()).await.unwrap();
        }
        logged.rig.get("/healthz").await;
        // Of what is no HTTP there is no line.
        let is_last = |line: &String| line.contains("/healthz");
        let path = path_in(&logged.folder);
        let lines = lines_of(&path, |lines| lines.iter().any(is_last)).await;
        assert!((2..=targets.len() + 1).contains(&lines.len()), "{lines:#?}");
        for line in &lines {
            assert!(
                line.bytes().all(|byte| form == Form::Json || (b' '..=b'~').contains(&byte)),
                "{line}"
            );
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            match form {
                Form::Common => assert_eq!(quotes, 2, "{line}"),
                Form::Combined => assert_eq!(quotes, 6, "{line}"),
                Form::Json => drop(serde_json::from_str::<Value>(line).unwrap()),
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_harms_no_response() {
    let log = AccessLog::open(Some("/dev/full".into()), Form::Common, Addresses::Short, clock());
    let rig = Rig::start(Options { access_log: Some(log.unwrap()), ..Options::default() }).await;
    for _ in 0..100 {
        assert_eq!(rig.get("/healthz").await.status(), 200);
    }
}

/// A reader of the log that does not read, such as a program at a named pipe.
#[tokio::test]
async fn no_response_waits_for_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || fs::File::open(path).unwrap()
    });
    let log = AccessLog::open(Some(path), Form::Json, Addresses::Short, clock()).unwrap();
    let reader = reader.join().unwrap();
    let rig = Rig::start(Options { access_log: Some(log), ..Options::default() }).await;
    let requests = 1000; // more than a pipe holds
    for _ in 0..requests {
        assert_eq!(rig.get("/healthz").await.status(), 200);
    }
    let lines = tokio::task::spawn_blocking(move || {
        BufReader::new(reader).lines().take(requests).filter(|line| line.is_ok()).count()
    });
    assert_eq!(lines.await.unwrap(), requests);
}

#[test]
fn a_line_that_was_left_without_its_end_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    fs::write(&path, "torn").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log = AccessLog::open(Some(path.clone()), Form::Common, Addresses::None, clock());
        let rig =
            Rig::start(Options { access_log: Some(log.unwrap()), ..Options::default() }).await;
        rig.get("/healthz").await;
        let lines = lines_of(&path, |lines| lines.len() == 2).await;
        assert_eq!(lines[0], "torn");
        assert!(lines[1].starts_with("- - - ["), "{lines:?}");
    });
}
