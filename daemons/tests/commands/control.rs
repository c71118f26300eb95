//! Commands on a store, beside the process that holds it and alone; and where exports go.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use airshed::control::{Client, ClientError, Parts, Policy, Socket, SocketError, run, socket_of};
use airshed::networks::{Networks, Terms};
use store::{Embedded, Memory, Store};
use tokio_util::sync::CancellationToken;

use super::daemon::{Daemon, airshed};
use super::support::{feed_of, readings};

/// A directory with a store of three readings in `data`, and a feed of the same.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::write(home.at("data.24h.json"), feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
        let made = home.run(&["collect", "--once", "--feed", "file:data.24h.json"]);
        assert!(made.status.success(), "{}", message(&made));
        home
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = airshed(arguments);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn import(&self, rows: &str) -> Output {
        fs::write(self.at("rows.csv"), rows).unwrap();
        self.run(&["import", "rows.csv"])
    }

    fn serve(&self) -> Daemon {
        let serve = ["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"];
        let daemon = Daemon::spawn(self.command(&serve));
        daemon.wait_for("feed collected");
        daemon
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn message(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn text(done: &Output) -> String {
    assert!(done.status.success(), "{}", message(done));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

const ROW: &str = "sensor_id,window,timestamp,P1,P2\n9,24h,2026-02-01T09:00:00Z,51,20.50\n";
const REFUSED: &str = "sensor_id,window,timestamp,P1,P2\n8,24h,2026-02-01T09:00:00Z,nan,nan\n";
const EXPORT: &[&str] = &["export", "--columns", "sensor_id,P1,P2"];

#[tokio::test]
async fn commands_reach_the_process_that_holds_the_store() {
    let home = Home::new();
    let alone = text(&home.run(EXPORT));
    assert_eq!(alone, "sensor_id,P1,P2\n1,51,\n2,51,\n3,51,\n");
    let mut server = home.serve();
    let socket = home.at("data/airshed.sock");
    let made = fs::symlink_metadata(&socket).unwrap();
    assert!(made.file_type().is_socket());
    assert_eq!(made.mode() & 0o777, 0o600);
    assert_eq!(text(&home.run(EXPORT)), alone);
    let parquet = text_length(&home.run(&["export", "--format", "parquet"]));
    assert!(parquet > 0);

    let imported = home.import(ROW);
    assert!(
        message(&imported).contains("rows.csv: 1 rows read: 1 stored"),
        "{}",
        message(&imported)
    );
    assert!(imported.status.success());
    let refused = home.import(REFUSED);
    assert_eq!(refused.status.code(), Some(1));
    assert!(message(&refused).contains("0 stored, 1 refused"), "{}", message(&refused));
    let after = text(&home.run(EXPORT));
    assert_eq!(after, "sensor_id,P1,P2\n9,51,20.50\n1,51,\n2,51,\n3,51,\n");
    let few = home.run(&["export", "--columns", "sensor_id", "--sensor", "2,9"]);
    assert_eq!(text(&few), "sensor_id\n9\n2\n");
    assert!(message(&few).contains("2 readings"), "{}", message(&few));

    // Killed, it leaves its socket behind, which hinders nobody and is replaced.
    server.signal("-KILL");
    server.child.wait().unwrap();
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(text(&home.run(EXPORT)), after);
    let mut server = home.serve();
    assert_eq!(text(&home.run(EXPORT)), after);
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    assert!(!socket.exists());
    assert_eq!(text(&home.run(EXPORT)), after);
}

#[test]
fn a_collection_goes_through_the_process_that_holds_the_store() {
    let home = Home::new();
    let server = Daemon::spawn(home.command(&["server", "--listen", "127.0.0.1:0"]));
    server.wait_for("listening");
    fs::write(home.at("data.24h.json"), feed_of(4..6, "2026-02-01 11:00:00")).unwrap();
    let collect = ["collect", "--once", "--feed", "file:data.24h.json"];
    let collected = home.run(&collect);
    assert!(collected.status.success(), "{}", message(&collected));
    assert!(message(&collected).contains("putting readings through it"), "{}", message(&collected));
    let all = "sensor_id,P1,P2\n1,51,\n2,51,\n3,51,\n4,51,\n5,51,\n";
    assert_eq!(text(&home.run(EXPORT)), all);
    // What is too old goes, too: all of it, beside a reading of today.
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    fs::write(home.at("data.24h.json"), feed_of(6..7, &now)).unwrap();
    let collected = home.run(&[&collect[..], &["--keep-readings", "2"]].concat());
    assert!(collected.status.success(), "{}", message(&collected));
    assert_eq!(text(&home.run(EXPORT)), "sensor_id,P1,P2\n6,51,\n");
    // A daemon has its store to itself.
    let second = home.run(&["collect", "--feed", "file:data.24h.json"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(message(&second).contains("stop it first"), "{}", message(&second));
}

#[test]
fn a_collection_opens_the_store_itself_when_the_process_that_held_it_has_ended() {
    let home = Home::new();
    for signal in ["-KILL", "-TERM"] {
        let mut server = Daemon::spawn(home.command(&["server", "--listen", "127.0.0.1:0"]));
        server.wait_for("listening");
        let feed = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/data.24h.json", feed.local_addr().unwrap());
        let collect = ["collect", "--once", "--feed", &url, "--contact", "tests@example.org"];
        let mut collecting = Daemon::spawn(home.command(&collect));
        collecting.wait_for("another process has the store open: putting readings through it");
        // The feed comes when the holder has ended.
        let (mut asking, _) = feed.accept().unwrap();
        // An answer before the request would be an error.
        assert!(asking.read(&mut [0; 4096]).unwrap() > 0);
        server.signal(signal);
        server.child.wait().unwrap();
        let sensor = if signal == "-KILL" { 4..5 } else { 5..6 };
        let body = feed_of(sensor, "2026-02-01 11:00:00");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        asking.write_all((head + &body).as_bytes()).unwrap();
        assert!(collecting.child.wait().unwrap().success());
    }
    let all = "sensor_id,P1,P2\n1,51,\n2,51,\n3,51,\n4,51,\n5,51,\n";
    assert_eq!(text(&home.run(EXPORT)), all);
}

fn text_length(done: &Output) -> usize {
    assert!(done.status.success(), "{}", message(done));
    done.stdout.len()
}

#[test]
fn what_is_not_ours_at_the_place_of_the_socket_stays() {
    let home = Home::new();
    fs::write(home.at("precious"), "precious").unwrap();
    symlink("../precious", home.at("data/airshed.sock")).unwrap();
    let serve = ["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"];
    let server = Daemon::spawn(home.command(&serve));
    let warning = server.wait_for(
        "no control socket: commands on the store have to wait until this process has exited",
    );
    assert!(warning["reason"].as_str().unwrap().contains("is not a socket"), "{warning}");
    server.wait_for("feed collected");
    let failed = home.run(EXPORT);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        message(&failed).contains("another process has the store open"),
        "{}",
        message(&failed)
    );
    assert!(message(&failed).contains("not a socket"), "{}", message(&failed));
    drop(server);
    assert_eq!(fs::read_to_string(home.at("precious")).unwrap(), "precious");
    assert!(home.at("data/airshed.sock").is_symlink());
}

#[test]
fn a_path_longer_than_a_socket_s_is_no_hindrance() {
    let home = Home::new();
    let long = format!("{}/{}", "a".repeat(100), "b".repeat(100));
    fs::create_dir_all(home.at(&long)).unwrap();
    fs::rename(home.at("data"), home.at(&long).join("data")).unwrap();
    let data = format!("{long}/data");
    let serve = ["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"];
    let server = Daemon::spawn(home.command(&[&serve[..], &["--data", &data]].concat()));
    server.wait_for("feed collected");
    assert_eq!(text(&home.run(&[EXPORT, &["--data", &data]].concat())).lines().count(), 4);
}

#[tokio::test]
async fn a_client_is_told_what_the_holder_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("airshed.sock");
    let absent = Client::connect(&path).await.err().unwrap();
    assert!(absent.nobody_listens(), "{absent}");
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let terms = Terms::new("somebody's", None);
    let networks = Arc::new(Networks::only(store::Network::SENSOR_COMMUNITY, terms));
    let stop = CancellationToken::new();
    let drain = std::time::Duration::from_secs(8);
    let parts = Parts {
        store: Arc::clone(&store),
        networks,
        daemon: "test",
        drain,
        policy: Policy::default(),
    };
    let socket = Socket::listen(&path).unwrap();
    let serving = tokio::spawn(run(parts, socket, stop.clone()));
    assert!(matches!(Socket::listen(&path), Err(SocketError::Taken(_))));

    let mut client = Client::connect(&path).await.unwrap();
    let all = readings(5_000);
    client.put(&all).await.unwrap();
    client.put(&all).await.unwrap();
    assert_eq!(store.summary().await.unwrap().readings(), 5_000);
    let mut file = Vec::new();
    assert_eq!(client.export("format=geojson&sensor=100", &mut file).await.unwrap().rows, 100);
    assert!(String::from_utf8(file).unwrap().contains("somebody's"));
    let refused = client.export("country=ZZ", &mut Vec::new()).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(message) if message.contains("country: `ZZ`")));

    // Other paths, other methods and nonsense, as somebody else's client would send them.
    let mut raw = UnixStream::connect(&path).unwrap();
    raw.write_all(b"GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut status = String::new();
    let reading = tokio::task::spawn_blocking(move || {
        raw.read_to_string(&mut status).unwrap();
        status
    });
    let status = reading.await.unwrap();
    assert!(
        status.starts_with("HTTP/1.1 200") && status.contains("\"daemon\":\"test\""),
        "{status}"
    );
    for (request, code) in [
        ("GET /v2/export", "404"),
        ("POST /v1/export", "405"),
        ("GET /v1/import", "405"),
        ("POST /v1/import", "400"),
    ] {
        let mut raw = UnixStream::connect(&path).unwrap();
        let head = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        raw.write_all(head.as_bytes()).unwrap();
        let answer = tokio::task::spawn_blocking(move || {
            let mut answer = String::new();
            BufReader::new(raw).read_line(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        assert!(answer.contains(code), "{request}: {answer}");
    }
    stop.cancel();
    serving.await.unwrap();
    assert!(!path.exists());
}

#[test]
fn sockets_are_named_after_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    assert_eq!(socket_of(&folder.join("readings.redb")), folder.join("airshed.sock"));
    assert_eq!(socket_of(&folder.join("b.redb")), folder.join("b.redb.sock"));
    fs::write(folder.join("readings.redb"), "").unwrap();
    symlink("readings.redb", folder.join("link")).unwrap();
    assert_eq!(socket_of(&folder.join("link")), folder.join("airshed.sock"));
}

#[test]
fn a_store_that_cannot_be_written_is_exported() {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let home = Home::new();
    let program = home.at("airshed");
    // By another process: a descriptor of this one, which a process of another test inherits, would
    // make the file busy.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_airshed")).arg(&program).status();
    assert!(copied.unwrap().success());
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(home.0.path(), 0o755);
    mode(&program, 0o755);
    mode(&home.at("data/readings.redb"), 0o444);
    mode(&home.at("data"), 0o555);
    let is_root = fs::metadata(&program).unwrap().uid() == 0;
    let as_other = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(home.0.path()).stdin(Stdio::null());
        if is_root {
            command.uid(NOBODY).gid(NOBODY); // for root, permissions do not count
        }
        command.output().unwrap()
    };
    assert_eq!(text(&as_other(EXPORT)).lines().count(), 4);
    fs::write(home.at("rows.csv"), ROW).unwrap();
    let failed = as_other(&["import", "rows.csv"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(message(&failed).contains("permission denied"), "{}", message(&failed));
    assert!(!message(&failed).contains("disk"), "{}", message(&failed));
    mode(&home.at("data/readings.redb"), 0o222);
    let failed = as_other(EXPORT);
    assert_eq!(failed.status.code(), Some(1));
    assert!(message(&failed).contains("needs read permission"), "{}", message(&failed));
    mode(&home.at("data/readings.redb"), 0o444);
    mode(&home.at("data"), 0o755);
    if is_root {
        let _server = home.serve();
        let failed = as_other(EXPORT);
        assert_eq!(failed.status.code(), Some(1));
        assert!(
            message(&failed).contains("only its user and root have permission"),
            "{}",
            message(&failed)
        );
    }
}

#[test]
fn an_export_goes_through_what_is_no_regular_file() {
    let home = Home::new();
    let expected = text(&home.run(EXPORT));
    fn to(path: &str) -> Vec<&str> {
        [EXPORT, &["--output", path]].concat()
    }
    // Standard output by any name, also where that is a file that others write to.
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(text(&home.run(&to(name))), expected, "{name}");
        fs::write(home.at("log"), "before\n").unwrap();
        let log = fs::OpenOptions::new().append(true).open(home.at("log")).unwrap();
        assert!(home.command(&to(name)).stdout(log).status().unwrap().success(), "{name}");
        assert_eq!(fs::read_to_string(home.at("log")).unwrap(), format!("before\n{expected}"));
    }
    // A pipe with a name.
    let made = Command::new("mkfifo").arg(home.at("pipe")).status().unwrap();
    assert!(made.success());
    let reader = {
        let path = home.at("pipe");
        std::thread::spawn(move || fs::read_to_string(path).unwrap())
    };
    let done = home.run(&to("pipe"));
    assert!(done.status.success(), "{}", message(&done));
    assert_eq!(reader.join().unwrap(), expected);
    assert!(fs::metadata(home.at("pipe")).unwrap().file_type().is_fifo());
    assert!(home.run(&to("/dev/null")).status.success());
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    // A link stays, and its target is written, there or not yet.
    fs::create_dir(home.at("elsewhere")).unwrap();
    symlink("elsewhere/there.csv", home.at("link.csv")).unwrap();
    for _ in 0..2 {
        assert!(home.run(&to("link.csv")).status.success());
        assert!(home.at("link.csv").is_symlink());
        assert_eq!(fs::read_to_string(home.at("elsewhere/there.csv")).unwrap(), expected);
    }
    // A regular file is replaced and keeps its permissions.
    fs::write(home.at("kept.csv"), "before").unwrap();
    fs::set_permissions(home.at("kept.csv"), fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(home.at("kept.csv")).unwrap();
    assert!(home.run(&to("kept.csv")).status.success());
    let after = fs::metadata(home.at("kept.csv")).unwrap();
    assert_eq!(fs::read_to_string(home.at("kept.csv")).unwrap(), expected);
    assert_eq!(after.mode(), before.mode());
    assert_ne!(after.ino(), before.ino());
}

/// A process that holds the store and hangs in the midst of an answer, or ends there.
struct Hanging {
    listener: UnixListener,
    _store: Embedded,
}

impl Hanging {
    fn new(home: &Home) -> Self {
        let store = home.at("data/readings.redb");
        let store = Embedded::open(store, store::Options::default()).unwrap();
        let listener = UnixListener::bind(home.at("data/airshed.sock")).unwrap();
        Self { listener, _store: store }
    }

    /// The connection of a command that has got the first part of its answer.
    fn answer_in_part(&self) -> UnixStream {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while request.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\npart\n\r\n";
        stream.write_all(head).unwrap();
        stream
    }
}

#[test]
fn an_export_that_ends_early_leaves_the_file_that_was_there() {
    let home = Home::new();
    fs::write(home.at("kept.csv"), "before").unwrap();
    let before = home.names();
    let holder = Hanging::new(&home);
    let export = || {
        let mut command = home.command(&["export", "--output", "kept.csv"]);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut child = export();
        let _stream = holder.answer_in_part();
        assert!(home.names().len() > before.len(), "it is written beside its place");
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(home.names(), before, "{signal}");
    }
    // It tries a few times.
    let child = export();
    (0..4).for_each(|_| drop(holder.answer_in_part()));
    let failed = child.wait_with_output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(message(&failed).contains("was lost"), "{}", message(&failed));
    assert_eq!(home.names(), before);
    assert_eq!(fs::read_to_string(home.at("kept.csv")).unwrap(), "before");
}

#[test]
fn what_a_killed_export_left_goes_with_the_next_one() {
    let home = Home::new();
    let holder = Hanging::new(&home);
    let mut command = home.command(&["export", "--output", "new.csv"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let _stream = holder.answer_in_part();
    child.kill().unwrap();
    child.wait().unwrap();
    let is_unfinished = |name: &String| name.starts_with(".airshed-export-");
    assert_eq!(home.names().iter().filter(|name| is_unfinished(name)).count(), 1);
    drop(holder);
    // Of a living process, of nobody's making, no file, a link, and one that is locked, as by a
    // process of another container.
    let (living, dead) = (std::process::id(), child.id());
    let name = |process: u32, end: &str| format!(".airshed-export-{process}-{end}");
    fs::write(home.at(&name(living, "a")), "").unwrap();
    fs::write(home.at(".airshed-export-backup"), "").unwrap();
    fs::create_dir(home.at(&name(dead, "b"))).unwrap();
    symlink("data.24h.json", home.at(&name(dead, "c"))).unwrap();
    let locked = fs::File::create(home.at(&name(dead, "d"))).unwrap();
    locked.lock().unwrap();
    let mut stay: Vec<_> =
        ["a", "b", "c", "d"].map(|end| name(if end == "a" { living } else { dead }, end)).to_vec();
    stay.push(".airshed-export-backup".to_owned());
    stay.sort();
    let done = home.run(&["export", "--output", "new.csv"]);
    assert!(done.status.success(), "{}", message(&done));
    let mut left = home.names();
    left.retain(is_unfinished);
    assert_eq!(left, stay);
}

#[test]
fn an_import_says_that_it_waits_for_an_export() {
    let home = Home::new();
    let mut rows = "sensor_id,window,timestamp,P1,P2\n".to_owned();
    (0..20_000).for_each(|sensor| rows += &format!("{sensor},24h,2026-02-01T09:00:00Z,51,20\n"));
    assert!(home.import(&rows).status.success());
    // More than a pipe holds, which nobody reads on.
    let mut export = home.command(&["export"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(export.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    fs::write(home.at("rows.csv"), ROW).unwrap();
    let mut import = home.command(&["import", "rows.csv"]);
    let mut import = import.stderr(Stdio::piped()).spawn().unwrap();
    let mut message = String::new();
    let mut log = BufReader::new(import.stderr.take().unwrap());
    log.read_line(&mut message).unwrap();
    assert!(message.contains("another process has the store open"), "{message}");
    assert!(message.contains("waiting for up to 3 s"), "{message}");
    export.kill().unwrap();
    export.wait().unwrap();
    log.read_to_string(&mut message).unwrap();
    assert!(import.wait().unwrap().success(), "{message}");
}

#[test]
fn head_ends_an_export_quietly() {
    let home = Home::new();
    // More than a pipe holds.
    let mut rows = "sensor_id,window,timestamp,P1,P2\n".to_owned();
    (0..20_000).for_each(|sensor| rows += &format!("{sensor},24h,2026-02-01T09:00:00Z,51,20\n"));
    assert!(home.import(&rows).status.success());
    let head = |home: &Home| {
        let mut command = home.command(&["export"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("id,timestamp"), "{line}");
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0));
        assert_eq!(message(&done), "");
    };
    head(&home);
    let _server = home.serve();
    head(&home);
}

#[test]
fn an_import_that_is_interrupted_can_be_done_again() {
    let home = Home::new();
    let mut command = home.command(&["import", "-"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // One batch and a part of the next.
    let mut rows = "sensor_id,window,timestamp,P1,P2\n".to_owned();
    (0..40_000).for_each(|sensor| rows += &format!("{sensor},24h,2026-02-01T09:00:00Z,51,20\n"));
    input.write_all(rows.as_bytes()).unwrap();
    // Beside it, its socket serves others; until its batch shows.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while text(&home.run(&["export", "--columns", "sensor_id"])).lines().count() < 25_000 {
        assert!(std::time::Instant::now() < deadline);
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130));
    assert!(message(&done).contains("import the same files again"), "{}", message(&done));
    drop(input);
    assert!(home.import(&rows).status.success());
    let all = text(&home.run(&["export", "--columns", "sensor_id"])).lines().count();
    assert_eq!(all, 40_000 + 3 + 1);
    let mut kept: Vec<_> = fs::read_dir(home.at("data")).unwrap().collect();
    kept.retain(|entry| entry.as_ref().unwrap().file_name() != "results");
    assert_eq!(kept.len(), 1, "{kept:?}");
}

#[tokio::test]
async fn no_new_store_comes_up_beside_a_process_that_holds_a_deleted_one() {
    let home = Home::new();
    let mut server = home.serve();
    let file = home.at("data/readings.redb");
    fs::remove_file(&file).unwrap();
    for arguments in [
        &["import", "rows.csv"][..],
        EXPORT,
        &["collect", "--once", "--feed", "file:data.24h.json"],
    ] {
        fs::write(home.at("rows.csv"), ROW).unwrap();
        let done = home.run(arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {}", message(&done));
        assert!(!file.exists(), "{arguments:?}");
    }
    let refused = home.import(ROW);
    assert!(
        message(&refused).contains("was deleted, but a running process"),
        "{}",
        message(&refused)
    );
    server.signal("-KILL");
    server.child.wait().unwrap();
    assert!(home.import(ROW).status.success(), "nobody holds it any more");
}
