//! The program itself, driven as a user would.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use store::{Embedded, Store};

use super::daemon::{Daemon, airshed, output, text};
use super::support::{feed_of, readings, shared_data};

fn write_feed(folder: &Path) -> String {
    let path = folder.join("data.24h.json");
    std::fs::write(&path, feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    format!("file:{}", path.display())
}

#[tokio::test]
async fn serve_collects_answers_and_stops_within_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let feed = write_feed(folder.path());
    let data = folder.path().join("data");
    for signal in ["-TERM", "-INT"] {
        let mut daemon = Daemon::start(&[
            "serve",
            "--feed",
            &feed,
            "--data",
            data.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--log",
            "debug",
        ]);
        let base = daemon.base();
        let stored = daemon.wait_for("stored");
        assert_eq!((stored["id"].as_u64(), stored["aqi"].as_u64()), (Some(1_000_001), Some(4)));
        let collected = daemon.wait_for("feed collected");
        assert_eq!(
            (collected["records"].as_u64(), collected["stored"].as_u64()),
            (Some(3), Some(3))
        );
        let url = format!("{base}/api/query?startDate=2026-02-01&endDate=2026-02-01");
        let http = reqwest::Client::new();
        let direct = http.get(&url).send().await.unwrap().text().await.unwrap();
        assert_eq!(direct.lines().count(), 4, "{direct}");
        let queued = http.get(&url).header("prefer", "respond-async").send().await.unwrap();
        let location = super::support::location(&queued);
        let result = http.get(format!("{base}{location}?wait=30")).send().await.unwrap();
        assert_eq!(result.text().await.unwrap(), direct);

        daemon.signal(signal);
        let begun = Instant::now();
        assert!(daemon.child.wait().unwrap().success(), "{signal}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn demo_shows_a_whole_network_without_one() {
    let daemon = Daemon::start(&[
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--sensors",
        "500",
        "--history",
        "2",
        "--in-flight",
        "0",
    ]);
    let base = daemon.base();
    for _ in 0..3 {
        assert_eq!(daemon.wait_for("feed collected")["records"], 500);
    }
    let http = reqwest::Client::new();
    let url = format!("{base}/api/query?startDate=2000-01-01&endDate=2100-01-01&columns=all");
    let queued = http.get(url).send().await.unwrap();
    assert_eq!(queued.status(), 202);
    let location = super::support::location(&queued);
    let result = http.get(format!("{base}{location}?wait=30")).send().await.unwrap();
    let csv = result.text().await.unwrap();
    let rows = store::csv::CsvReader::new(csv.as_bytes()).unwrap();
    let rows: Vec<_> = rows.map(|row| row.unwrap().reading).collect();
    assert!(rows.len() > 3 * 200, "{}", rows.len());
    let url =
        format!("{base}/api/query?startDate=2000-01-01&endDate=2100-01-01&limit=3&format=geojson");
    let few = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(few.contains("simulated data, not measurements"), "{few}");
    assert!(!few.contains("Sensor.Community"), "{few}");
}

#[tokio::test]
async fn jobs_that_a_kill_interrupted_are_done_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let feed = write_feed(folder.path());
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let serve = |workers| {
        Daemon::start(&[
            "serve",
            "--feed",
            &feed,
            "--data",
            &data,
            "--listen",
            "127.0.0.1:0",
            "--in-flight",
            "0",
            "--fresh-results",
            "0",
            "--workers",
            workers,
        ])
    };
    // No worker at all would be one: a queue that nobody reads is made by stopping it.
    let mut first = serve("1");
    let base = first.base();
    first.wait_for("feed collected");
    let http = reqwest::Client::new();
    let url = format!("{base}/api/query?startDate=2026-02-01&endDate=2026-02-01");
    let mut locations = Vec::new();
    for _ in 0..20 {
        let queued = http.get(&url).send().await.unwrap();
        assert_eq!(queued.status(), 202);
        locations.push(super::support::location(&queued));
    }
    first.signal("-KILL");
    first.child.wait().unwrap();

    let second = serve("2");
    let base = second.base();
    for location in locations {
        let result = http.get(format!("{base}{location}?wait=30")).send().await.unwrap();
        assert_eq!(result.status(), 200);
        assert_eq!(result.text().await.unwrap().lines().count(), 4);
    }
}

#[test]
fn export_and_import_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let feed = match shared_data("derived/data.24h.json") {
        Some(path) => format!("file:{}", path.display()),
        None => write_feed(folder.path()),
    };
    let collected = output(&["collect", "--once", "--feed", &feed, "--data", &path("a")], "");
    assert!(collected.status.success(), "{}", text(&collected.stderr));
    let exported = output(&["export", "--data", &path("a"), "--output", &path("a.csv")], "");
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let first = std::fs::read_to_string(path("a.csv")).unwrap();
    assert!(first.lines().count() > 3);
    let imported = output(&["import", "--data", &path("b"), &path("a.csv")], "");
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert_eq!(text(&output(&["export", "--data", &path("b")], "").stdout), first);
    let again = output(&["import", "--data", &path("b"), "-"], &first);
    assert!(again.status.success());
    assert_eq!(text(&output(&["export", "--data", &path("b")], "").stdout), first);
    // Bad rows are named, the others kept.
    let damaged = first.replacen(",24h,", ",42h,", 1);
    let refused = output(&["import", "--data", &path("c"), "-"], &damaged);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("-: line 2: window"), "{}", text(&refused.stderr));
    let rest = output(&["export", "--data", &path("c")], "");
    assert_eq!(text(&rest.stdout).lines().count(), first.lines().count() - 1);
    let few =
        output(&["export", "--data", &path("b"), "--columns", "P1,AQI", "--max-aqi", "3"], "");
    assert!(text(&few.stdout).starts_with("P1,AQI\n"));
}

const ROWS: &str = "sensor_id,window,timestamp,P1,P2,AQI,flags\n\
    1,24h,2026-02-01T09:00:00Z,51,20.50,4,\n\
    1,24h,2026-02-01T09:00:00Z,8,4,1,\n\
    2,24h,2026-02-01 09:00:00,unavailable,4,1,a_flag_of_later\n\
    3,24h,2026-02-01T09:00:00Z,8,4,2,\n\
    4,24h,2026-02-01T09:00:00Z,nan,nan,1,\n";

#[test]
fn import_says_what_became_of_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let done = output(&["import", "--log", "debug", "--data", &data, "-"], ROWS);
    let message = text(&done.stderr);
    assert!(!done.status.success());
    assert!(
        message.contains("-: line 6: the reading has neither P1 nor P2; P1: `nan`"),
        "{message}"
    );
    assert!(message.contains("-: 5 rows read: 3 stored, 1 collided"), "{message}");
    assert!(message.contains(", 1 refused; 1 values left out"), "{message}");
    assert!(message.contains("in 2 rows AQI, Range or flags differed"), "{message}");
    assert!(message.contains("line 4") && message.contains("P1: `unavailable`"), "{message}");
    let stored = ["export", "--data", &data, "--columns", "sensor_id,P1,P2,AQI"];
    let stored = output(&stored, "");
    // Of two rows of one identity the later is stored; what follows is computed.
    assert_eq!(text(&stored.stdout), "sensor_id,P1,P2,AQI\n1,8,4,1\n2,,4,1\n3,8,4,1\n");

    let strict = folder.path().join("strict").to_str().unwrap().to_owned();
    let done = output(&["import", "--strict", "--data", &strict, "-"], ROWS);
    let message = text(&done.stderr);
    assert!(message.contains("-: line 4: flags does not follow from P1 and P2"), "{message}");
    assert!(message.contains("-: line 5: AQI does not follow from P1 and P2"), "{message}");
    assert!(message.contains("-: 5 rows read: 1 stored, 1 collided"), "{message}");
}

#[test]
fn files_of_every_kind_are_imported_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let feed = write_feed(folder.path());
    assert!(
        output(&["collect", "--once", "--feed", &feed, "--data", &path("a")], "").status.success()
    );
    let csv = output(&["export", "--data", &path("a")], "");
    for (number, format) in [
        &["--format", "parquet"][..],
        &["--format", "arrow"],
        &["--format", "ndjson"],
        &["--format", "geojson"],
        &["--dialect", "report"],
        &["--dialect", "spreadsheet"],
    ]
    .iter()
    .enumerate()
    {
        // The name does not matter.
        let file = path("readings.pdf");
        let (data, again) = (path("a"), path(&format!("again{number}")));
        let exported = output(&[&["export", "--data", &data], *format].concat(), "");
        assert!(exported.status.success(), "{format:?}: {}", text(&exported.stderr));
        std::fs::write(&file, &exported.stdout).unwrap();
        let imported = output(&["import", "--strict", "--data", &again, &file, &file], "");
        assert!(imported.status.success(), "{format:?}: {}", text(&imported.stderr));
        let found = output(&["export", "--data", &again], "");
        assert_eq!(text(&found.stdout), text(&csv.stdout), "{format:?}");
    }
    let html = output(&["import", "--data", &path("b"), "-"], "<!doctype html><p>Gone");
    assert!(!html.status.success());
    let message = text(&html.stderr);
    assert!(message.contains("-: a page of HTML; no reading of it was stored"), "{message}");
}

/// A user other than root, for whom permissions count.
#[test]
fn what_the_system_forbids_is_called_so() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(folder.path(), 0o755);
    let program = at("airshed");
    // By another process: a descriptor of this one, which a process of another test inherits, would
    // make the file busy.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_airshed")).arg(&program).status();
    assert!(copied.unwrap().success());
    mode(&program, 0o755);
    let data = at("data").to_str().unwrap().to_owned();
    assert!(output(&["import", "--data", &data, "-"], ROWS).stderr.ends_with(b"recomputed\n"));
    let root = chown(at("data"), Some(0), None).is_ok();
    for (path, forbidden) in [("data/readings.redb", 0o000), ("data", 0o600)] {
        mode(&at(path), forbidden);
        for arguments in [&["export", "--data", &data][..], &["import", "--data", &data, "-"]] {
            let mut command = Command::new(&program);
            command.args(arguments).stdin(Stdio::null());
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            let failed = command.output().unwrap();
            let message = text(&failed.stderr);
            assert!(!failed.status.success());
            assert!(
                message.contains("permission denied") && !message.contains("disk"),
                "{message}"
            );
        }
        mode(&at(path), 0o700);
    }
}

#[test]
fn index_answers_and_refuses_by_name() {
    let one = output(&["index", "uk_daqi", "PM2.5=35.5", "PM10=51"], "");
    let lines: Vec<_> = text(&one.stdout).lines().take(3).collect();
    assert_eq!(lines, ["index: 4", "band: Moderate", "dominant: PM2.5, PM10"]);
    let refused = output(&["index", "jp_aqi", "PM2.5=35.5"], "");
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("standard `jp_aqi`: expected one of uk_daqi us_aqi"));
    let list = output(&["index", "--list"], "");
    assert!(text(&list.stdout).contains("eu_caqi:2012:roadside daily\n    NO2/1h µg/m³, PM10/24h"));
    assert!(text(&list.stdout).contains("US EPA AQI 2015, from 2015-12-28 until 2024-05-06\n"));
    assert!(text(&one.stdout).ends_with("by UK DAQI 2013\n"));
    let input = "standard,version,pollutant,unit,averaging,concentration\n\
                 uk_daqi,2013,PM10,ug/m3,24h,100.5\nuk_daqi,2013,PM10,ug/m3,24h,x\n";
    let batch = output(&["index", "--batch"], input);
    assert_eq!(batch.status.code(), Some(1));
    assert_eq!(
        text(&batch.stdout),
        "standard,version,pollutant,unit,averaging,concentration,index,category,error\n\
         uk_daqi,2013,PM10,ug/m3,24h,100.5,10,Very High,\n\
         uk_daqi,2013,PM10,ug/m3,24h,x,,,concentration `x`: not a decimal number\n"
    );
}

#[test]
fn what_cannot_start_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let feed = write_feed(folder.path());
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let held =
        Daemon::start(&["serve", "--feed", &feed, "--data", &data, "--listen", "127.0.0.1:0"]);
    let address = held.base().trim_start_matches("http://").to_owned();
    let other = folder.path().join("other").to_str().unwrap().to_owned();
    let nothing = folder.path().join("nothing").to_str().unwrap().to_owned();
    let file = folder.path().join("data.24h.json").to_str().unwrap().to_owned();
    let not_a_store = format!("file:{file}");
    let cases: &[(&[&str], &str)] = &[
        (
            &["serve", "--feed", &feed, "--data", &data, "--listen", "127.0.0.1:0"],
            "another process has the store open",
        ),
        (
            &["serve", "--feed", &feed, "--data", &other, "--listen", &address],
            "choose another --listen",
        ),
        (&["serve", "--data", &other], "--contact"),
        (&["serve", "--feed", "nonsense"], "a feed is http://"),
        (&["serve", "--schedule", "noon"], "not a cron expression"),
        (&["serve", "--feed", &feed, "--store", "oracle:x"], "invalid store URL; expected memory:"),
        (&["serve", "--feed", &feed, "--store", &not_a_store], "not a store of readings"),
        (&["serve", "--feed", &feed, "--data", &other, "--queue", "kafka:x"], "expected channel:"),
        (
            &["serve", "--feed", &feed, "--data", &other, "--results", "ftp:x"],
            "expected memory:, file:DIR or s3://",
        ),
        (&["serve", "--feed", &feed, "--data", &other, "--cors", "example.org"], "invalid origin"),
        (&["worker", "--data", &other], "airshed serve"),
        (&["import", "--data", &other, "/nowhere.csv"], "cannot read /nowhere.csv"),
        (&["import", "--data", &other, &file], "a feed file of Sensor.Community"),
        (&["export", "--data", &other, "--country", "ZZ"], "country: `ZZ`"),
        (&["export", "--data", &nothing], "there is no store at"),
    ];
    for (arguments, reason) in cases {
        let failed = output(arguments, "");
        assert!(!failed.status.success(), "{arguments:?}");
        assert!(text(&failed.stderr).contains(reason), "{arguments:?}: {}", text(&failed.stderr));
    }
}

#[test]
fn a_server_alone_serves_what_a_collector_alone_stored() {
    let folder = tempfile::tempdir().unwrap();
    let feed = write_feed(folder.path());
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    assert!(output(&["collect", "--once", "--feed", &feed, "--data", &data], "").status.success());
    let server = Daemon::start(&["server", "--data", &data, "--listen", "127.0.0.1:0"]);
    let address = server.base();
    let mut stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let request = "GET /api/query?startDate=2026-02-01&endDate=2026-02-01&columns=sensor_id HTTP/1.1\r\n\
                   host: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nsensor_id\n1\n2\n3\n"), "{answer}");
}

#[tokio::test]
async fn a_slow_client_costs_the_cache_and_little_more() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let path = folder.path().join("readings.redb");
    let store = Embedded::open(path, store::Options::default()).unwrap();
    let all: u64 = 400_000;
    for batch in readings(all as usize).chunks(50_000) {
        store.put(batch).await.unwrap();
    }
    drop(store);
    let cache_mib = 4;
    let memory = ["--cache-mib", "4", "--answers-mib", "4"];
    let listen = ["server", "--listen", "127.0.0.1:0", "--data", data];
    let server = Daemon::start(&[&listen[..], &memory].concat());
    let url = format!("{}/api/query?startDate=2000-01-01&endDate=2100-01-01", server.base());
    // What the program itself takes, and a short answer.
    reqwest::get(format!("{url}&limit=1")).await.unwrap().bytes().await.unwrap();
    let before_kib = server.peak_kib();
    let mut answer = reqwest::get(url).await.unwrap();
    let (mut rows, mut bytes) = (0, 0);
    while let Some(chunk) = answer.chunk().await.unwrap() {
        rows += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes += chunk.len();
        if bytes < 4 << 20 {
            // This is the slowness, not a wait for anything.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    assert_eq!(rows, all + 1);
    let more_kib = server.peak_kib() - before_kib;
    // The text alone has 19 MB, the columns more than that.
    assert!(more_kib < (cache_mib + 12) << 10, "{more_kib} KiB for {bytes} bytes of answer");
}

#[test]
fn help_names_every_command() {
    let help = output(&["--help"], "");
    let help = text(&help.stdout);
    for command in
        ["serve", "demo", "collect", "server", "worker", "import", "export", "index", "loadtest"]
    {
        assert!(help.contains(&format!("  {command}")), "{command}");
        assert!(output(&[command, "--help"], "").status.success());
    }
    assert!(help.contains("Sensor.Community contributors"));
}

#[test]
fn a_store_of_an_earlier_format_migrates_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let digits = include_str!("../../../store/tests/format2/store.redb.zst.hex");
    let digits: Vec<_> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(text(pair), 16).unwrap();
    let packed: Vec<_> = digits.chunks(2).map(byte).collect();
    let file = folder.path().join("readings.redb");
    std::fs::write(&file, zstd::decode_all(&*packed).unwrap()).unwrap();
    let data = folder.path().to_str().unwrap();
    // The first time through a process that holds the store.
    let mut holder =
        Some(Daemon::spawn(airshed(&["server", "--data", data, "--listen", "127.0.0.1:0"])));
    for _ in 0..2 {
        if let Some(holder) = &holder {
            holder.wait_for("listening");
        }
        let migrated = output(&["migrate", "--data", data], "");
        holder = None;
        assert!(migrated.status.success(), "{}", text(&migrated.stderr));
        assert_eq!(text(&migrated.stderr), "90 readings, all in the current format\n");
    }
    let expected = include_str!("../../../store/tests/format2/readings.csv");
    let columns = expected.lines().next().unwrap();
    let exported = output(&["export", "--data", data, "--columns", columns], "");
    assert_eq!(text(&exported.stdout), expected);

    let missing = output(&["migrate", "--data", &format!("{data}/none")], "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("there is no store at"), "{}", text(&missing.stderr));
    assert!(!folder.path().join("none").exists());
    let other = output(&["migrate", "--store", "memory:"], "");
    assert_eq!(other.status.code(), Some(2));
}

#[test]
fn the_terms_of_others_are_in_the_program() {
    let done = airshed(&["licences"]).output().unwrap();
    assert!(done.status.success());
    let terms = String::from_utf8(done.stdout).unwrap();
    for expected in
        ["\ntokio 1.", "\nredb ", "\nhyper 1.", "Apache License", "Permission is hereby granted"]
    {
        assert!(terms.contains(expected), "{expected}");
    }
    assert!(!terms.contains("airshed-store"), "only of others");
}
