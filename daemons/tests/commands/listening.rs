//! Where a server listens: sockets, ports of platforms, and a listener for what is not public.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::daemon::{Daemon, airshed};
use super::support::certificate::Pair;
use super::support::feed_of;

fn serve(folder: &Path, more: &[&str], environment: &[(&str, &str)]) -> Daemon {
    fs::write(folder.join("data.24h.json"), feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    let serve = ["serve", "--feed", "file:data.24h.json"];
    let mut command = airshed(&[&serve, more].concat());
    command.current_dir(folder).envs(environment.iter().copied());
    Daemon::spawn(command)
}

const PATIENCE: Duration = Duration::from_secs(30);

/// The exit code of a server that ends by itself.
fn ended(daemon: &mut Daemon) -> Option<i32> {
    let begun = Instant::now();
    // Its log ends with it.
    assert_eq!(daemon.wait_within(&[], PATIENCE), None);
    assert!(begun.elapsed() < PATIENCE, "it does not end");
    daemon.child.wait().unwrap().code()
}

fn answer(path: &Path, target: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: airshed\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

async fn status(url: &str) -> u16 {
    reqwest::get(url).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_socket_is_a_listener_that_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("http.sock");
    let mut daemon = serve(folder.path(), &["--listen", "unix:http.sock"], &[]);
    assert_eq!(daemon.base(), "unix:http.sock");
    assert!(answer(&socket, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(answer(&socket, "/api/summary").contains("\"readings\":"));
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666, "a proxy may be another user");
    // Nobody else takes it meanwhile, nor the place of another file.
    let other = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", socket.display());
    let mut second = serve(other.path(), &["--listen", &path], &[]);
    assert_eq!(ended(&mut second), Some(1));
    fs::write(other.path().join("kept"), "kept").unwrap();
    let mut third = serve(other.path(), &["--listen", "unix:kept"], &[]);
    assert_eq!(ended(&mut third), Some(1));
    assert_eq!(fs::read(other.path().join("kept")).unwrap(), b"kept");
    assert!(answer(&socket, "/healthz").starts_with("HTTP/1.1 200"));

    daemon.signal("-KILL");
    ended(&mut daemon);
    assert!(socket.exists());
    let mut daemon = serve(folder.path(), &["--listen", "unix:http.sock"], &[]);
    daemon.base();
    assert!(answer(&socket, "/healthz").starts_with("HTTP/1.1 200"));
    daemon.signal("-TERM");
    assert_eq!(ended(&mut daemon), Some(0));
    assert!(!socket.exists());
}

/// The log of a server without free descriptors has a line, not one for each attempt; it goes on when
/// there are some again.
#[test]
fn out_of_descriptors_a_server_waits_quietly() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data.24h.json"), feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    let feed = format!("file:{}", folder.path().join("data.24h.json").display());
    let data = folder.path().join("data").display().to_string();
    let limited = ["sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"];
    let serve = ["serve", "--feed", &feed, "--data", &data, "--listen", "127.0.0.1:0"];
    let mut daemon = Daemon::start_through(&limited, &serve);
    let address = daemon.base().replace("http://", "");
    daemon.wait_for("feed collected");
    let many: Vec<_> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    daemon.wait_for("cannot accept connections; trying again");
    let ask = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    for _ in 0..3 {
        assert!(ask().is_err(), "there is still a descriptor");
    }
    drop(many);
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask().is_err() {
        assert!(Instant::now() < deadline, "it does not go on");
    }
    daemon.signal("-TERM");
    // Until the log ends.
    let more = daemon.wait_within(&["cannot accept connections; trying again"], PATIENCE);
    assert_eq!(more, None, "one line a minute");
    assert_eq!(ended(&mut daemon), Some(0));
}

#[tokio::test]
async fn a_platform_s_port_counts_unless_there_is_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let daemon = serve(folder.path(), &[], &[("PORT", &free)]);
    assert_eq!(daemon.base(), format!("http://0.0.0.0:{free}"));
    drop(daemon);
    let given = serve(folder.path(), &["--listen", "127.0.0.1:0"], &[("PORT", &free)]);
    let base = given.base();
    assert!(base.starts_with("http://127.0.0.1:") && !base.ends_with(&free), "{base}");
}

#[tokio::test]
async fn metrics_are_only_on_the_admin_listener() {
    let folder = tempfile::tempdir().unwrap();
    let contact = "mailto:security@example.org";
    let flags = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let flags = [&flags[..], &["--security-contact", contact]].concat();
    let daemon = serve(folder.path(), &flags, &[]);
    let admin = daemon.wait_for("admin")["address"].as_str().unwrap().to_owned();
    let base = daemon.base();
    assert_eq!(status(&admin).await, 200);
    assert_eq!(status(&format!("{base}/metrics")).await, 404);
    assert_eq!(status(&format!("{base}/healthz")).await, 200);
    let security = reqwest::get(format!("{base}/.well-known/security.txt")).await.unwrap();
    assert_eq!(security.headers()["content-type"], "text/plain; charset=utf-8");
    let security = security.text().await.unwrap();
    let mut lines = security.lines();
    assert_eq!(lines.next(), Some("Contact: mailto:security@example.org"));
    // RFC 9116 requires a date, less than a year ahead.
    let expires = lines.next().unwrap().strip_prefix("Expires: ").unwrap();
    let expires: jiff::Timestamp = expires.parse().unwrap();
    let ahead = expires.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert!((170..365).contains(&ahead), "{ahead}");
}

/// A broken pair leaves the certificate as it is, and is logged.
#[tokio::test]
async fn a_hang_up_reloads_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::new();
    let files = [pair.certificate(), pair.key()].map(|path| path.display().to_string());
    let flags = ["--listen", "127.0.0.1:0", "--tls-cert", &files[0], "--tls-key", &files[1]];
    let mut daemon = serve(folder.path(), &flags, &[]);
    let base = daemon.base();
    let answers = async |client: reqwest::Client| {
        let answer = client.get(format!("{base}/healthz")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    let first = || pair.client().build().unwrap();
    assert!(base.starts_with("https://") && answers(first()).await, "{base}");
    let key = fs::read(pair.key()).unwrap();
    fs::write(pair.key(), "nonsense").unwrap();
    daemon.signal("-HUP");
    let warned = daemon.wait_for("cannot reload the certificate; keeping the old one");
    assert!(warned["reason"].as_str().unwrap().contains(&files[1]), "{warned}");
    assert!(answers(first()).await);
    fs::write(pair.key(), key).unwrap();
    let old = first();
    pair.replace();
    daemon.signal("-HUP");
    daemon.wait_for("certificate reloaded");
    let new = pair.client().build().unwrap();
    assert!(answers(new).await && !answers(old).await);
    daemon.signal("-TERM");
    assert_eq!(ended(&mut daemon), Some(0));
}

/// As logrotate does it.
#[tokio::test]
async fn after_a_rotation_a_hang_up_opens_the_access_log_again() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--access-log", "access.log"];
    let mut daemon = serve(folder.path(), &flags, &[]);
    let base = daemon.base();
    let [log, old] = ["access.log", "access.log.1"].map(|name| folder.path().join(name));
    let lines = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    assert_eq!(status(&format!("{base}/healthz?first")).await, 200);
    let until = async |is_there: &dyn Fn() -> bool| {
        while !is_there() {
            assert!(Instant::now() < deadline, "it does not come");
            tokio::task::yield_now().await;
        }
    };
    until(&|| lines(&log).contains("?first")).await;
    fs::rename(&log, &old).unwrap();
    daemon.signal("-HUP");
    until(&|| log.exists()).await;
    assert_eq!(status(&format!("{base}/healthz?second")).await, 200);
    daemon.signal("-TERM");
    assert_eq!(ended(&mut daemon), Some(0));
    // What waited was written before the end.
    assert!(lines(&old).contains("?first") && !lines(&old).contains("?second"), "{}", lines(&old));
    assert!(lines(&log).contains("?second") && !lines(&log).contains("?first"), "{}", lines(&log));
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "queries and ids of jobs are not for everybody");
}
