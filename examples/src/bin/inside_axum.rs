//! The server as a part of an axum application: Airshed is the fallback for unmatched routes.
//!
//! `cargo run -p airshed-examples --bin inside_axum`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;

use airshed_serve::networks::{Networks, Terms};
use airshed_serve::server::{self, CorsOrigins, Limits, Server};
use airshed_serve::watch::GaugeSampler;
use axum::Router;
use axum::routing::get;
use store::{Memory, Network, Reading, Sensor, Store, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(Memory::new());
    // A custom network with its own terms.
    let own: Network = "our-sensors".parse()?;
    let sensor = Sensor { network: own, id: 7 };
    let mut reading = Reading::new(sensor, Window::Day24, "2026-01-31T10:00:00Z".parse()?);
    reading.pm25 = Some("40".parse()?);
    store.put(&[reading]).await?;

    let metrics = airshed_serve::telemetry::prometheus().ok_or("another recorder is installed")?;
    let clock: airshed_serve::Clock = Arc::new(jiff::Timestamp::now);
    let parts = Server {
        watch: Arc::new(GaugeSampler::new(metrics, Some(store.clone()), None, clock.clone())),
        store,
        job_backend: None,
        feed: None,
        events: None,
        push: None,
        clock,
        limits: Limits::default(),
        cors: CorsOrigins::Any,
        networks: Arc::new(Networks::only(
            own,
            Terms::new(
                "our own sensors, CC BY 4.0",
                Some("https://creativecommons.org/licenses/by/4.0/"),
            ),
        )),
        index: "us_aqi:2024".parse()?,
        window: None, // of any averaging period
        neighbours: Default::default(),
        site: Default::default(),
        access: Default::default(),
    };
    let stop = CancellationToken::new();
    let airshed = server::service(parts, &stop)?;
    let app = Router::new().route("/hello", get(|| async { "Hello" })).fallback_service(airshed);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let until = stop.clone();
    let serving = axum::serve(listener, app).with_graceful_shutdown(until.cancelled_owned());
    let running = tokio::spawn(serving.into_future());

    let query =
        "/api/query?startDate=2026-01-31&endDate=2026-01-31&format=geojson&columns=AQI,Range";
    for (path, expected) in [
        ("/hello", "Hello"),
        (query, "Unhealthy for Sensitive Groups"),
        (query, "our own sensors, CC BY 4.0"),
        (query, "licenses/by/4.0/>; rel=\"license\""),
    ] {
        let mut client = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        println!("{answer}");
        assert!(answer.contains(expected), "{answer}");
    }
    stop.cancel();
    running.await??;
    Ok(())
}
