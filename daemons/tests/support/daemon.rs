//! The program as its users start it, and its log.
#![allow(dead_code, reason = "each of the test binaries uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn airshed(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airshed"));
    command.args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AIRSHED_")) {
        command.env_remove(name);
    }
    command
}

pub(super) fn output(arguments: &[&str], input: &str) -> Output {
    let mut command = airshed(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that reads nothing has closed its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A daemon and its log, line by line. Killed when dropped.
pub(super) struct Daemon {
    pub child: Child,
    log: Receiver<Value>,
}

impl Daemon {
    pub(super) fn start(arguments: &[&str]) -> Self {
        Self::spawn(airshed(arguments))
    }

    /// Started by another program, which takes the place of the first arguments.
    pub(super) fn start_through(starter: &[&str], arguments: &[&str]) -> Self {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(env!("CARGO_BIN_EXE_airshed")).args(arguments);
        Self::spawn(command)
    }

    pub(super) fn spawn(mut command: Command) -> Self {
        command.args(["--log-format", "json"]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // For people who look for why a test fails.
                if std::env::var_os("AIRSHED_SHOW_LOG").is_some() {
                    eprintln!("{line}");
                }
                let parsed = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(parsed).is_err() {
                    return;
                }
            }
        });
        Self { child, log }
    }

    /// The fields of the next line with this message.
    pub(super) fn wait_for(&self, message: &str) -> Value {
        self.wait_for_one_of(&[message])
    }

    /// The same for the first of several messages.
    pub(super) fn wait_for_one_of(&self, messages: &[&str]) -> Value {
        self.wait_within(messages, PATIENCE)
            .unwrap_or_else(|| panic!("none of {messages:?} in the log"))
    }

    /// The same; none when the time is over or the log has ended.
    pub(super) fn wait_within(&self, messages: &[&str], patience: Duration) -> Option<Value> {
        Some(self.line_within(messages, patience)?["fields"].clone())
    }

    /// The next line with this message: its fields, and the span that it is in.
    pub(super) fn wait_for_line(&self, message: &str) -> Value {
        let line = self.line_within(&[message], PATIENCE);
        line.unwrap_or_else(|| panic!("no {message:?} in the log"))
    }

    fn line_within(&self, messages: &[&str], patience: Duration) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).ok()?;
            let message = line["fields"]["message"].as_str().unwrap_or_default();
            if messages.contains(&message) {
                return Some(line);
            }
        }
    }

    /// The most memory that it had so far.
    pub(super) fn peak_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(super) fn base(&self) -> String {
        self.wait_for("listening")["address"].as_str().unwrap().to_owned()
    }

    pub(super) fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
