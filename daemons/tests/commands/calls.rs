//! Wrong calls: each names what was typed, ends with the right code, and leaves everything
//! as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::daemon::airshed;
use super::support::feed_of;

/// A call that is wrong whatever the world is like, and what the answer has to name.
const WRONG: &[(&[&str], &str)] = &[
    (&[], "Usage"),
    (&["exprot"], "exprot"),
    (&["--bogus"], "--bogus"),
    (&["export", "--bogus"], "--bogus"),
    (&["export", "more"], "more"),
    (&["export", "--data", ""], "--data"),
    (&["export", "--store", "oracle:x"], "--store"),
    (&["export", "--store", "file:"], "--store"),
    (&["export", "--store", "dynamodb:"], "--store"),
    (&["export", "--cache-mib", "lots"], "--cache-mib"),
    (&["export", "--cache-mib=-1"], "--cache-mib"),
    (&["export", "--cache-seconds", "x"], "--cache-seconds"),
    (&["export", "--country", "ZZ"], "--country"),
    (&["export", "--country", ","], "--country"),
    (&["export", "--country", ""], "--country"),
    (&["index", "--flags", "--list"], "--list"),
    (&["export", "--window", "3h"], "--window"),
    (&["export", "--tz", "Europe/Berlim", "--window", "day"], "--tz"),
    (&["export", "--times", "local"], "--times"),
    (&["export", "--alarm", "perhaps"], "--alarm"),
    (&["export", "--sensor-type", ","], "--sensor-type"),
    (&["export", "--indoor", "maybe"], "--indoor"),
    (&["export", "--quality", "good"], "--quality"),
    (&["export", "--limit", "0"], "--limit"),
    (&["export", "--range", "Lowish"], "--range"),
    (&["export", "--min-aqi", "eleven"], "--min-aqi"),
    (&["export", "--min-aqi", "11"], "--min-aqi"),
    (&["export", "--max-aqi=-5"], "--max-aqi"),
    (&["export", "--sensor", "x"], "--sensor"),
    (&["export", "--sensor", "My School:7"], "--sensor"),
    (&["export", "--network", "My School"], "--network"),
    (&["export", "--network-terms", "my-school"], "--network-terms"),
    (&["export", "--bbox", "1,2,3"], "--bbox"),
    (&["export", "--near", "1"], "--near"),
    (&["export", "--without", "nonsense"], "--without"),
    (&["export", "--columns", "nonsense"], "--columns"),
    (&["export", "--columns", ","], "--columns"),
    (&["export", "--format", "xml"], "--format"),
    (&["export", "--format", "csv", "--output", "new.json"], "--format"),
    (&["export", "--format", "json", "-o", "kept.csv"], "--output"),
    (&["export", "--output", "new.txt"], "--output"),
    (&["export", "--output", "new.csv.gz"], "--output"),
    (&["export", "--output"], "--output"),
    (&["export", "--dialect", "excel"], "--dialect"),
    (&["export", "--dialect", "spreadsheet", "--format", "parquet"], "--dialect"),
    (&["export", "--delimiter", "pipe"], "--delimiter"),
    (&["export", "--decimal", "dot"], "--decimal"),
    (&["export", "--metadata", "--format", "ndjson"], "--metadata"),
    (&["export", "--metadata=maybe"], "--metadata"),
    (&["export", "--no-sidecar=1"], "--no-sidecar"),
    (&["export", "--start", "yesterday"], "--start"),
    (&["export", "--end", "2026-13-01"], "--end"),
    (&["export", "--start", "2026-02-02", "--end", "2026-02-01"], "is before --start 2026"),
    (&["export", "--min-aqi", "7", "--max-aqi", "3"], "7 is above --max-aqi 3"),
    (&["import"], "FILE"),
    (&["import", "--bogus", "rows.csv"], "--bogus"),
    (&["import", "--network", "My School", "rows.csv"], "--network"),
    (&["import", "--particulate-types", "PPD42NS", "rows.csv"], "counts particles"),
    (&["import", "--strict=maybe", "rows.csv"], "--strict"),
    (&["import", "--log", "bogus", "rows.csv"], "--log"),
    (&["import", "--log", "airshed=loud", "rows.csv"], "--log"),
    (&["import", "--log", "", "rows.csv"], "--log"),
    (&["import", "--log-format", "xml", "rows.csv"], "--log-format"),
    (&["import", "--otlp", "localhost:4318", "rows.csv"], "--otlp"),
    (&["import", "--store", "rows.csv", "rows.csv"], "--store"),
    (&["serve"], "--contact"),
    (&["serve", "--contact", " "], "--contact"),
    (&["serve", "--contact", "you@example.org\nHost: elsewhere"], "--contact"),
    (&["serve", "--feed", "nonsense"], "--feed"),
    (&["serve", "--feed", "ftp://user:PASSWORD@example.org/feed.json?key=SECRET"], "'ftp://…'"),
    (&["serve", "--feed", "file:"], "--feed"),
    (&["serve", "--feed", "file:rows.csv"], "--window"),
    (&["serve", "--window", "2h"], "--window"),
    (&["serve", "--schedule", "noon"], "--schedule"),
    (&["serve", "--schedule-jitter", "2000"], "--schedule-jitter"),
    (&["serve", "--keep-readings", "ever"], "--keep-readings"),
    (&["serve", "--keep-samples", "1"], "--keep-samples"),
    (&["serve", "--feed", "5min=nonsense"], "--feed"),
    (&["serve", "--feed", "file:data.24h.json;nonsense"], "--feed"),
    (&["serve", "--feed", "file:data.24h.json", "--feed", "file:rows.csv"], "--window"),
    (&["serve", "--queue", "kafka:x"], "--queue"),
    (&["serve", "--queue", "sqs:one"], "--queue"),
    (&["serve", "--queue-capacity", "x"], "--queue-capacity"),
    (&["serve", "--results", "ftp:x"], "--results"),
    (&["serve", "--keep-results", "x"], "--keep-results"),
    (&["serve", "--fresh-results", "x"], "--fresh-results"),
    (&["serve", "--listen", "here"], "--listen"),
    (&["serve", "--listen", "127.0.0.1:99999"], "--listen"),
    (&["serve", "--in-flight", "x"], "--in-flight"),
    (&["serve", "--large", "x"], "--large"),
    (&["serve", "--large-in-flight", "x"], "--large-in-flight"),
    (&["serve", "--redirect-from", "x"], "--redirect-from"),
    (&["serve", "--stale-after", "x"], "--stale-after"),
    (&["serve", "--stall", "x"], "--stall"),
    (&["serve", "--cors", "example.org"], "--cors"),
    (&["serve", "--workers", "0"], "--workers"),
    (&["serve", "--workers", "many"], "--workers"),
    (&["serve", "--silence", "0"], "--silence"),
    (&["serve", "--metrics", "statsd"], "--metrics"),
    (&["serve", "--metrics-listen", "9101"], "--metrics-listen"),
    (&["serve", "--log", "loud"], "--log"),
    (&["demo", "--sensors", "x"], "--sensors"),
    (&["demo", "--history=-1"], "--history"),
    (&["demo", "--seed", "x"], "--seed"),
    (&["demo", "--schedule", "x"], "--schedule"),
    (&["collect"], "--contact"),
    (&["serve", "--schedule-jitter", "-1"], "--schedule-jitter"),
    (&["serve", "--cache-mib", "-1"], "--cache-mib"),
    (&["serve", "--keep-results", "0"], "--keep-results"),
    (&["serve", "--queue-capacity", "0"], "--queue-capacity"),
    (&["cost", "--queries", "-1"], "--queries"),
    (&["collect", "--once=1"], "--once"),
    (&["server", "--listen", "x"], "--listen"),
    (&["server", "--index", "ca_aqhi"], "--index"),
    (&["export", "--index", "us_aqi:1066"], "--index"),
    (&["worker"], "--queue"),
    (&["index"], "STANDARD"),
    (&["index", "jp_aqi", "PM10=1"], "jp_aqi"),
    (&["index", "uk_daqi"], "POLLUTANT"),
    (&["index", "uk_daqi", "PM10=x"], "PM10"),
    (&["index", "uk_daqi", "dust=1"], "dust"),
    (&["index", "--batch", "uk_daqi"], "--batch"),
    (&["index", "--batch", "--list"], "--batch"),
    (&["loadtest"], "URL"),
    (&["loadtest", "here"], "here"),
    (&["loadtest", "ftp://example.org"], "ftp"),
    (&["loadtest", "http://127.0.0.1:1", "--steps", "0/1"], "--steps"),
    (&["loadtest", "http://127.0.0.1:1", "--rate", "x"], "--rate"),
    (&["loadtest", "http://127.0.0.1:1", "--rate", "0"], "--rate"),
    (&["loadtest", "http://127.0.0.1:1", "--query", "[]"], "--query"),
    (&["loadtest", "http://127.0.0.1:1", "--query", "{}", "--mix", "x"], "--mix"),
    (&["loadtest", "http://127.0.0.1:1", "--query", "{}", "--pause=-1"], "--pause"),
    (&["loadtest", "http://127.0.0.1:1", "--query", "{}", "--timeout=-1"], "--timeout"),
    (&["loadtest", "http://127.0.0.1:1", "--compare", "x"], "--report"),
    (&["loadtest", "http://127.0.0.1:1", "--warm-up", "x"], "--warm-up"),
    (&["cost", "--sensors", "x"], "--sensors"),
    (&["cost", "--jobs", "101"], "--jobs"),
    (&["cost", "--servers=-1"], "--servers"),
    (&["cost", "--capacity", "much"], "--capacity"),
    (&["cost", "--schedule", "0 0 30 2 *"], "--schedule"),
    (&["cost", "--free-tier", "x"], "--free-tier"),
    (&["cost", "--over", "3"], "--measured"),
    (&["provision"], "Usage"),
    (&["provision", "up"], "--contact"),
    (&["provision", "up", "--contact", "a@example.org", "--servers", "2"], "--balancer"),
    (&["provision", "tables", "--queue", "kafka:x"], "--queue"),
    (&["collect", "--flags", "stuck,coarse"], "--flags"),
    (&["serve", "--listen", "unix:"], "--listen"),
    (&["serve", "--admin-listen", "9101"], "--admin-listen"),
    (&["serve", "--security-contact", "me@example.org"], "--security-contact"),
    (&["serve", "--access-log-format", "apache"], "--access-log-format"),
    (&["serve", "--access-log-addresses", "all"], "--access-log-addresses"),
    (&["server", "--access-log", "nowhere/access.log"], "--access-log"),
    (&["serve", "--base-path", "air"], "--base-path"),
    (&["serve", "--base-path", "/api"], "--base-path"),
    (&["serve", "--tls-cert", "rows.csv"], "--tls-key"),
    (&["serve", "--tls-key", "nowhere", "--tls-cert", "rows.csv"], "--tls-key"),
    (&["server", "--tls-cert", "rows.csv", "--tls-key", "rows.csv"], "the certificate rows.csv"),
    (&["collect", "--neighbour-limits", "page.html"], "--neighbour-limits"),
    (&["server", "--neighbour-limits", "nowhere"], "--neighbour-limits"),
    (&["backfill", "--flags", "", "--from", "2026-01-01", "--to", "2026-01-01"], "--flags"),
];

/// A call that is right where the world is not, and what the answer has to name.
const FAILING: &[(&[&str], &str)] = &[
    (&["export", "--data", "nothing"], "there is no store at nothing/readings.redb"),
    (&["export", "--data", "nothing", "--output", "kept.csv"], "there is no store at"),
    (&["export", "--data", "rows.csv"], "rows.csv/readings.redb"),
    (&["export", "--store", "file:rows.csv"], "not a store of readings"),
    (&["export", "--store", "file:store"], "is a directory"),
    (&["export", "--store", "file:/dev/null"], "/dev/null is a device"),
    (&["import", "--store", "file:/dev/null", "rows.csv"], "/dev/null is a device"),
    (&["export", "--store", "file:page.html"], "not a store of readings"),
    (&["export", "--store", "file:long.csv"], "not a store of readings"),
    (&["import", "--store", "file:long.csv", "rows.csv"], "not a store of readings"),
    (&["export", "--store", "file:empty"], "file is empty"),
    (&["import", "--store", "file:empty", "rows.csv"], "file is empty"),
    (&["export", "--data", "store", "--output", "nowhere/new.csv"], "--output nowhere/new.csv"),
    (&["export", "--data", "store", "--output", "store"], "--output store: is a directory"),
    (&["import", "--data", "new", "nowhere.csv"], "nowhere.csv"),
    (&["import", "--data", "new", "rows.csv", "nowhere.csv"], "nowhere.csv"),
    (&["import", "--data", "new", "store"], "store: it is a directory"),
    (&["import", "--data", "new", "page.html"], "page.html: a page of HTML"),
    (&["import", "--data", "new", "bad.csv"], "bad.csv: 1 rows read: 0 stored, 1 refused"),
    (&["collect", "--once", "--feed", "file:nowhere/data.24h.json"], "nowhere/data.24h.json"),
    (&["neighbour-limits", "nowhere.csv"], "nowhere.csv"),
    (&["neighbour-limits", "page.html"], "page.html: a page of HTML"),
    (&["index", "--batch"], "standard"),
    (&["cost", "--prices", "nowhere.json"], "--prices nowhere.json"),
    (&["cost", "--measured", "http://127.0.0.1:1"], "http://127.0.0.1:1"),
    (&["loadtest", "http://127.0.0.1:1", "--mix", "nowhere.json"], "--mix nowhere.json"),
];

#[test]
fn a_wrong_call_names_what_was_typed_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("rows.csv", "sensor_id,window,timestamp,P1,P2\n1,24h,2026-02-01T09:00:00Z,51,20.50\n");
    put("bad.csv", "sensor_id,window,timestamp,P1,P2\n1,24h,2026-02-01T09:00:00Z,nan,nan\n");
    put("page.html", "<!doctype html><p>Gone");
    put("kept.csv", "kept");
    put("long.csv", &"1,24h,2026-02-01T09:00:00Z,51,20.50\n".repeat(10_000));
    put("empty", "");
    put("data.24h.json", &feed_of(1..4, "2026-02-01 11:00:00"));
    let made = run(folder.path(), &["import", "--data", "store", "rows.csv"]);
    assert!(made.status.success(), "{}", message(&made));
    let before = contents(folder.path());

    let wrong = WRONG.iter().map(|(call, named)| (*call, *named, 2));
    let failing = FAILING.iter().map(|(call, named)| (*call, *named, 1));
    let calls: Vec<_> = wrong.chain(failing).collect();
    assert!(calls.len() >= 100);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((call, named, code)) = calls.get(next.fetch_add(1, Relaxed)) {
                    let done = run(folder.path(), call);
                    let message = message(&done);
                    let right = done.status.code() == Some(*code)
                        && message.contains(named)
                        && (!named.starts_with("--")
                            || *named == "--bogus"
                            || !message.contains("unexpected argument"))
                        && !message.contains("panicked")
                        && !message.contains("disk")
                        && done.stdout.is_empty();
                    if !right {
                        let code = done.status.code();
                        let failure = format!("{call:?} for {named}: {code:?}, {message}");
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let after = contents(folder.path());
    let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    assert!(after == before, "changed; new are {new:?}");
}

/// Each variable that `serve` and `provision tables` read, and what is wrong for it.
const VARIABLES: &[(&str, &str)] = &[
    ("AIRSHED_DATA", ""),
    ("AIRSHED_STORE", "oracle:x"),
    ("AIRSHED_CACHE_MIB", "x"),
    ("AIRSHED_CACHE_SECONDS", "-1"),
    ("AIRSHED_PARTICULATE_TYPES", "SDS011,=x"),
    ("AIRSHED_FEED", "nonsense"),
    ("AIRSHED_WINDOW", "2h"),
    ("AIRSHED_FEED_NETWORK", "My School"),
    ("AIRSHED_NETWORK_TERMS", "my-school"),
    ("AIRSHED_SCHEDULE", "noon"),
    ("AIRSHED_SCHEDULE_JITTER", "2000"),
    ("AIRSHED_CONTACT", " "),
    ("AIRSHED_KEEP_READINGS", "ever"),
    ("AIRSHED_KEEP_SAMPLES", "1"),
    ("AIRSHED_FLAGS", "coarse"),
    ("AIRSHED_REDIRECT_HOSTS", "https://example.org"),
    ("AIRSHED_NEIGHBOUR_LIMITS", "nowhere"),
    ("AIRSHED_PUSH_TOKENS", "nowhere"),
    ("AIRSHED_PUSH_NETWORK", "My School"),
    ("AIRSHED_PUSH_PLACES", "nowhere"),
    ("AIRSHED_QUEUE", "kafka:x"),
    ("AIRSHED_QUEUE_CAPACITY", "0"),
    ("AIRSHED_RESULTS", "ftp:x"),
    ("AIRSHED_RESULTS_QUOTA", "much"),
    ("AIRSHED_CALLBACKS", "some"),
    ("AIRSHED_KEEP_RESULTS", "0"),
    ("AIRSHED_FRESH_RESULTS", "x"),
    ("AIRSHED_RESERVE", "much"),
    ("AIRSHED_LISTEN", "here"),
    ("AIRSHED_ADMIN_LISTEN", "here"),
    ("AIRSHED_SECURITY_CONTACT", "me"),
    ("AIRSHED_ACCESS_LOG", "nowhere/access.log"),
    ("AIRSHED_ACCESS_LOG_FORMAT", "apache"),
    ("AIRSHED_ACCESS_LOG_ADDRESSES", "all"),
    ("AIRSHED_BASE_PATH", "air"),
    ("AIRSHED_TLS_CERT", "nowhere"),
    ("AIRSHED_TLS_KEY", "nowhere"),
    ("PORT", "http"),
    ("AIRSHED_KEYS", "."),
    ("AIRSHED_TRUSTED_PROXIES", "localhost"),
    ("AIRSHED_RATE", "fast"),
    ("AIRSHED_CONNECTIONS", "0"),
    ("AIRSHED_IN_FLIGHT", "x"),
    ("AIRSHED_LARGE_IN_FLIGHT", "x"),
    ("AIRSHED_LARGE", "x"),
    ("AIRSHED_REDIRECT_FROM", "x"),
    ("AIRSHED_STALE_AFTER", "x"),
    ("AIRSHED_STALL", "0"),
    ("AIRSHED_MIN_RATE", "fast"),
    ("AIRSHED_ANSWERS_MIB", "many"),
    ("AIRSHED_CORS", "example.org"),
    ("AIRSHED_ARCHIVE", "http://"),
    ("AIRSHED_CATCH_UP", "many"),
    ("AIRSHED_DEFAULT_WINDOW", "week"),
    ("AIRSHED_INDEX", "mars"),
    ("AIRSHED_WORKERS", "0"),
    ("AIRSHED_WORKER_SILENCE", "0"),
    ("AIRSHED_METRICS", "statsd"),
    ("AIRSHED_METRICS_LISTEN", "9101"),
    ("AIRSHED_LOG", "loud"),
    ("AIRSHED_LOG_FORMAT", "xml"),
    ("AIRSHED_OTLP", "localhost:4318"),
];

#[test]
fn a_wrong_variable_is_named_instead_of_a_flag_that_nobody_typed() {
    let folder = tempfile::tempdir().unwrap();
    let with = |call: &[&str], variable: (&str, &str)| {
        let mut command = airshed(call);
        command.current_dir(folder.path()).stdin(Stdio::null()).env(variable.0, variable.1);
        command.output().unwrap()
    };
    for (variable, wrong) in VARIABLES {
        let done = with(&["serve"], (variable, wrong));
        let message = message(&done);
        assert_eq!(done.status.code(), Some(2), "{variable}: {message}");
        assert!(message.contains(variable), "{variable}: {message}");
        // The contact alone may be given either way.
        let blames = message.lines().next().is_some_and(|line| line.contains("--"));
        assert!(*variable == "AIRSHED_CONTACT" || !blames, "{variable}: {message}");
    }
    let help = airshed(&["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let named = help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap());
    for name in named {
        assert!(VARIABLES.iter().any(|(known, _)| *known == name), "{name} is not in the table");
    }
    // What is typed counts, and is blamed, whatever the variable says.
    for typed in [
        &["serve", "--workers", "0"][..],
        &["serve", "--workers=0"],
        &["serve", "--concurrency", "0"],
    ] {
        let message = message(&with(typed, ("AIRSHED_WORKERS", "0")));
        assert!(message.contains("--workers"), "{typed:?}: {message}");
    }
}

#[test]
fn what_is_no_file_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("fifo", folder.path().join("link")).unwrap();
    let rows = "sensor_id,window,timestamp,P1\n1,24h,2026-02-01T09:00:00Z,51\n";
    std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
    for (name, what) in [
        ("fifo", "is a pipe"),
        ("link", "is a pipe"),
        ("socket", "is a socket"),
        ("folder", "is a directory"),
    ] {
        let store = format!("file:{name}");
        for call in [&["export", "--store", &store][..], &["import", "--store", &store, "rows.csv"]]
        {
            let done = run(folder.path(), call);
            let message = message(&done);
            assert_eq!(done.status.code(), Some(1), "{call:?}: {message}");
            assert!(message.contains(what) && message.contains(name), "{call:?}: {message}");
        }
    }
}

/// In a directory, without anything to read. None of them gets as far as to serve.
fn run(folder: &Path, call: &[&str]) -> Output {
    let mut command = airshed(call);
    for name in ["AWS_REGION", "AWS_ENDPOINT_URL"] {
        command.env_remove(name);
    }
    command.current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn message(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// Every file below a directory; directories have no bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
                found.insert(path, None);
            } else {
                found.insert(path.clone(), std::fs::read(&path).ok());
            }
        }
    }
    found
}

#[test]
fn a_network_goes_with_its_readings_and_a_list_of_models_holds_for_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let feed = feed_of(1..3, "2026-02-01 11:00:00").replacen("SDS011", "FOO", 1);
    put("data.24h.json", &feed);
    let collect = |data: &str, more: &[&str]| {
        let call = ["collect", "--once", "--feed", "file:data.24h.json", "--data", data];
        let done = run(folder, &[&call[..], more].concat());
        assert_eq!(done.status.code(), Some(0), "{}", message(&done));
    };
    let export = |data: &str, more: &[&str]| {
        let done = run(folder, &[&["export", "--data", data][..], more].concat());
        assert_eq!(done.status.code(), Some(0), "{}", message(&done));
        String::from_utf8(done.stdout).unwrap()
    };

    // What a demo left behind never goes out as somebody's measurements.
    collect("simulated", &["--feed-network", "simulated"]);
    let file = export("simulated", &["--format", "geojson"]);
    assert!(file.contains("simulated data, not measurements"), "{file}");
    assert!(!file.contains("Open Database License"), "{file}");
    assert_eq!(export("simulated", &["--sensor", "2", "--columns", "sensor_id"]), "sensor_id\n2\n");
    let file = export("simulated", &["-o", "simulated.csv"]);
    assert_eq!(file, "");
    let imported =
        run(folder, &["import", "--data", "imported", "--network", "other", "simulated.csv"]);
    assert_eq!(imported.status.code(), Some(0), "{}", message(&imported));
    let file = export("imported", &["--columns", "network,sensor_id"]);
    assert_eq!(file, "network,sensor_id\nsimulated,1\nsimulated,2\n", "rows say whose they are");

    // Whichever list the readings were stored under, the one of now holds.
    let with = ["--particulate-types", "FOO"];
    let columns = ["--columns", "sensor_id,AQI,flags"];
    collect("with", &with);
    collect("without", &[]);
    for data in ["with", "without"] {
        let now = export(data, &columns);
        assert_eq!(
            now, "sensor_id,AQI,flags\n1,,unknown_type one_pollutant\n2,4,one_pollutant\n",
            "{data}"
        );
        let low = export(data, &[&columns[..], &["--min-aqi", "2"]].concat());
        assert_eq!(low, "sensor_id,AQI,flags\n2,4,one_pollutant\n", "{data}");
        let named = export(data, &[&columns[..], &with].concat());
        assert_eq!(named, "sensor_id,AQI,flags\n1,4,one_pollutant\n2,4,one_pollutant\n", "{data}");
        let low = export(data, &[&columns[..], &with, &["--min-aqi", "2"]].concat());
        assert_eq!(low, named, "{data}");
    }
}

#[test]
fn one_rule_of_exit_codes_for_refused_rows() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let header = "sensor_id,window,timestamp,P1,P2\n";
    let (good, bad) = ("1,24h,2026-02-01T09:00:00Z,51,20\n", "1,42h,2026-02-01T09:00:00Z,51,20\n");
    put("good.csv", &format!("{header}{good}"));
    put("mixed.csv", &format!("{header}{good}{bad}"));
    let feed = feed_of(1..3, "2026-02-01 11:00:00");
    put("data.24h.json", &feed);
    put("mixed.json", &feed.replacen("\"value\":\"51\"", "\"value\":\"x\"", 1));
    let header = "standard,version,pollutant,unit,averaging,concentration\n";
    put("good.batch", &format!("{header}uk_daqi,2013,PM10,ug/m3,24h,100.5\n"));
    put("mixed.batch", &format!("{header}uk_daqi,2013,PM10,ug/m3,24h,x\n"));
    let batch = |name: &str| {
        let input = std::fs::File::open(folder.path().join(name)).unwrap();
        airshed(&["index", "--batch"]).stdin(input).output().unwrap()
    };
    let collect = |feed| {
        let window = ["--window", "24h", "--data", "collected"];
        run(folder.path(), &[&["collect", "--once", "--feed", feed], &window[..]].concat())
    };
    for (done, code) in [
        (run(folder.path(), &["import", "--data", "imported", "good.csv"]), 0),
        (run(folder.path(), &["import", "--data", "imported", "mixed.csv", "good.csv"]), 1),
        (batch("good.batch"), 0),
        (batch("mixed.batch"), 1),
        (collect("file:data.24h.json"), 0),
        (collect("file:mixed.json"), 0),
    ] {
        assert_eq!(done.status.code(), Some(code), "{}", message(&done));
    }
    put("data.1h.json", "[]");
    let once = collect("file:data.1h.json");
    assert_eq!(once.status.code(), Some(1));
    assert!(
        message(&once).contains("giving up") && !message(&once).contains("schedule"),
        "{}",
        message(&once)
    );
    assert!(message(&run(folder.path(), &["--help"])).is_empty());
}

#[test]
fn whoever_reads_may_stop_reading() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "sensor_id,window,timestamp,P1,P2\n1,24h,2026-02-01T09:00:00Z,51,20.50\n";
    std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
    let made = run(folder.path(), &["import", "--data", "store", "rows.csv"]);
    assert!(made.status.success());
    let calls: &[&[&str]] = &[
        &["--help"],
        &["serve", "--help"],
        &["--version"],
        &["export", "--data", "store"],
        &["export", "--data", "store", "--output", "-"],
        &["export", "--data", "store", "--output", "/dev/stdout"],
        &["export", "--data", "store", "--format", "parquet"],
        &["index", "--list"],
        &["index", "uk_daqi", "PM10=1"],
        &["index", "--batch"],
        &["cost"],
        &["cost", "--json"],
        &["cost", "--show-prices"],
        &["provision", "render"],
    ];
    let batch = "standard,version,pollutant,unit,averaging,concentration\n";
    for call in calls {
        std::fs::write(folder.path().join("batch"), batch).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let input = std::fs::File::open(folder.path().join("batch")).unwrap();
        let mut command = airshed(call);
        command.current_dir(folder.path()).stdin(input).stdout(writer.try_clone().unwrap());
        let done = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{call:?}: {}", message(&done));
        assert!(done.stderr.is_empty(), "{call:?}: {}", message(&done));
        // Nobody reads standard error, either.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
        let code = command.status().unwrap().code();
        assert!(matches!(code, Some(0 | 1)), "{call:?}: {code:?}");
    }
    assert!(!folder.path().join("stdout").exists());
}

#[test]
fn colours_are_for_those_who_want_them() {
    let coloured = |variables: &[(&str, &str)]| {
        let help = airshed(&["serve", "--bogus"])
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.24h.json"), "[]").unwrap();
        let mut log = airshed(&["collect", "--once", "--feed", "file:data.24h.json"]);
        log.env_remove("NO_COLOR").current_dir(folder.path());
        let log = log.envs(variables.iter().copied()).output().unwrap();
        assert!(message(&log).contains("feed"), "{}", message(&log));
        [message(&help).contains('\u{1b}'), message(&log).contains('\u{1b}')]
    };
    assert_eq!(coloured(&[]), [false, false]);
    assert_eq!(coloured(&[("CLICOLOR_FORCE", "1")]), [true, true]);
    assert_eq!(coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), [false, false]);
}
