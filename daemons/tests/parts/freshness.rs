//! How new the data is: what decides it, and what does not.

use store::Reading;

use super::support::{Options, Rig, json};

#[tokio::test]
async fn neither_history_nor_the_future_nor_what_is_left_out_says_how_new_the_data_is() {
    let reading = |sensor, moment: &str, pm10: u32, indoor: bool| Reading {
        pm10: Some(pm10.into()),
        indoor: Some(indoor),
        ..Reading::new(sensor, store::Window::Day24, super::support::at(moment))
    };
    let live = |count| (0..count).map(move |n| reading(n, "2026-02-01T11:54:00Z", 8, false));
    let old = |count| (0..count).map(move |n| reading(100 + n, "2026-01-31T06:00:00Z", 8, false));
    let dead = (0..60).map(|n| reading(200 + n, "2025-01-01T06:00:00Z", 8, false));
    let future = [reading(300, "2030-01-01T00:00:00Z", 8, false)];
    let left_out = [
        reading(301, "2026-02-01T11:59:00Z", 0, false),
        reading(302, "2026-02-01T11:59:00Z", 8, true),
    ];
    let newest = async |batch: Vec<Reading>| {
        let rig = Rig::start(Options::default()).await;
        rig.store.put(&batch).await.unwrap();
        json(rig.get("/api/summary").await).await["newest"].clone()
    };
    // A few live sensors beside a long history, and a row of the future.
    for count in [1, 5, 12] {
        let batch = live(count).chain(dead.clone()).chain(future.clone()).collect();
        assert_eq!(newest(batch).await, "2026-02-01T11:54:00Z", "{count} live sensors");
    }
    // Three of ten are live: that is not the bulk, whatever is left out of means beside them.
    let batch: Vec<_> = live(3).chain(old(7)).collect();
    assert_eq!(newest(batch.clone()).await, "2026-01-31T06:00:00Z");
    let batch = batch.into_iter().chain(left_out.clone()).collect();
    assert_eq!(newest(batch).await, "2026-01-31T06:00:00Z");
    // Nor are ten of a thousand, nor one more, whatever day it is that the others fell silent.
    for few in [9, 10, 11, 400] {
        let silent = (0..1000).map(|n| {
            reading(
                1000 + n,
                ["2026-01-31T06:00:00Z", "2026-01-28T06:00:00Z"][usize::from(n % 5 > 1)],
                8,
                false,
            )
        });
        let newest = newest(live(few).chain(silent).collect()).await;
        let expected = if few < 400 { "2026-01-28T06:00:00Z" } else { "2026-01-31T06:00:00Z" };
        assert_eq!(newest, expected, "{few} live sensors beside a thousand silent ones");
    }
    let silent = (0..100).map(|n| reading(1000 + n, "2026-01-31T06:00:00Z", 8, false));
    assert_eq!(newest(live(101).chain(silent).collect()).await, "2026-02-01T11:54:00Z");
    // Sensors that were new today, and fell silent, count; a network that is not handed out does
    // not.
    let new = (0..40).map(|n| reading(1000 + n, "2026-02-01T02:30:00Z", 8, false));
    let before = reading(0, "2026-01-31T11:00:00Z", 8, false);
    let batch = live(1).chain(new).chain([before]).collect();
    assert_eq!(newest(batch).await, "2026-02-01T02:30:00Z");
    let secret = |mut reading: Reading| {
        reading.sensor.network = "secret".parse().unwrap();
        reading
    };
    let batch = live(40).map(secret).chain(old(5)).collect();
    assert_eq!(newest(batch).await, "2026-01-31T06:00:00Z");
    // What is left out of means does not, as long as there is anything else, however old.
    let batch = left_out.iter().cloned().chain(dead.clone()).collect();
    assert_eq!(newest(batch).await, "2025-01-01T06:00:00Z");
    // Where there is nothing else, they count.
    assert_eq!(newest(left_out.to_vec()).await, "2026-02-01T11:59:00Z");
    assert_eq!(newest(dead.collect()).await, "2025-01-01T06:00:00Z");
}
