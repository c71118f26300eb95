//! The file of a day, read over HTTP by DuckDB.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jiff::SignedDuration;
use store::{Decimal, Reading, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::emulator;
use super::support::{Options, Rig, at};

/// A day of a network: 4,000 sensors, of which 1,000 in Germany.
fn day() -> impl Iterator<Item = Vec<Reading>> {
    let midnight = at("2026-01-20T00:00:00Z");
    (1..=24).map(move |hour| {
        let reading = |sensor: u64| Reading {
            pm10: Some(Decimal::new((sensor * 37 + hour * 11) as i64 % 997, 1)),
            pm25: Some(Decimal::new((sensor * 17 + hour * 23) as i64 % 499, 1)),
            measurement: Some(7_500_000_000 + sensor * 24 + hour),
            sensor_type: "SDS011".parse().ok(),
            location: Some(sensor / 2 + 100),
            latitude: Some(Decimal::new(47_000 + sensor as i64, 3)),
            longitude: Some(Decimal::new(sensor as i64 * 7 % 15_000, 3)),
            country: Some(["DE", "FR", "NL", "BG"][sensor as usize % 4].parse().unwrap()),
            hours: Some(12),
            samples: Some(24),
            ..Reading::new(sensor, Window::Hour, midnight + SignedDuration::from_hours(hour as i64))
        };
        (0..4_000).map(reading).collect()
    })
}

/// Forwards connections to an address, and counts the bytes that come back.
async fn counting(to: String) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (own, count) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, counted) = (TcpStream::connect(&to).await.unwrap(), Arc::clone(&counted));
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                to_server.shutdown().await
            });
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                    counted.fetch_add(read as u64, Relaxed);
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (format!("http://{own}"), count)
}

const SCRIPT: &str = "
import duckdb, duckdb_extension_httpfs, pathlib, sys
folder = pathlib.Path(duckdb_extension_httpfs.__file__).parent
[extension] = folder.glob('extensions/*/httpfs.duckdb_extension')
duckdb.sql(f\"LOAD '{extension}'\")
[row] = duckdb.sql(f\"\"\"
    SELECT count(*), sum(P2) FROM '{sys.argv[1]}'
    WHERE loc_country = 'DE' AND timestamp = '2026-01-20 09:00:00+00'
\"\"\").fetchall()
print(row[0], round(row[1], 1))
";

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_a_country_takes_a_small_part_of_a_month() {
    let rig = Rig::start(Options::default()).await;
    let mut expected = (0, Decimal::ZERO);
    for hour in day() {
        for reading in &hour {
            let is_wanted = reading.timestamp == at("2026-01-20T09:00:00Z")
                && reading.country == "DE".parse().ok();
            if is_wanted {
                expected.0 += 1;
                expected.1 += reading.pm25.unwrap();
            }
        }
        rig.store.put(&hour).await.unwrap();
    }
    let path = "/data/sensor.community/1h/2026-01-20.parquet";
    let whole = rig.get(path).await;
    assert_eq!(whole.status(), 200);
    let of_day = whole.bytes().await.unwrap().len() as u64;
    let (base, count) = counting(rig.base.trim_start_matches("http://").to_owned()).await;
    let python = emulator::python("python");
    let url = format!("{base}{path}");
    let done = tokio::task::spawn_blocking(move || {
        Command::new(python).args(["-c", SCRIPT, &url]).output().unwrap()
    });
    let done = done.await.unwrap();
    let message = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{message}");
    let answer = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    assert_eq!(answer, format!("{} {}", expected.0, expected.1.round_dp(1)));
    let read = count.load(Relaxed);
    // A month has thirty such days.
    assert!(read > 1000 && 100 * read <= 2 * 30 * of_day, "{read} bytes of {of_day} a day");
    eprintln!("{read} bytes of {} a month", 30 * of_day);
}
