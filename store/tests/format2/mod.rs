//! A file of format 2, made by the last version that wrote it (90 readings of three days, with
//! odd numbers, models and places), and what that version exported of it.

use std::path::Path;

use airshed_store::conformance::csv_of;
use airshed_store::{Column, Embedded, ErrorKind, Options, Query, Reading, Store, Window};

const FILE: &str = include_str!("store.redb.zst.hex");
const EXPORT: &str = include_str!("readings.csv");

fn file_in(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let digits: Vec<_> = FILE.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let packed: Vec<_> = digits.chunks(2).map(byte).collect();
    let path = folder.path().join("readings.redb");
    std::fs::write(&path, zstd::decode_all(&*packed).unwrap()).unwrap();
    path
}

fn open(path: &Path) -> Embedded {
    Embedded::open(path, Options::default()).unwrap()
}

async fn export(store: &Embedded) -> String {
    // The columns that the last build had.
    let names = EXPORT.lines().next().unwrap().split(',');
    let columns: Vec<Column> = names.map(|name| name.parse().unwrap()).collect();
    String::from_utf8(csv_of(store, &Query::everything(), &columns).await).unwrap()
}

/// The format that the file says it has.
fn format(path: &Path) -> u64 {
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    let database = redb::Database::open(path).unwrap();
    let reader = redb::ReadableDatabase::begin_read(&database).unwrap();
    reader.open_table(meta).unwrap().get("format").unwrap().unwrap().value()
}

/// The blocks that are still as that version wrote them.
fn old_blocks(path: &Path) -> u64 {
    let blocks = redb::TableDefinition::<u64, &[u8]>::new("blocks");
    let database = redb::Database::open(path).unwrap();
    let reader = redb::ReadableDatabase::begin_read(&database).unwrap();
    redb::ReadableTableMetadata::len(&reader.open_table(blocks).unwrap()).unwrap()
}

#[tokio::test]
async fn it_is_read_and_stays_as_it_is_until_something_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let store = open(&path);
    assert_eq!(export(&store).await, EXPORT);
    let mut to_read = Options::default();
    to_read.write = false;
    drop(store);
    assert_eq!(export(&Embedded::open(&path, to_read).unwrap()).await, EXPORT);
    assert_eq!(format(&path), 2);
}

#[tokio::test]
async fn puts_and_deletions_take_it_over_block_by_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let before = old_blocks(&path);
    let store = open(&path);
    let mut reading = Reading::new(77_000, Window::Hour, "2020-06-12T12:00:00Z".parse().unwrap());
    reading.pm10 = Some("1.50".parse().unwrap());
    reading.country = Some("DE".parse().unwrap());
    store.put(&[reading]).await.unwrap();
    let mut rows: Vec<_> = EXPORT.lines().map(str::to_owned).collect();
    let new = ",2020-06-12T12:00:00Z,1.50,,,,,,DE,1,Low,77000,,1h,,,one_pollutant";
    let place = rows.iter().rposition(|row| row.contains(",2020-06-12T") && row.contains(",DE,"));
    rows.insert(place.unwrap() + 1, new.to_owned());
    let expected = rows.join("\n") + "\n";
    assert_eq!(export(&store).await, expected);
    drop(store);
    assert_eq!(format(&path), 3);
    let after = old_blocks(&path);
    assert!(0 < after && after < before, "{before} {after}");

    let store = open(&path);
    assert_eq!(export(&store).await, expected);
    let moment = "2020-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(store.delete_before(moment).await.unwrap(), 30);
    let expected: String = expected
        .lines()
        .filter(|row| !row.contains(",1969-"))
        .map(|row| format!("{row}\n"))
        .collect();
    drop(store);
    assert_eq!(export(&open(&path)).await, expected);
}

#[tokio::test]
async fn it_migrates_at_once_and_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let store = open(&path);
    let mut progress = store.migrate().await.unwrap();
    while progress.left > 0 {
        let next = store.migrate().await.unwrap();
        assert!(next.left < progress.left);
        progress = next;
    }
    assert_eq!(progress.readings, 90);
    assert_eq!(export(&store).await, EXPORT);
    drop(store);
    assert_eq!((format(&path), old_blocks(&path)), (3, 0));
    let store = open(&path);
    assert_eq!(export(&store).await, EXPORT);
    assert_eq!(store.migrate().await.unwrap().left, 0);
}

#[tokio::test]
async fn a_file_of_a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    let database = redb::Database::open(&path).unwrap();
    let writer = database.begin_write().unwrap();
    writer.open_table(meta).unwrap().insert("format", 5).unwrap();
    writer.commit().unwrap();
    drop(database);
    let error = Embedded::open(&path, Options::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TooNew, "{error}");
}
