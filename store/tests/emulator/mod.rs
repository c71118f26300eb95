//! AWS as processes on this machine: dynalite (DynamoDB, with its paging and consumed
//! capacity) and ministack (DynamoDB, SQS and S3 together). Installed below `target/` when
//! they are not there yet, started on a free port, ended with their handle or the test's
//! process, whichever goes first.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A running emulator.
pub(crate) struct Emulator {
    process: Child,
    port: u16,
    start: Box<dyn Fn(u16) -> Command + Send>,
}

impl Emulator {
    /// DynamoDB alone.
    pub(crate) fn dynalite() -> Self {
        Self::begin(|port| {
            let mut command = supervised(installed().join("node_modules/.bin/dynalite"));
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0"]);
            command
        })
    }

    /// All services.
    pub(crate) fn ministack() -> Self {
        Self::begin(ministack)
    }

    /// All services, which find again in a folder what they knew when they were stopped.
    pub(crate) fn ministack_in(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self::begin(move |port| {
            let mut command = ministack(port);
            command.env("PERSIST_STATE", "1").env("STATE_DIR", folder.join("state"));
            command.env("S3_PERSIST", "1").env("S3_DATA_DIR", folder.join("objects"));
            command
        })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn begin(start: impl Fn(u16) -> Command + Send + 'static) -> Self {
        // A port that was free can be taken before the emulator listens; not by another of
        // ours, whose answer would be taken for its own.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = (0..5).find_map(|_| {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr();
            let port = free.unwrap().port();
            Some((listening(&mut start(port), port)?, port))
        });
        let (process, port) =
            begun.expect("the emulator ends at once: see target/tmp/emulators/log");
        Self { process, port, start: Box::new(start) }
    }

    /// Ends it with all it knows.
    pub(crate) fn stop(&mut self) {
        // Its supervisor ends it when nobody holds the other end any more.
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }

    /// Starts it again on its port: empty, but for one that keeps what it knows.
    pub(crate) fn start_again(&mut self) {
        self.process = listening(&mut (self.start)(self.port), self.port).expect("its own port");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A program of the Python that the emulators run with; cfn-lint is one.
pub(crate) fn python(program: &str) -> PathBuf {
    installed().join("python/bin").join(program)
}

fn ministack(port: u16) -> Command {
    let mut command = supervised(installed().join("python/bin/python"));
    command.args(["-m", "ministack"]).env("GATEWAY_PORT", port.to_string());
    command.env("BIND_HOST", "127.0.0.1").env("LOG_LEVEL", "WARNING");
    // It checks the signatures of links, by these.
    command.env("AWS_ACCESS_KEY_ID", "emulator").env("AWS_SECRET_ACCESS_KEY", "emulator");
    command
}

/// A command that ends when its standard input does.
fn supervised(program: PathBuf) -> Command {
    let mut command = Command::new("sh");
    let script = r#""$@" </dev/null & child=$!
        trap 'kill $child' TERM
        { cat; kill $child; } <&3 & watch=$!
        wait $child; status=$?; kill $watch 2>/dev/null; exit $status"#;
    command.args(["-c", &format!("exec 3<&0; {script}"), "sh"]).arg(program);
    let log = installed().join("log");
    let log = File::options().append(true).create(true).open(log).unwrap();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    command
}

/// The process once it answers; `None` when it ended before that.
#[allow(clippy::zombie_processes)] // its handle waits for it
fn listening(command: &mut Command, port: u16) -> Option<Child> {
    let mut process = command.spawn().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if answers(port) {
            return Some(process);
        }
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{command:?} does not answer");
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP"
}

/// The folder with both, made when it is not there yet or was made for other versions.
fn installed() -> &'static Path {
    static READY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    READY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulators");
        std::fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        for (manifest, text) in MANIFESTS {
            std::fs::write(folder.join(manifest), text).unwrap();
        }
        let wanted: String = MANIFESTS.iter().map(|(_, text)| *text).collect();
        if std::fs::read_to_string(folder.join("installed")).ok().as_ref() != Some(&wanted) {
            run(Command::new("npm").args(["ci", "--silent", "--no-fund"]).current_dir(&folder));
            let python = folder.join("python");
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&python));
            run(Command::new(python.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(folder.join("requirements.txt")));
            std::fs::write(folder.join("installed"), &wanted).unwrap();
        }
        folder
    })
}

const MANIFESTS: [(&str, &str); 3] = [
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
    ("requirements.txt", include_str!("requirements.txt")),
];

fn run(command: &mut Command) {
    let done = command.output();
    let done = done.expect("Node.js with npm, and Python 3 with venv, have to be there");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
