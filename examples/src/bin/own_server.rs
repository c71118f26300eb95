//! The server embedded in another program, with a custom store.
//!
//! `cargo run -p airshed-examples --bin own_server`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;

use airshed_serve::server::{self, CorsOrigins, Limits, Server};
use airshed_serve::watch::GaugeSampler;
use store::{Memory, Reading, Store, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(Memory::new());
    let mut reading = Reading::new(7, Window::Hour, "2026-01-31T10:00:00Z".parse()?);
    reading.pm10 = Some("12.5".parse()?);
    store.put(&[reading]).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let metrics = airshed_serve::telemetry::prometheus().ok_or("another recorder is installed")?;
    let clock: airshed_serve::Clock = Arc::new(jiff::Timestamp::now);
    let parts = Server {
        watch: Arc::new(GaugeSampler::new(metrics, Some(store.clone()), None, clock.clone())),
        store,
        job_backend: None, // no workers: beyond the limit, queries are refused
        feed: None,
        events: None,
        push: None,
        clock,
        limits: Limits::default(),
        cors: CorsOrigins::Any,
        networks: Arc::default(), // Sensor.Community's data, with its terms
        index: store::AqiStandard::DEFAULT,
        window: None, // of any averaging period
        neighbours: Default::default(),
        site: Default::default(),
        access: Default::default(),
    };
    let running = tokio::spawn(server::run(parts, listener, stop.clone()));

    let mut client = TcpStream::connect(address).await?;
    let request = "GET /api/query?startDate=2026-01-31&endDate=2026-01-31&columns=timestamp,P1,AQI \
                   HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    println!("{answer}");
    assert!(answer.ends_with("2026-01-31T10:00:00Z,12.5,1\n"));

    stop.cancel();
    running.await?;
    Ok(())
}
