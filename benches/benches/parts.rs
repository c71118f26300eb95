//! Benchmarks of the parts: index, feed, put, query, CSV.
//!
//! `cargo bench -p airshed-benches`
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;

use airshed_benches::{feed_file, fetch, fill, start};
use aqi::daqi::DAQI;
use aqi::{Averaging, Concentration, Decimal, Pollutant, Sample, Standard, Unit};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::SignedDuration;
use store::{Column, Embedded, Memory, Options, Query, Store, View, Window, csv};

/// One exact index by each kind of standard, and in bulk.
fn index(c: &mut Criterion) {
    let values: Vec<_> = (0..1000)
        .map(|n| Concentration::micrograms(Decimal::new(n * 131 % 12_000, 2)).unwrap())
        .collect();
    let mut group = c.benchmark_group("index");
    group.throughput(Throughput::Elements(values.len() as u64));
    let kinds: [(&str, &'static Standard); 5] = [
        ("banded: DAQI", &DAQI),
        ("banded, unrounded: EAQI", &aqi::eu::EAQI_2019_TRAFFIC),
        ("interpolated: US 2024", &aqi::us::AQI_2024),
        ("interpolated, ties to even: China 2026", &aqi::cn::DAILY_2026),
        ("interpolated, unrounded: NEPM", &aqi::au::NEPM),
    ];
    for (name, standard) in kinds {
        group.bench_function(name, |b| {
            b.iter(|| {
                for value in &values {
                    let sample = Sample::new(Pollutant::Pm25, Averaging::Day, *value);
                    black_box(standard.sub_index(black_box(&sample)).unwrap().index());
                }
            });
        });
    }
    group.bench_function("explained: DAQI of PM10 and PM2.5", |b| {
        b.iter(|| {
            for pair in values.windows(2) {
                let given = [
                    Sample::new(Pollutant::Pm10, Averaging::Day, pair[0]),
                    Sample::new(Pollutant::Pm25, Averaging::Day, pair[1]),
                ];
                black_box(DAQI.index(black_box(&given)).unwrap().index());
            }
        });
    });
    group.finish();

    let columns = [17, 131].map(|step: u32| (0..100_000).map(|n| n * step % 12_000).collect());
    let [pm10, pm25]: [Vec<u32>; 2] = columns;
    let column = |pollutant, values| aqi::bulk::Column {
        pollutant,
        averaging: Averaging::Day,
        unit: Unit::Microgram,
        decimals: 2,
        values,
    };
    let columns = [column(Pollutant::Pm10, &pm10), column(Pollutant::Pm25, &pm25)];
    let mut out = vec![None; pm10.len()];
    let mut group = c.benchmark_group("bulk");
    group.throughput(Throughput::Elements(pm10.len() as u64));
    for (name, standard) in [("DAQI", &DAQI), ("US 2024", &aqi::us::AQI_2024)] {
        group.bench_function(format!("{name} of PM10 and PM2.5"), |b| {
            b.iter(|| standard.bulk(black_box(&columns), black_box(&mut out)).unwrap());
        });
    }
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
    hour.bands = store::AqiStandard::DEFAULT.category("Low").into_iter().collect();
    let mut day = Query::new(start(), start() + SignedDuration::from_hours(24));
    day.countries = hour.countries.clone();
    let mut high = Query::new(start(), day.until);
    high.indices = Some((9, 10));

    let answer = |query: &Query| {
        runtime.block_on(async {
            let (mut text, mut after) = (Vec::new(), None);
            loop {
                let page = embedded.query(query, after).await.unwrap();
                csv::write_page(&mut text, &page, Column::DEFAULT, csv::Dialect::DEFAULT);
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
