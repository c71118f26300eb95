//! Clients that ask for much and read nothing.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;

use super::daemon::{Daemon, airshed};

/// 150 responses of one page each, some 5 MB of JSON, that nobody reads: all of them would be 700
/// MiB.
#[test]
fn responses_that_nobody_reads_hold_little_memory() {
    let home = tempfile::tempdir().unwrap();
    let row = |n: usize| {
        let (second, minute) = (n % 60, n / 60 % 60);
        format!(
            "{n},24h,2026-02-01T{:02}:{minute:02}:{second:02}Z,{}.5,{}.25,DE\n",
            n / 3600,
            n % 90,
            n % 40
        )
    };
    let rows: String = (0..16_000).map(row).collect();
    fs::write(
        home.path().join("rows.csv"),
        format!("sensor_id,window,timestamp,P1,P2,loc_country\n{rows}"),
    )
    .unwrap();
    let mut import = airshed(&["import", "rows.csv"]);
    let import = import.current_dir(home.path()).stdin(Stdio::null()).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    let mut command = airshed(&["server", "--listen", "127.0.0.1:0"]);
    command.current_dir(home.path());
    let server = Daemon::spawn(command);
    let address = server.base().trim_start_matches("http://").to_owned();
    let ask = |number: usize| {
        let mut client = TcpStream::connect(&address).unwrap();
        let path = format!(
            "/api/query?window=24h&format=json&columns=all&startDate=2026-02-01&endDate=2026-02-02&limit={}",
            15_000 + number
        );
        write!(client, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
        // The response has begun; nothing of it is read.
        let mut status = [0; 12];
        while client.peek(&mut status).unwrap() < status.len() {}
        (client, status)
    };
    let clients: Vec<_> = (0..150).map(ask).collect();
    let served = clients.iter().filter(|(_, status)| status == b"HTTP/1.1 200").count();
    assert_eq!(
        served, 75,
        "a client gets three quarters of the places: this server has no workers"
    );
    let peak = server.peak_kib() >> 10;
    assert!(peak < 320, "{peak} MiB");
    drop(clients);
}
