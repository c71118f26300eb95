//! `/api/events`: what was stored, as it is stored.

use airshed::events::{Events, Heard};
use serde_json::{Value, json as value};
use store::{Reading, Sensor, Window};

use super::support::{Options, Rig, at, readings};

/// The next event of a stream that is not a comment: its name and data.
async fn next(stream: &mut reqwest::Response, text: &mut String) -> (String, Value) {
    loop {
        while let Some((event, rest)) = text.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *text = rest;
            if let Some((name, data)) = event.split_once('\n').filter(|_| !event.starts_with(':')) {
                let name = name.strip_prefix("event: ").unwrap().to_owned();
                return (name, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap());
            }
        }
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_listener_hears_of_each_put_by_network_and_window() {
    let rig = Rig::start(Options::default()).await;
    let mut stream = rig.get("/api/events").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    rig.store.put(&[]).await.unwrap();
    let hours = readings(3);
    let simulated = Reading {
        sensor: Sensor { network: store::Network::SIMULATED, id: 7 },
        window: Window::Day24,
        ..hours[1].clone()
    };
    // Nobody has the terms of this one, so nobody hears of it either.
    let secret = Sensor { network: "secret".parse().unwrap(), id: 7 };
    let secret = Reading { sensor: secret, ..hours[1].clone() };
    let batch = [hours.clone(), vec![secret, simulated.clone()]].concat();
    rig.store.put(&batch).await.unwrap();
    let moments = || hours.iter().map(|reading| reading.timestamp);
    let (from, until) = (moments().min().unwrap(), moments().max().unwrap());
    let window = hours[0].window.name();
    assert_eq!(
        next(&mut stream, &mut text).await,
        (
            "stored".to_owned(),
            value!({
                "network": "sensor.community", "window": window, "from": from, "until": until, "readings": 3
            })
        )
    );
    assert_eq!(
        next(&mut stream, &mut text).await,
        (
            "stored".to_owned(),
            value!({
                "network": "simulated", "window": "24h", "readings": 1,
                "from": simulated.timestamp, "until": simulated.timestamp
            })
        )
    );
    // It ends when the server stops, without waiting for the listener.
    rig.stop.cancel();
    while stream.chunk().await.unwrap_or_default().is_some() {}
}

#[tokio::test]
async fn a_slow_listener_loses_events_and_is_told_how_many() {
    let events = Events::default();
    let mut listener = events.listen();
    let mut reading = Reading::new(7, Window::Hour, at("2026-01-31T11:00:00Z"));
    reading.pm10 = Some(8.into());
    for _ in 0..1_000 {
        events.stored(std::slice::from_ref(&reading));
    }
    drop(events);
    let (mut told, mut lost) = (0, 0);
    while let Some(heard) = listener.next().await {
        match heard {
            Heard::Stored(stored) => told += stored.readings as u64,
            Heard::Lost(events) => lost += events,
        }
    }
    assert!(told > 0 && lost > 0);
    assert_eq!(told + lost, 1_000);
}
