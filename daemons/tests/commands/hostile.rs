//! One client with very many connections, silent, slow and greedy by turns, and another one that asks
//! for little: addresses of the loopback network are clients of their own.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::daemon::{Daemon, airshed};

const HOSTILE: &str = "127.0.0.2:0";
const OTHER: &str = "127.0.0.3:0";

const HOUR: &str =
    "/api/query?window=24h&startDate=2026-02-01T03:00:00Z&endDate=2026-02-01T03:59:59Z";

fn variable(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

async fn connect(server: SocketAddr, from: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(from.parse().unwrap())?;
    socket.connect(server).await
}

/// The status and the length of an answer.
async fn ask(server: SocketAddr, from: &str, path: &str) -> std::io::Result<(u16, usize)> {
    let mut stream = connect(server, from).await?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: airshed\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer[..answer.len().min(1000)]).into_owned();
    let location = text.lines().find_map(|line| line.strip_prefix("location: "));
    if let (true, Some(location)) = (text.starts_with("HTTP/1.1 202"), location) {
        return Box::pin(ask(server, from, &format!("{location}?wait=30"))).await;
    }
    let status =
        answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    Ok((status.unwrap_or(0), answer.len()))
}

/// Connects again and again, and uses each connection as badly as it can. It pauses as such a client would.
async fn be_hostile(
    server: SocketAddr,
    number: usize,
    stop: Arc<AtomicBool>,
    tried: Arc<AtomicUsize>,
) {
    let mut is_first = true;
    while !stop.load(Relaxed) {
        // It may be refused.
        let connected = one_hostile_connection(server, number, &stop, || {
            if std::mem::take(&mut is_first) {
                tried.fetch_add(1, Relaxed);
            }
        });
        let _ = connected.await;
        sleep(Duration::from_millis(200)).await;
    }
}

/// Fetches of the feed so far.
async fn fetches(server: SocketAddr) -> u32 {
    let mut stream = connect(server, OTHER).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let counts = text.lines().filter(|line| line.starts_with("airshed_fetches_total{"));
    counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap()).sum()
}

async fn one_hostile_connection(
    server: SocketAddr,
    number: usize,
    stop: &AtomicBool,
    connected: impl FnOnce(),
) -> std::io::Result<()> {
    let stream = connect(server, HOSTILE).await;
    connected();
    let mut stream = stream?;
    let path = match number % 7 {
        0 => String::new(), // silent
        1 => "/api/query?window=24h&startDate=2026-02-01&endDate=2026-02-02&columns=all".to_owned(),
        2 => format!("{HOUR}&limit={}&format=json", 1 + number % 1000),
        3 => format!("/api/latest?endDate=2026-02-01T0{}:00:{:02}Z", number % 10, number % 60),
        4 => {
            format!("/api/summary?startDate=2026-02-01&endDate=2026-02-01T0{}:00:00Z", number % 10)
        }
        5 => format!("/api/area?country=DE&window=24h&date=2026-02-01&form={}", number % 2),
        _ => "/api/events".to_owned(),
    };
    if !path.is_empty() {
        let head = format!("GET {path} HTTP/1.1\r\nhost: airshed\r\naccept-encoding: gzip\r\n\r\n");
        let sent = if number.is_multiple_of(3) { head.len() - 2 } else { head.len() };
        stream.write_all(&head.as_bytes()[..sent]).await?;
    }
    let mut few = [0; 64];
    while !stop.load(Relaxed) {
        // Every other one reads a little, the others nothing at all.
        if number.is_multiple_of(2) {
            match timeout(Duration::from_millis(100), stream.read(&mut few)).await {
                Ok(Ok(0)) => return Ok(()),
                Ok(read) => drop(read?),
                Err(_) => {}
            }
        }
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// The time below which so many of a hundred are.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// With AIRSHED_HOSTILE=10000, as `make soak` has it, also how long the other one waits.
#[test]
fn a_client_with_very_many_connections_leaves_the_server_to_others() {
    let connections = variable("AIRSHED_HOSTILE", 400);
    let home = tempfile::tempdir().unwrap();
    let row = |n: usize| {
        let (hour, minute) = (n / 5000, n % 60);
        format!(
            "{},24h,2026-02-01T{hour:02}:{minute:02}:00Z,{}.5,{}.25,DE,50.{:03},8.{:03}\n",
            n % 5000,
            n % 90,
            n % 40,
            n % 1000,
            n % 999
        )
    };
    let rows: String = (0..50_000).map(row).collect();
    let head = "sensor_id,window,timestamp,P1,P2,loc_country,latitude,longitude\n";
    fs::write(home.path().join("rows.csv"), format!("{head}{rows}")).unwrap();
    let feed = super::support::feed_of(1..4, "2026-02-01 11:00:00");
    fs::write(home.path().join("data.24h.json"), feed).unwrap();
    let mut import = airshed(&["import", "rows.csv"]);
    let import = import.current_dir(home.path()).stdin(Stdio::null()).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    let mut command = airshed(&[
        "serve",
        "--feed",
        "file:data.24h.json",
        "--schedule",
        "* * * * *",
        "--listen",
        "127.0.0.1:0",
        "--results-quota",
        "50MiB",
    ]);
    command.current_dir(home.path());
    let server = Daemon::spawn(command);
    let address: SocketAddr = server.base().trim_start_matches("http://").parse().unwrap();
    let _ = rlimit::increase_nofile_limit(u64::MAX);

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let tried = Arc::new(AtomicUsize::new(0));
        let hostile = |number| be_hostile(address, number, Arc::clone(&stop), Arc::clone(&tried));
        let hostile: Vec<_> = (0..connections).map(|n| tokio::spawn(hostile(n))).collect();
        // Until all have tried: more than one client can have.
        while tried.load(Relaxed) < connections {
            assert_eq!(ask(address, OTHER, "/healthz").await.unwrap().0, 200);
        }
        let rounds = if connections < 1000 { 20 } else { 300 };
        let (mut health, mut hours) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let asked = Instant::now();
            assert_eq!(ask(address, OTHER, "/healthz").await.unwrap().0, 200);
            health.push(asked.elapsed());
            let asked = Instant::now();
            let (status, bytes) = ask(address, OTHER, HOUR).await.unwrap();
            assert!(status == 200 && bytes > 100_000, "{status}, {bytes} bytes");
            hours.push(asked.elapsed());
            assert_eq!(ask(address, OTHER, "/api/summary").await.unwrap().0, 200);
        }
        let (health_99, hour_99) = (percentile(&mut health, 99), percentile(&mut hours, 99));
        eprintln!(
            "{connections} connections, {:?}: /healthz p50 {:?}, p99 {health_99:?}; an hour p50 {:?}, \
             p99 {hour_99:?}; peak {} MiB",
            begun.elapsed(), percentile(&mut health, 50), percentile(&mut hours, 50), server.peak_kib() >> 10,
        );
        if connections >= 10_000 {
            assert!(health_99 <= Duration::from_millis(50), "{health_99:?}");
            assert!(hour_99 <= Duration::from_secs(1), "{hour_99:?}");
            // The collection of the next minute, at the latest.
            while fetches(address).await < 2 {
                assert!(begun.elapsed() < Duration::from_secs(180), "no collection");
            }
            let readings = ask(address, OTHER, "/api/query?window=24h&startDate=2026-02-01T11:00:00Z&endDate=2026-02-01T11:00:00Z");
            assert_eq!(readings.await.unwrap().0, 200);
        }
        stop.store(true, Relaxed);
        for one in hostile {
            one.await.unwrap();
        }
    });
    let results = folder_size(&home.path().join("data/results"));
    assert!(results <= 50 << 20, "{results} bytes of results");
    let peak = server.peak_kib() >> 10;
    assert!(peak <= 512, "{peak} MiB");
}

fn folder_size(folder: &std::path::Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            match entry.metadata().unwrap() {
                data if data.is_dir() => folder_size(&entry.path()),
                data => data.len(),
            }
        })
        .sum()
}
