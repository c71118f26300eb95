//! The parts, each alone: index, feed, put, query, CSV.
//!
//! `cargo bench -p airshed-benches`
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;

use airshed_benches::{feed_file, fetch, fill, start};
use aqi::{Concentration, Decimal, Pollutant, daqi};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::SignedDuration;
use store::{Column, Embedded, Memory, Options, Query, Store, View, Window, csv};

fn index(c: &mut Criterion) {
    let values: Vec<_> = (0..1000)
        .map(|n| Concentration::from_micrograms(Decimal::new(n * 131 % 12_000, 2)).unwrap())
        .collect();
    let mut group = c.benchmark_group("index");
    group.throughput(Throughput::Elements(values.len() as u64));
    group.bench_function("daqi of PM10 and PM2.5", |b| {
        b.iter(|| {
            for pair in values.windows(2) {
                let given = [(Pollutant::Pm10, pair[0]), (Pollutant::Pm25, pair[1])];
                black_box(daqi::index(black_box(&given)).unwrap());
            }
        });
    });
    group.finish();
}

fn parse(c: &mut Criterion) {
    let file = feed_file(5_000, start());
    let mut group = c.benchmark_group("feed");
    group.throughput(Throughput::Elements(5_000));
    group.bench_function("parse and index 5,000 records", |b| {
        let now = start() + SignedDuration::from_hours(1);
        b.iter(|| {
            let feed = airshed::feed::parse(black_box(file.as_bytes()), Window::Day24, now);
            feed.unwrap().readings.iter().filter_map(store::Reading::index).max()
        });
    });
    group.finish();
}

fn stores(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path().join("day"), Options::default()).unwrap();
    runtime.block_on(fill(Arc::new(embedded.clone()), 24)).unwrap();

    let mut hour = Query::new(start() + SignedDuration::from_hours(9), start());
    hour.until = start() + SignedDuration::from_hours(10);
    hour.countries = vec!["DE".parse().unwrap()];
    hour.bands = vec![aqi::Band::Low];
    let mut day = Query::new(start(), start() + SignedDuration::from_hours(24));
    day.countries = hour.countries.clone();
    let mut high = Query::new(start(), day.until);
    high.indices = Some((9.try_into().unwrap(), 10.try_into().unwrap()));

    let answer = |query: &Query| {
        runtime.block_on(async {
            let (mut text, mut after) = (Vec::new(), None);
            loop {
                let page = embedded.query(query, after).await.unwrap();
                csv::write_page(&mut text, &page, Column::DEFAULT, csv::Dialect::USUAL);
                after = page.next;
                if after.is_none() {
                    return text.len() as u64;
                }
            }
        })
    };
    let mut group = c.benchmark_group("query as CSV, warm");
    for (name, query) in [("hour, DE, Low", hour), ("day, DE", day), ("day, AQI 9 to 10", high)] {
        group.throughput(Throughput::Bytes(answer(&query)));
        group.bench_function(name, |b| b.iter(|| answer(black_box(&query))));
    }
    group.finish();

    let batch = fetch(&airshed::demo::network::Network::new(25_000, 1), 0);
    let mut group = c.benchmark_group("put");
    group.sample_size(10);
    group.throughput(Throughput::Elements(batch.len() as u64));
    group.bench_function("a fetch, memory", |b| {
        b.iter_batched(
            Memory::new,
            |store| runtime.block_on(store.put(&batch)).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("a fetch, embedded, durable", |b| {
        let mut number = 0;
        b.iter_batched(
            || {
                number += 1;
                let path = folder.path().join(number.to_string());
                Embedded::open(path, Options::default()).unwrap()
            },
            |store| runtime.block_on(store.put(&batch)).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, index, parse, stores);
criterion_main!(benches);
