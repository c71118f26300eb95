//! Feeds that are hostile: they cost bounded memory, and one fetch.

use std::fs;

use super::daemon::{Daemon, airshed};

const MIB: usize = 1 << 20;

/// What a process holds for a feed: three times its size, or this.
const LEAST: usize = 256;

fn peak_mib(body: &str, ends_with: &str) -> usize {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("data.24h.json"), body).unwrap();
    let serve = ["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"];
    let mut command = airshed(&serve);
    command.current_dir(home.path());
    let server = Daemon::spawn(command);
    server.wait_for(ends_with);
    server.peak_kib() as usize >> 10
}

#[test]
fn odd_feeds_cost_bounded_memory() {
    let failed = "fetch failed; stored readings are unaffected, waiting for the schedule";
    let reading = |n: usize| {
        format!(
            r#"{{"sensor":{{"id":{n}}},"timestamp":"2026-01-01 00:00:00","sensordatavalues":[{{"value_type":"P1","value":1}}]}}"#
        )
    };
    let many = |element: &str, bytes: usize| {
        format!("[{}]", vec![element; bytes / (element.len() + 1)].join(","))
    };
    let readings: Vec<_> = (0..450_000).map(reading).collect();
    let feeds = [
        (many("{}", 12 * MIB), "feed collected"),
        (many("7", 12 * MIB), failed),
        (
            many(r#"{"sensordatavalues":[{"value_type":"P1","value":"\u001b[31m"}]}"#, 12 * MIB),
            failed,
        ),
        (many(&reading(5), 12 * MIB), "feed collected"),
        (format!("[{}]", readings.join(",")), failed),
        (format!("{}{}", "[".repeat(6 * MIB), "]".repeat(6 * MIB)), failed),
        (format!("[{{\"id\":\"{}\"}}]", "x".repeat(12 * MIB)), "feed collected"),
    ];
    for (feed, ends_with) in feeds {
        let peak = peak_mib(&feed, ends_with);
        let most = LEAST.max(3 * feed.len() / MIB);
        assert!(peak <= most, "{peak} MiB for {} MiB of {}", feed.len() / MIB, &feed[..60]);
    }
}
