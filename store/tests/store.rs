//! Both stores against the contract and against the obvious model; CSV there and back.
#![allow(clippy::unwrap_used)]

mod flags;
mod format2;
mod index;
mod left_out;
mod local_days;
mod model;
mod running;
mod stored;
mod tally;

use std::sync::Arc;

use airshed_store::conformance::{self, all, assert_same, csv_of};
use airshed_store::csv::Dialect;
use airshed_store::{
    Column, Embedded, ErrorKind, Memory, Options, Query, Reading, Store, View, csv,
};
use model::{steps, walk_beside_the_model};
use proptest::prelude::*;
use proptest::sample::Index;

#[tokio::test]
async fn memory_keeps_the_contract() {
    conformance::run(|| async { Memory::new() }).await;
    conformance::run_snapshots(|| async { Memory::new() }).await;
}

#[tokio::test]
async fn embedded_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let empty = || async {
        number.set(number.get() + 1);
        open(&folder, &format!("{}.redb", number.get()))
    };
    conformance::run(empty).await;
    conformance::run_snapshots(empty).await;
}

/// redb keeps the names of its tables in a page that nothing checks.
#[tokio::test]
async fn a_file_with_a_damaged_catalogue_is_no_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut reading =
        Reading::new(7, airshed_store::Window::Hour, "2026-02-01T12:00:00Z".parse().unwrap());
    reading.pm10 = Some(20.into());
    open(&folder, "readings").put(&[reading]).await.unwrap();
    let path = folder.path().join("readings");
    let file = std::fs::read(&path).unwrap();
    for name in ["entries", "pieces_rest", "pieces_16k", "meta"] {
        let mut damaged = file.clone();
        let places: Vec<_> =
            (0..file.len()).filter(|at| file[*at..].starts_with(name.as_bytes())).collect();
        assert!(!places.is_empty(), "{name}");
        places.iter().for_each(|at| damaged[*at] ^= 1);
        std::fs::write(&path, &damaged).unwrap();
        let error = Embedded::open(&path, Options::default()).err();
        let error = error.unwrap_or_else(|| panic!("{name}: opened"));
        let refusals = [ErrorKind::Damaged, ErrorKind::Invalid];
        assert!(refusals.contains(&error.kind()), "{name}: {error}");
    }
    std::fs::write(&path, &file).unwrap();
    assert_eq!(open(&folder, "readings").summary().await.unwrap().readings(), 1);
}

/// What can happen to the bytes of a file.
#[derive(Debug, Clone)]
enum Damage {
    Flipped {
        start: Index,
        length: usize,
        byte: u8,
    },
    Cut {
        start: Index,
    },
    /// One page of the file's own takes another's place.
    Misplaced {
        from: Index,
        to: Index,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let flipped = (any::<Index>(), 1usize..3000, 1u8..)
        .prop_map(|(start, length, byte)| Damage::Flipped { start, length, byte });
    let misplaced =
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Misplaced { from, to });
    prop_oneof![2 => flipped, 1 => any::<Index>().prop_map(|start| Damage::Cut { start }), 1 => misplaced]
}

impl Damage {
    fn apply(&self, file: &mut Vec<u8>) {
        const PAGE: usize = 4096;
        match self {
            Self::Flipped { start, length, byte } => {
                let start = start.index(file.len());
                let end = (start + length).min(file.len());
                file[start..end].iter_mut().for_each(|old| *old ^= byte);
            }
            Self::Cut { start } => file.truncate(start.index(file.len())),
            Self::Misplaced { from, to } => {
                let pages = file.len() / PAGE;
                let (from, to) = (from.index(pages) * PAGE, to.index(pages) * PAGE);
                file.copy_within(from..from + PAGE, to);
            }
        }
    }
}

proptest! {
    #![proptest_config(a_quarter_of_the_cases())]

    #[test]
    fn a_damaged_file_is_refused_or_answers_as_before(damage in damage(), write in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let readings: Vec<_> = (0..300)
            .map(|n| {
                let second = jiff::Timestamp::from_second(n * 4000).unwrap();
                Reading { pm10: Some(n.into()), ..Reading::new(n as u64, airshed_store::Window::Day, second) }
            })
            .collect();
        block_on(async { open(&folder, "readings").put(&readings).await.unwrap() });
        let path = folder.path().join("readings");
        let mut file = std::fs::read(&path).unwrap();
        damage.apply(&mut file);
        std::fs::write(&path, file).unwrap();
        block_on(async {
            // Whatever is wrong with its bytes, it is not the disk that failed.
            let refusals = [ErrorKind::Damaged, ErrorKind::Invalid, ErrorKind::TooNew];
            let mut options = Options::default();
            options.write = write;
            let store = match Embedded::open(&path, options) {
                Ok(store) => store,
                Err(error) => return assert!(refusals.contains(&error.kind()), "{error}"),
            };
            let snapshot = store.snapshot().await.unwrap();
            let mut after = None;
            let mut answered = Vec::new();
            let refused = loop {
                match store.query(&Query::everything(), after).await {
                    Ok(page) => {
                        answered.extend(page.rows().map(|row| row.reading()));
                        after = page.next;
                    }
                    Err(error) => break Some(error),
                }
                if after.is_none() {
                    break None;
                }
            };
            match refused {
                Some(error) => assert!(refusals.contains(&error.kind()), "{error}"),
                // An older page in a newer one's place is an earlier state of the file, here the
                // empty one, which redb could only tell by checking all of it.
                None if answered.is_empty() => assert!(matches!(damage, Damage::Misplaced { .. })),
                None => assert_eq!(answered, readings),
            }
            // A put may fail, and closing the file as well; both must return.
            let _ = store.put(&readings).await;
            drop(store);
            drop(snapshot);
        });
    }

    #[test]
    fn memory_does_what_the_model_does(steps in steps()) {
        block_on(async { walk_beside_the_model(Memory::new(), steps, |store| store).await });
    }

    #[test]
    fn embedded_does_what_the_model_does(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let reopen = |store| {
            drop(store);
            open(&folder, "readings")
        };
        block_on(async { walk_beside_the_model(open(&folder, "readings"), steps, reopen).await });
    }

    #[test]
    fn printed_text_is_the_same_as_rows_printed_alone(
        batch in conformance::readings(),
        query in conformance::query(),
    ) {
        block_on(async {
            let store = Memory::new();
            store.put(&batch).await.unwrap();
            let print = async |query: &Query| {
                let mut text = Vec::new();
                let page = store.query(query, None).await.unwrap();
                csv::write_page(&mut text, &page, Column::DEFAULT, Dialect::DEFAULT);
                text
            };
            let alone = print(&query).await;
            // Whoever asks for everything has it printed for all.
            print(&Query::everything()).await;
            assert_eq!(print(&query).await, alone);
            let all: Vec<_> = Column::DEFAULT.iter().copied().chain([Column::Flags]).collect();
            let mut with_flags = Vec::new();
            let page = store.query(&query, None).await.unwrap();
            csv::write_page(&mut with_flags, &page, &all, Dialect::DEFAULT);
            let lines = with_flags.split_inclusive(|byte| *byte == b'\n');
            let without = lines.flat_map(|line| {
                let end = line.iter().rposition(|byte| *byte == b',').unwrap();
                [&line[..end], b"\n"].concat()
            });
            assert_eq!(without.collect::<Vec<u8>>(), alone);
        });
    }

    #[test]
    fn a_limit_gives_the_first_rows(
        batch in conformance::readings(),
        query in conformance::query(),
        rows in 0_u64..40,
    ) {
        block_on(async {
            let store = Memory::new();
            store.put(&batch).await.unwrap();
            let mut all = Vec::new();
            let mut after = None;
            loop {
                let page = store.query(&query, after).await.unwrap();
                all.extend(page.rows().map(|row| row.reading()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let mut pages = airshed_store::Pages::new(Arc::new(store), query).up_to(rows);
            let mut first = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.unwrap();
                assert!(!page.is_empty());
                first.extend(page.rows().map(|row| row.reading()));
            }
            assert_same(&first, &all[..all.len().min(rows as usize)]);
        });
    }

    #[test]
    fn csv_with_all_columns_reads_back_unchanged(batch in conformance::readings()) {
        block_on(async {
            let (store, copy) = (Memory::new(), Memory::new());
            store.put(&batch).await.unwrap();
            let text = csv_of(&store, &Query::everything(), Column::ALL).await;
            let rows = csv::CsvReader::new(text.as_slice()).unwrap().map(|row| row.unwrap());
            let rows: Vec<_> = rows
                .map(|row| {
                    assert_eq!((row.left_out, row.differs), (vec![], None));
                    row.reading
                })
                .collect();
            assert_same(&rows, &all(&store, &Query::everything()).await);
            copy.put(&rows).await.unwrap();
            assert_eq!(csv_of(&copy, &Query::everything(), Column::ALL).await, text);
        });
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "These are notes, not readings.\n".repeat(1000);
    std::fs::write(&path, &text).unwrap();
    let error = Embedded::open(&path, Options::default()).err().unwrap();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_file_too_short_for_a_store_is_damaged_however_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    open(&folder, "readings");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 1, 8, 9, 63, 64, 318, 319, 320, 511, 512, 4095, 4096] {
        for write in [true, false] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut options = Options::default();
            options.write = write;
            let error = Embedded::open(&path, options).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{length} bytes, {write}: {error}");
            assert_eq!(std::fs::read(&path).unwrap(), whole[..length]);
        }
    }
}

#[tokio::test]
async fn a_place_where_no_store_can_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "").unwrap();
    std::fs::create_dir(at("directory")).unwrap();
    let long = "x".repeat(300);
    for (name, words) in [
        ("directory", "is a directory, not a file"),
        ("file/readings.redb", "a part of the path is a file, not a directory"),
        ("file/below/readings.redb", "a part of the path is a file, not a directory"),
        (&long, "file name is invalid or too long"),
    ] {
        let error = Embedded::open(at(name), Options::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let mut existing = Options::default();
    existing.create = false;
    let error = Embedded::open(at("new/readings.redb"), existing.clone()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("there is no store at"), "{error}");
    assert!(!at("new").exists());
    drop(open(&folder, "readings"));
    Embedded::open(at("readings"), existing).unwrap();
}

#[tokio::test]
async fn a_newer_format_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder, "readings"));
    let path = folder.path().join("readings");
    {
        let database = redb::Database::create(&path).unwrap();
        let write = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, u64>::new("meta");
        write.open_table(meta).unwrap().insert("format", 99).unwrap();
        write.commit().unwrap();
    }
    let error = Embedded::open(&path, Options::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TooNew);
    assert!(error.to_string().contains("format 99"), "{error}");
}

#[tokio::test]
async fn a_second_opener_is_told_that_the_store_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let held = open(&folder, "readings");
    let error = Embedded::open(folder.path().join("readings"), Options::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Locked);
    drop(held);
    open(&folder, "readings");
}

#[tokio::test]
async fn a_store_opened_to_read_is_shared_and_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    let mut to_read = Options::default();
    to_read.write = false;
    let error = Embedded::open(&path, to_read.clone()).err().unwrap();
    assert!(error.to_string().contains("there is no store at"), "{error}");
    let store = open(&folder, "readings");
    let mut reading =
        Reading::new(1, airshed_store::Window::Day24, "2026-02-01T09:00:00Z".parse().unwrap());
    reading.pm10 = Some("51".parse().unwrap());
    store.put(&[reading.clone()]).await.unwrap();
    reading.sensor = 2.into();
    let held = Embedded::open(&path, to_read.clone()).err().unwrap();
    assert_eq!(held.kind(), ErrorKind::Locked);
    drop(store);
    let before = std::fs::read(&path).unwrap();
    let readers =
        [&to_read, &to_read].map(|to_read| Embedded::open(&path, to_read.clone()).unwrap());
    for reader in &readers {
        assert_eq!(reader.summary().await.unwrap().readings(), 1);
        assert_eq!(reader.put(&[reading.clone()]).await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(reader.summary().await.unwrap().readings(), 1);
    }
    let writer = Embedded::open(&path, Options::default()).err().unwrap();
    assert_eq!(writer.kind(), ErrorKind::Locked);
    drop(readers);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn pages_walk_through_the_whole_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, "readings");
    let readings: Vec<_> = (0..50_000)
        .map(|n| {
            let second = jiff::Timestamp::from_second(n).unwrap();
            Reading { pm10: Some(n.into()), ..Reading::new(7, airshed_store::Window::Hour, second) }
        })
        .collect();
    store.put(&readings).await.unwrap();
    let walk_up_to = async |query: Query, rows: u64| {
        let mut pages = airshed_store::Pages::new(Arc::new(store.clone()), query).up_to(rows);
        let mut walked = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert!(!page.is_empty());
            walked.extend(page.rows().map(|row| row.reading()));
        }
        walked
    };
    let walk = |query| walk_up_to(query, u64::MAX);
    assert_same(&walk(Query::everything()).await, &readings);
    // Pages end anywhere; a limit may fall before, upon or behind an end.
    for rows in [0, 1, 16_383, 16_384, 16_385, 32_768, 49_999, 50_000, 50_001] {
        let found = walk_up_to(Query::everything(), rows as u64).await;
        assert_same(&found, &readings[..readings.len().min(rows)]);
    }
    let mut none = Query::everything();
    none.sensors = vec![8.into()];
    assert_eq!(walk(none).await, []);
}

#[tokio::test]
async fn urls_choose_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("new/readings.redb").display());
    for url in ["memory:", &url] {
        let store = airshed_store::open(url, airshed_store::OpenOptions::default()).await.unwrap();
        assert_eq!(store.summary().await.unwrap().readings(), 0);
    }
    for url in ["", "file:", "redis:x", "/tmp/x"] {
        let error =
            airshed_store::open(url, airshed_store::OpenOptions::default()).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
    }
}

/// Each case writes files; `PROPTEST_CASES` still says how many there are.
fn a_quarter_of_the_cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases / 4, ..default }
}

fn open(folder: &tempfile::TempDir, name: &str) -> Embedded {
    Embedded::open(folder.path().join(name), Options::default()).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

#[test]
fn areas_hold_what_lies_within() {
    use airshed_store::Area;
    let fiji = Area::Box { west: 177.0, south: -20.0, east: -178.0, north: -15.0 };
    assert!(fiji.contains(-18.1, 178.4) && fiji.contains(-16.0, -179.9));
    assert!(!fiji.contains(-18.1, 0.0) && !fiji.contains(-21.0, 178.4));
    // Berlin to Hamburg: 255 km along the great circle.
    let berlin = |kilometres| Area::Circle { latitude: 52.52, longitude: 13.405, kilometres };
    assert!(berlin(256.0).contains(53.5511, 9.9937) && !berlin(254.0).contains(53.5511, 9.9937));
    let pole = Area::Circle { latitude: 90.0, longitude: 0.0, kilometres: 112.0 };
    assert!(pole.contains(89.0, 123.0) && !pole.contains(88.9, -57.0));
    assert!(!pole.contains(91.0, 0.0) && !pole.contains(f64::NAN, 0.0));
}
