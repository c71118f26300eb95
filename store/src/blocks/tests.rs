use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::block::Block;
use super::build::{Source, blocks_of};
use super::frame::{ESSENTIAL, Frame, Writer, encoding, sealed};
use super::integers::Integers;
use super::stations::Stations;
use crate::conformance::{self, Model, all, assert_same};
use crate::{Embedded, ErrorKind, Memory, Options, Position, Query, Reading, Store, Summary};

/// Readings of one day in the order of rows, without two of one identity.
fn readings() -> impl Strategy<Value = Vec<Reading>> {
    proptest::collection::vec(conformance::any_reading(), 1..300).prop_map(|mut readings| {
        let (first, _) = super::day_and_second(readings[0].timestamp);
        readings.retain(|reading| super::day_and_second(reading.timestamp).0 == first);
        readings.sort_by_key(Position::of);
        readings.dedup_by_key(|reading| Position::of(reading));
        readings
    })
}

fn block_of(readings: &[Reading]) -> Block {
    Block::from_sorted(&readings.iter().map(Source::new).collect::<Vec<_>>())
}

fn written(reading: &Reading) -> String {
    format!("{reading:?}") // with every digit
}

fn rows(block: &Block) -> Vec<String> {
    (0..block.len()).map(|row| written(&block.row(row).reading())).collect()
}

/// The block's bytes with one more column.
fn with_column(bytes: &[u8], flags: u16, encoding: u8, column: &[u8]) -> Vec<u8> {
    let mut frame = Frame::read(bytes, usize::MAX).unwrap();
    let mut writer = Writer::new(frame.kind, frame.rows, frame.head.0.to_vec());
    for id in 0..=u8::MAX {
        if let Some(known) = frame.take(id) {
            writer.column(id, known.encoding, known.flags, |out| out.extend(known.bytes));
        }
    }
    writer.column(200, encoding, flags, |out| out.extend(column));
    writer.finish()
}

proptest! {
    #[test]
    fn a_block_comes_back_as_it_was(readings in readings()) {
        let block = block_of(&readings);
        let bytes = block.encode();
        let decoded = Block::decode(&bytes, None).unwrap();
        let expected: Vec<_> = readings.iter().map(written).collect();
        prop_assert_eq!(rows(&block), &expected[..]);
        prop_assert_eq!(rows(&decoded), &expected[..]);
        for (row, reading) in readings.iter().enumerate() {
            prop_assert_eq!(decoded.row(row).index(), reading.index());
            prop_assert_eq!(decoded.row(row).flags(), reading.flags());
            prop_assert_eq!(decoded.position(row), Position::of(reading));
        }
        prop_assert_eq!(decoded.encode(), &bytes[..]);
        let kept: Vec<_> = (0..block.len()).map(|row| Source::Kept(&decoded, row)).collect();
        prop_assert_eq!(Block::from_sorted(&kept).encode(), bytes);
    }

    #[test]
    fn blocks_that_share_their_stations_come_back_with_the_table(
        readings in readings(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let sources: Vec<_> = readings.iter().map(Source::new).collect();
        let (first, second) = sources.split_at(cut.index(sources.len()));
        // The table of the first alone, which the second goes on with.
        let (mut blocks, mut table) = (Vec::new(), None);
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            let (mut made, stations) = blocks_of(&[part], table);
            made.iter_mut().for_each(|block| block.shares_stations = true);
            blocks.append(&mut made);
            table = Some(stations);
        }
        let table = Arc::new(Stations::decode(&table.unwrap().encode()).unwrap());
        let decoded = blocks.iter().map(|block| Block::decode(&block.encode(), Some(&table)).unwrap());
        let found: Vec<_> = decoded.flat_map(|block| rows(&block)).collect();
        prop_assert_eq!(found, readings.iter().map(written).collect::<Vec<_>>());
        prop_assert!(blocks.iter().all(|block| Block::decode(&block.encode(), None).is_err()));
    }

    #[test]
    fn whatever_the_bytes_are_decoding_returns(
        readings in readings(),
        noise in proptest::collection::vec(any::<u8>(), 0..100),
        place in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let bytes = block_of(&readings).encode();
        prop_assert!(Block::decode(&noise, None).is_err());
        let mut damaged = bytes.clone();
        let at = place.index(damaged.len());
        damaged[at] ^= byte | 1;
        // Damaged on disk: the checksums tell, but for bytes that no column has.
        prop_assert!(Block::decode(&damaged, None).is_err());
        prop_assert!(Block::decode(&bytes[..at], None).is_err());
        // Damaged before the checksums were made: the checks have to tell, or it is harmless.
        if let Ok(block) = Block::decode(&sealed(damaged), None) {
            rows(&block);
            for row in 0..block.len() {
                let _ = (block.row(row).flags(), block.position(row));
            }
            block.select(&crate::Query::everything(), None);
            block.count_implausible(&(0..block.len()));
            let kept: Vec<_> = (0..block.len()).map(|row| Source::Kept(&block, row)).collect();
            Block::from_sorted(&kept).encode();
        }
    }

    #[test]
    fn a_column_of_a_later_version_is_passed_over_and_kept(
        readings in readings(),
        values in proptest::collection::vec(any::<u64>(), 300),
    ) {
        let bytes = block_of(&readings).encode();
        let mut column = Vec::new();
        Integers::of(&values[..readings.len()]).encode(&mut column);
        let later = with_column(&bytes, 0, encoding::INTEGERS, &column);
        let block = Block::decode(&later, None).unwrap();
        prop_assert_eq!(rows(&block), readings.iter().map(written).collect::<Vec<_>>());
        block.check_rewritable().unwrap();
        // Rows that are written anew take it with them.
        let kept: Vec<_> = (0..block.len()).map(|row| Source::Kept(&block, row)).collect();
        let again = Block::from_sorted(&kept[kept.len() / 2..]).encode();
        let mut frame = Frame::read(&again, usize::MAX).unwrap();
        let found = frame.take(200).unwrap().integers(frame.rows).unwrap();
        for (row, value) in values[kept.len() / 2..kept.len()].iter().enumerate() {
            prop_assert_eq!(found.get(row), *value);
        }
    }
}

#[test]
fn what_cannot_be_passed_over_is_an_error_when_it_is_needed() {
    let reading = Reading {
        pm10: Some("5.15".parse().unwrap()),
        ..Reading::new(1, crate::Window::Day24, "2020-06-11T09:40:41Z".parse().unwrap())
    };
    let bytes = block_of(&[reading]).encode();
    let essential = with_column(&bytes, ESSENTIAL, encoding::INTEGERS, &[0; 9]);
    let error = Block::decode(&essential, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooNew, "{error}");
    let strange = Block::decode(&with_column(&bytes, 0, 77, b"??"), None).unwrap();
    assert_eq!(strange.len(), 1);
    assert_eq!(strange.check_rewritable().unwrap_err().kind(), ErrorKind::TooNew);
}

/// Readings of few days, so that these have many blocks.
fn batch() -> impl Strategy<Value = Vec<Reading>> {
    conformance::readings().prop_map(|mut readings| {
        for (number, reading) in readings.iter_mut().enumerate() {
            let second = reading.timestamp.as_second().rem_euclid(172_800);
            reading.timestamp = jiff::Timestamp::from_second(second).unwrap();
            if number % 4 > 0 {
                // Most sensors stay where they are: their blocks share a table.
                reading.country = ["DE", "FR"][reading.sensor.id as usize % 2].parse().ok();
                reading.sensor_type = "SDS011".parse().ok();
                reading.location = Some(reading.sensor.id);
                (reading.latitude, reading.longitude, reading.altitude) = (None, None, None);
                (reading.indoor, reading.exact) = (None, Some(true));
            }
        }
        readings
    })
}

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<Reading>),
    Query(Box<Query>),
    DeleteBefore(i64),
    Delete(Box<Query>),
    Reopen,
}

fn summary(readings: &[Reading]) -> Summary {
    let mut countries = BTreeMap::new();
    for reading in readings {
        *countries.entry(reading.country).or_insert(0) += 1;
    }
    let times = readings.iter().map(|reading| reading.timestamp);
    let extent = times.clone().min().zip(times.max());
    Summary { countries: countries.into_iter().collect(), extent }
}

async fn walk<S: Store>(mut store: S, steps: &[Step], reopen: impl Fn(S) -> S) {
    let model = Model::default();
    for step in steps {
        match step {
            Step::Put(batch) => {
                store.put(batch).await.unwrap();
                model.put(batch);
            }
            Step::Query(query) => {
                assert_same(&all(&store, query).await, &model.query(query));
            }
            Step::DeleteBefore(second) => {
                let moment = jiff::Timestamp::from_second(*second).unwrap();
                let deleted = store.delete_before(moment).await.unwrap();
                assert_eq!(deleted, model.delete_before(moment));
            }
            Step::Delete(query) => {
                assert_eq!(store.delete(query).await.unwrap(), model.delete(query));
            }
            Step::Reopen => store = reopen(store),
        }
        let everything = Query::everything();
        assert_same(&all(&store, &everything).await, &model.query(&everything));
        assert_eq!(store.summary().await.unwrap(), summary(&model.query(&everything)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// Days of one block and of several, of one country and of many, tables that are shared,
    /// grow and begin anew.
    #[test]
    fn days_of_many_blocks_are_as_the_model_says(
        steps in proptest::collection::vec(prop_oneof![
            5 => batch().prop_map(Step::Put),
            2 => conformance::query().prop_map(|query| Step::Query(Box::new(query))),
            1 => (0i64..172_800).prop_map(Step::DeleteBefore),
            1 => conformance::query().prop_map(|query| Step::Delete(Box::new(query))),
            1 => Just(Step::Reopen),
        ], 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            walk(Memory::new(), &steps, |store| store).await;
            let folder = tempfile::tempdir().unwrap();
            let open = || {
                let options = Options { cache_bytes: 1 << 20, ..Options::default() };
                Embedded::open(folder.path().join("readings.redb"), options).unwrap()
            };
            walk(open(), &steps, |store| {
                drop(store);
                open()
            })
            .await;
        });
    }
}

/// Earlier versions gave an index to means of low capture.
#[test]
fn a_block_of_an_earlier_version_has_no_index_of_low_capture() {
    let hours = |hours: u32| {
        let moment = format!("2026-02-01T{hours:02}:00:00Z").parse().unwrap();
        let mut reading = Reading::new(7, crate::Window::Day24, moment);
        (reading.pm10, reading.hours) = (Some(51.into()), Some(hours));
        reading
    };
    let mut block = block_of(&[hours(17), hours(18)]);
    block.indices = Integers::of(&[4, 4]);
    let read = Block::decode(&block.encode(), None).unwrap();
    let indices: Vec<_> = (0..2).map(|row| read.row(row).index().map(|i| i.get())).collect();
    assert_eq!(indices, [None, Some(4)]);
    assert_eq!(read.row(0).index(), read.row(0).reading().index());
}
