//! Past readings from an archive: folders, servers, interruptions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::Destination;
use airshed::backfill::{self, Archive, Backfill, Backfilled, Files, Step};
use airshed_history::archive::Report;
use airshed_history::{Carried, Day, Flagging, neighbours};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use store::{Flags, Memory, Network, Pages, Query, Reading, Store, Window};
use tokio_util::sync::CancellationToken;

use super::support::at;

mod months;
mod server;

const FIRST: Date = date(2021, 2, 13);

/// A simulated file of the archive: a sample every 150 s, with gaps.
fn file(sensor: u64, day: Date) -> String {
    let mut text =
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
            .to_owned();
    let (latitude, longitude) =
        if sensor.is_multiple_of(2) { ("52.520", "13.405") } else { ("48.857", "2.352") };
    let number = u64::from(day.day().unsigned_abs());
    for sample in 0..576 {
        let second = sample * 150 + sensor % 7;
        let drawn = (sensor * 31 + number * 17 + sample * sample) % 397;
        if (sensor + sample / 60 + number).is_multiple_of(11) {
            continue;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        text += &format!(
            "{sensor};SDS011;{};{latitude};{longitude};{day}T{hour:02}:{minute:02}:{second:02};{}.{:02};;;{}.5;;\n",
            sensor + 1000,
            drawn / 4,
            drawn % 100,
            drawn / 9,
        );
    }
    text
}

fn name(sensor: u64, day: Date) -> String {
    format!("{day}_sds011_sensor_{sensor}.csv")
}

fn days(count: i64) -> Vec<Date> {
    (0..count).map(|n| FIRST.checked_add(n.days()).unwrap()).collect()
}

fn plan(archive: Archive, folder: &Path, count: i64) -> Backfill {
    let last = *days(count).last().unwrap();
    Backfill {
        archive,
        days: FIRST..=last,
        files: Files::default(),
        countries: Vec::new(),
        area: None,
        windows: vec![Window::Hour, Window::Day24, Window::Day],
        flagging: Flagging::default(),
        network: Network::SENSOR_COMMUNITY,
        record: Some((folder.to_owned(), "a store".to_owned())),
        again: false,
        client: Default::default(),
        pause: Duration::ZERO,
        copies: None,
        disk: Default::default(),
    }
}

fn empty() -> Arc<dyn Store> {
    Arc::new(Memory::new())
}

async fn run(plan: &Backfill, store: &Arc<dyn Store>) -> Backfilled {
    let now = at("2026-02-01T12:00:00Z");
    backfill::run(plan, store, now, &|_| {}, &CancellationToken::new()).await.unwrap()
}

async fn all(store: &Arc<dyn Store>) -> Vec<Reading> {
    let mut pages = Pages::new(Arc::clone(store), Query::everything());
    let mut readings = Vec::new();
    while let Some(page) = pages.next().await {
        readings.extend(page.unwrap().rows().map(|row| row.reading()));
    }
    readings
}

/// The readings of files by the rule alone, a whole day at once.
fn expected(files: &[(u64, Date, String)]) -> Vec<Reading> {
    let dates: BTreeSet<Date> = files.iter().map(|(_, date, _)| *date).collect();
    let mut carried = Carried::default();
    let mut readings = Vec::new();
    for of in dates {
        let mut day = Day::new(of);
        for (sensor, date, text) in files {
            if *date == of {
                let name = name(*sensor, *date);
                day.read(text.as_bytes(), &name, &mut Report::default()).unwrap();
            }
        }
        let mut of_day = day.finish(Some(&mut carried)).readings;
        neighbours::flag(&mut of_day);
        readings.extend(of_day);
    }
    for reading in &mut readings {
        let country = if reading.sensor.id % 2 == 0 { "DE" } else { "FR" };
        reading.country = Some(country.parse().unwrap());
    }
    readings
}

fn same(mut stored: Vec<Reading>, mut expected: Vec<Reading>) {
    let place = |reading: &Reading| (reading.sensor, reading.window, reading.timestamp);
    stored.sort_by_key(place);
    expected.sort_by_key(place);
    assert_eq!(stored.len(), expected.len());
    for (stored, expected) in stored.iter().zip(&expected) {
        assert_eq!(stored, expected);
    }
}

fn simulated(sensors: u64, count: i64) -> Vec<(u64, Date, String)> {
    let each = |date: Date| (1..=sensors).map(move |sensor| (sensor, date, file(sensor, date)));
    days(count).into_iter().flat_map(each).collect()
}

/// A folder with the files.
fn written(folder: &tempfile::TempDir, files: &[(u64, Date, String)]) -> PathBuf {
    let archive = folder.path().join("archive");
    fs::create_dir(&archive).unwrap();
    for (sensor, date, text) in files {
        fs::write(archive.join(name(*sensor, *date)), text).unwrap();
    }
    archive
}

fn zipped(members: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// A part of a month in Parquet, in several row groups: numbers and a timestamp, or only text.
fn parquet_of(files: &[(u64, Date, String)], as_text: bool) -> Vec<u8> {
    use parquet::data_type::{ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;

    let schema = match as_text {
        true => {
            "message m { OPTIONAL BINARY P1 (UTF8); OPTIONAL BINARY P2 (UTF8); REQUIRED BINARY
             timestamp (UTF8); REQUIRED BINARY lat (UTF8); REQUIRED BINARY lon (UTF8); REQUIRED BINARY
             location (UTF8); REQUIRED BINARY sensor_type (UTF8); REQUIRED BINARY sensor_id (UTF8);
             OPTIONAL BINARY durP1 (UTF8); }"
        }
        false => {
            "message m { OPTIONAL DOUBLE P1; OPTIONAL DOUBLE P2; REQUIRED INT64 timestamp
             (TIMESTAMP(MICROS,true)); REQUIRED BINARY lat (UTF8); REQUIRED BINARY lon (UTF8);
             REQUIRED INT64 location; REQUIRED BINARY sensor_type (UTF8); REQUIRED INT64 sensor_id;
             OPTIONAL DOUBLE durP1; }"
        }
    };
    let schema = parquet::schema::parser::parse_message_type(schema).unwrap();
    let properties =
        WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    for (.., text) in files {
        let rows: Vec<Vec<&str>> =
            text.lines().skip(1).map(|row| row.split(';').collect()).collect();
        let mut group = writer.next_row_group().unwrap();
        // P1, P2, timestamp, lat, lon, location, sensor_type, sensor_id: where they are in CSV.
        for (number, of_csv) in [6, 9, 5, 3, 4, 2, 1, 0, 7].into_iter().enumerate() {
            let cells: Vec<&str> = rows.iter().map(|row| row[of_csv]).collect();
            let cells: Vec<_> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
            let levels: Vec<i16> =
                rows.iter().map(|row| i16::from(!row[of_csv].is_empty())).collect();
            let levels = [0, 1, 8].contains(&number).then_some(&levels[..]);
            let mut column = group.next_column().unwrap().unwrap();
            match number {
                0 | 1 | 8 if !as_text => {
                    let values: Vec<f64> = cells.iter().map(|cell| cell.parse().unwrap()).collect();
                    column.typed::<DoubleType>().write_batch(&values, levels, None).unwrap();
                }
                2 | 5 | 7 if !as_text => {
                    let number = |cell: &&str| match number {
                        2 => at(&format!("{cell}Z")).as_microsecond(),
                        _ => cell.parse().unwrap(),
                    };
                    let values: Vec<i64> = cells.iter().map(number).collect();
                    column.typed::<Int64Type>().write_batch(&values, None, None).unwrap();
                }
                _ => {
                    let values: Vec<_> = cells.iter().map(|cell| (*cell).into()).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, levels, None).unwrap();
                }
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// Whatever is wrong with a Parquet file, it is named and stops nothing.
#[tokio::test]
async fn a_damaged_parquet_file_is_named() {
    let files = simulated(1, 1);
    let rows = files[0].2.lines().count() as u64 - 1;
    let whole = parquet_of(&files, false);
    let read = |bytes: &[u8]| {
        let (mut report, mut count) = (Report::default(), 0);
        let done =
            airshed_history::archive::read(bytes, "part-0.parquet", &mut report, &mut |_| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            });
        done.map(|()| count)
    };
    assert_eq!(read(&whole).unwrap(), rows);
    // Cut anywhere there is no footer; a changed byte is read as something, or refused.
    for cut in (4..whole.len()).step_by(61) {
        assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let mut refused = 0;
    for changed in (4..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[changed] ^= 1 << (changed % 8);
        refused += usize::from(read(&bytes).is_err());
    }
    assert!(refused > 0);
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("2021-02/sds011/part-00000.snappy.parquet");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &whole[..whole.len() / 2]).unwrap();
    let sound = simulated(2, 1).pop().unwrap();
    fs::write(folder.path().join(name(sound.0, sound.1)), &sound.2).unwrap();
    let plan = plan(Archive::Paths(vec![folder.path().to_owned()]), folder.path(), 1);
    let store = empty();
    let done = run(&plan, &store).await;
    let [(failed, why)] = &done.failed[..] else { panic!("{:?}", done.failed) };
    assert!(failed.ends_with("part-00000.snappy.parquet"), "{failed}");
    assert!(why.contains("a damaged, truncated or unsupported Parquet file"), "{why}");
    same(all(&store).await, expected(&[sound]));
}

/// Days in folders, compressed, a month in one file, and one that has no date in its name.
#[tokio::test]
async fn files_in_any_form_are_the_same_readings() {
    let files = simulated(9, 3);
    let expected = expected(&files);
    let rows: usize = files.iter().map(|(.., text)| text.lines().count() - 1).sum();
    let whole = |files: &[(u64, Date, String)]| {
        let mut text = files[0].2.lines().next().unwrap().to_owned() + "\n";
        files
            .iter()
            .for_each(|(.., of)| of.lines().skip(1).for_each(|row| text += &format!("{row}\n")));
        text
    };
    for form in ["by day", "packed", "month", "parquet", "undated", "mixed"] {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = folder.path().join("archive").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        match form {
            "by day" => files.iter().for_each(|(sensor, date, text)| {
                put(&format!("{date}/{}", name(*sensor, *date)), text.as_bytes());
            }),
            "packed" => files.iter().for_each(|(sensor, date, text)| {
                put(&format!("2021/{date}/{}.gz", name(*sensor, *date)), &gzipped(text));
            }),
            "month" => {
                let members = [("2021-02_sds011.csv".to_owned(), whole(&files))];
                put("csv_per_month/2021-02/2021-02_sds011.zip", &zipped(&members));
                put("csv_per_month/2021-03/2021-03_sds011.zip", b"not asked for");
            }
            "parquet" => {
                let (some, others) = files.split_at(files.len() / 2);
                let folder = "parquet/2021-02/sds011";
                put(&format!("{folder}/part-00000.snappy.parquet"), &parquet_of(some, true));
                put(&format!("{folder}/part-00001.snappy.parquet"), &parquet_of(others, false));
                put("parquet/2021-02/sds011/_SUCCESS", b"");
                put("parquet/2021-02/bmp180/part-00000.snappy.parquet", b"of another type");
                put("parquet/2021-03/sds011/part-00000.snappy.parquet", b"not asked for");
            }
            "undated" => put("everything.csv", whole(&files).as_bytes()),
            // Each sensor's rows in both.
            _ => {
                let (some, others) = files.split_at(files.len() / 2);
                put("2021-02_sds011.csv", whole(some).as_bytes());
                others
                    .iter()
                    .for_each(|(sensor, date, text)| put(&name(*sensor, *date), text.as_bytes()));
                let (sensor, date, text) = &some[0];
                put(&name(*sensor, *date), text.as_bytes());
            }
        }
        put("2021-02-14_bmp180_sensor_7.csv", b"of another type, not even opened");
        put(".hidden.csv", b"x");
        put("README.txt", b"of no interest");
        let store = empty();
        let plan = plan(Archive::Paths(vec![folder.path().join("archive")]), folder.path(), 3);
        let done = run(&plan, &store).await;
        assert_eq!(done.failed, [], "{form}");
        let count = match form {
            "month" | "undated" => 1,
            "parquet" => 2,
            "mixed" => 1 + files.len() as u64 - files.len() as u64 / 2 + 1,
            _ => files.len() as u64,
        };
        assert_eq!(done.files, count, "{form}");
        let again = if form == "mixed" { files[0].2.lines().count() as u64 - 1 } else { 0 };
        assert_eq!(done.report.rows, rows as u64 + again, "{form}");
        assert_eq!((done.report.kept, done.repeated), (rows as u64 + again, again), "{form}");
        assert_eq!(done.readings, expected.len() as u64, "{form}");
        let mut stored = all(&store).await;
        let mut expected = expected.clone();
        // Only the names of files of one sensor say whether it is indoors.
        if !["by day", "packed"].contains(&form) {
            stored.iter_mut().chain(&mut expected).for_each(|reading| reading.indoor = None);
        }
        same(stored, expected);
        // Done is done.
        let nothing = run(&plan, &store).await;
        assert_eq!((nothing.days, nothing.files, nothing.readings), (0, 0, 0), "{form}");
        // But not in another store.
        assert_eq!(run(&plan, &empty()).await.readings, done.readings, "{form}");
    }
}

#[tokio::test]
async fn damaged_files_are_named_and_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = simulated(4, 2);
    let archive = written(&folder, &files);
    let cut = gzipped(&file(5, FIRST));
    for (name, bytes) in [
        ("2021-02-13_sds011_sensor_5.csv.gz", &cut[..cut.len() / 2]),
        ("2021-02-13_sds011_sensor_6.csv", b"<html>Gone</html>"),
        ("2021-02-14_sds011_sensor_7.csv", b"\x00\xff\xfe"),
        ("2021-02-14_sds011_sensor_8.csv", b""),
    ] {
        fs::write(archive.join(name), bytes).unwrap();
    }
    let store = empty();
    let done = run(&plan(Archive::Paths(vec![archive]), folder.path(), 2), &store).await;
    let failed: BTreeSet<_> =
        done.failed.iter().map(|(name, _)| name.rsplit('_').next().unwrap()).collect();
    assert_eq!(failed, BTreeSet::from(["5.csv.gz", "6.csv", "7.csv", "8.csv"]));
    let mut stored = all(&store).await;
    stored.retain(|reading| reading.sensor.id < 5); // of 5 there is what could be read
    same(stored, expected(&files));
}

/// Stopped after any number of days, and killed within one: the same readings in the end.
#[tokio::test]
async fn a_backfill_that_is_interrupted_continues() {
    let folder = tempfile::tempdir().unwrap();
    let files = simulated(3, 5);
    let archive = written(&folder, &files);
    let plan = plan(Archive::Paths(vec![archive]), folder.path(), 5);
    let store = empty();
    let (mut done_days, mut lost) = (0, false);
    for _ in 0..20 {
        let stop = CancellationToken::new();
        let shown = |step: Step| {
            if let Step::Stored(_) = step {
                stop.cancel();
            }
        };
        let now = at("2026-02-01T12:00:00Z");
        done_days += backfill::run(&plan, &store, now, &shown, &stop).await.unwrap().days;
        if done_days == 5 {
            break;
        }
        // The last record is lost, as if the process had been killed before it.
        if done_days == 3 && !lost {
            lost = true;
            let mut record =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let record = record.find(|path| path.extension().is_some_and(|e| e == "json")).unwrap();
            let text = fs::read_to_string(&record).unwrap();
            fs::write(&record, text.replace(",\"2021-02-15\"", "")).unwrap();
            done_days -= 1;
        }
    }
    assert_eq!(done_days, 5);
    same(all(&store).await, expected(&files));
}

/// Progress is over all days, of those only that are to be done.
#[tokio::test]
async fn progress_goes_over_all_days() {
    let folder = tempfile::tempdir().unwrap();
    let files = simulated(3, 5);
    let archive = written(&folder, &files);
    let mut plan = plan(Archive::Paths(vec![archive]), folder.path(), 2);
    plan.windows = vec![Window::Hour];
    let store = empty();
    for (count, of_days) in [(2, 2), (5, 3)] {
        plan.days = FIRST..=*days(count).last().unwrap();
        let steps = Mutex::new(Vec::new());
        let shown = |step: Step| {
            if let Step::Going(progress) = step {
                steps.lock().unwrap().push(progress);
            }
        };
        let now = at("2026-02-01T12:00:00Z");
        let stop = CancellationToken::new();
        let done = backfill::run(&plan, &store, now, &shown, &stop).await.unwrap();
        let steps = steps.into_inner().unwrap();
        let parts: Vec<_> = steps.iter().map(|step| step.part()).collect();
        assert!(parts.is_sorted() && parts[0] > 0.0, "{parts:?}");
        let last = steps.last().unwrap();
        assert_eq!((last.part(), last.days, last.of_days), (1.0, of_days, of_days));
        assert_eq!((last.files, last.rows), (done.files, done.report.rows));
        assert_eq!(last.left(), Some(Duration::ZERO));
        assert_eq!(steps[0].of_day, 1.0 / 3.0);
    }
}

/// Only what is asked for, and nothing of a day that is not over.
#[tokio::test]
async fn filters_choose_files_and_readings() {
    let folder = tempfile::tempdir().unwrap();
    let files = simulated(6, 2);
    let archive = written(&folder, &files);
    let everything = expected(&files);
    let base = plan(Archive::Paths(vec![archive]), folder.path(), 2);
    let only = |wanted: fn(&Reading) -> bool| -> Vec<Reading> {
        everything.iter().filter(|reading| wanted(reading)).cloned().collect()
    };
    let asked = async |plan: Backfill| {
        let store = empty();
        let done = run(&plan, &store).await;
        (all(&store).await, done)
    };
    let (stored, _) =
        asked(Backfill { countries: vec!["FR".parse().unwrap()], ..base.clone() }).await;
    same(stored, only(|reading| reading.sensor.id % 2 == 1));
    let berlin = store::Area::Circle { latitude: 52.5, longitude: 13.4, kilometres: 20.0 };
    let (stored, _) = asked(Backfill { area: Some(berlin), ..base.clone() }).await;
    same(stored, only(|reading| reading.sensor.id % 2 == 0));
    let (stored, _) = asked(Backfill { windows: vec![Window::Day], ..base.clone() }).await;
    same(stored, only(|reading| reading.window == Window::Day));
    let sensors = Files { sensors: vec![2, 3], ..Files::default() };
    let (stored, done) = asked(Backfill { files: sensors, ..base.clone() }).await;
    // Of some sensors alone it is not known what their neighbours measured.
    let mut two = only(|reading| [2, 3].contains(&reading.sensor.id));
    assert!(two.iter().any(|reading| reading.flags().contains(Flags::NO_NEIGHBOURS)));
    two.iter_mut().for_each(|reading| reading.stored_flags = Flags::NONE);
    same(stored, two);
    assert_eq!(done.files, 4);
    // Only the flags that are wanted are computed.
    let computed = Flags::BELOW_NEIGHBOURS.union(Flags::STUCK);
    let flagging = Flagging { computed, ..Flagging::default() };
    let (stored, _) = asked(Backfill { flagging, ..base.clone() }).await;
    let mut wanted = only(|_| true);
    assert!(wanted.iter().any(|reading| reading.flags().contains(Flags::NO_NEIGHBOURS)));
    for reading in &mut wanted {
        reading.stored_flags = reading.stored_flags.intersection(computed);
    }
    same(stored, wanted);
    let types = Files { types: vec!["sps30".to_owned()], ..Files::default() };
    let (stored, done) = asked(Backfill { files: types, ..base.clone() }).await;
    assert_eq!((stored.len(), done.files, done.without_files), (0, 0, 2));

    let store = empty();
    let during = at("2021-02-14T18:00:00Z");
    let done =
        backfill::run(&base, &store, during, &|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!(done.days, 1);
    assert!(all(&store).await.iter().all(|reading| reading.timestamp <= during));
}

/// The neighbours of some sensors are those that the store has; who is not there is not missed.
#[tokio::test]
async fn some_sensors_are_compared_with_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let files = simulated(9, 2);
    let archive = written(&folder, &files);
    // Beside sensor 9, on its board, and beside none that is asked for.
    for climate in [10, 12] {
        let mut rows =
            "sensor_id;sensor_type;location;lat;lon;timestamp;temperature;humidity\n".to_owned();
        for minute in 0..24 * 60 {
            rows += &format!(
                "{climate};DHT22;1009;48.857;2.352;{FIRST}T{:02}:{:02}:00;7.5;60\n",
                minute / 60,
                minute % 60
            );
        }
        fs::write(archive.join(format!("{FIRST}_dht22_sensor_{climate}.csv")), rows).unwrap();
    }
    let some = [2, 3, 9];
    let mut plan = plan(Archive::Paths(vec![archive]), folder.path(), 2);
    plan.files.sensors = some.to_vec();
    let everything = expected(&files);
    let is_some = |reading: &&Reading| some.contains(&reading.sensor.id);
    let (mut wanted, others): (Vec<_>, Vec<_>) = {
        let (wanted, others): (Vec<_>, Vec<_>) = everything.iter().partition(is_some);
        (wanted.into_iter().cloned().collect(), others.into_iter().cloned().collect())
    };
    for has_others in [true, false] {
        let store = empty();
        if has_others {
            store.put(&others).await.unwrap();
        }
        plan.record = None;
        assert_eq!(run(&plan, &store).await.files, 7);
        let mut stored = all(&store).await;
        stored.retain(|reading| is_some(&reading));
        let climate: BTreeSet<_> = stored
            .iter()
            .filter(|reading| reading.temperature.is_some())
            .map(|reading| reading.sensor.id)
            .collect();
        assert_eq!(climate, BTreeSet::from([9]));
        stored
            .iter_mut()
            .for_each(|reading| (reading.temperature, reading.humidity) = (None, None));
        let beside = Flags::ABOVE_NEIGHBOURS.union(Flags::BELOW_NEIGHBOURS);
        for reading in &mut wanted {
            let unknown =
                if has_others { Flags::NO_NEIGHBOURS } else { Flags::NO_NEIGHBOURS.union(beside) };
            reading.stored_flags = reading.stored_flags.difference(unknown);
        }
        let flagged = wanted.iter().filter(|reading| reading.stored_flags.intersects(beside));
        assert_eq!(flagged.count() > 0, has_others);
        same(stored, wanted.clone());
    }
}

/// What a day lacks is done again with it, once it can be read.
#[tokio::test]
async fn a_day_with_a_file_that_cannot_be_read_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let files = simulated(3, 3);
    let archive = written(&folder, &files);
    let odd = archive.join(name(2, date(2021, 2, 14)));
    fs::write(&odd, "<html>later</html>").unwrap();
    std::os::unix::fs::symlink("nowhere.csv", archive.join("dangling.csv")).unwrap();
    let fifo = archive.join("2021-02-13_sds011_sensor_9.csv");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let plan = plan(Archive::Paths(vec![archive.clone()]), folder.path(), 3);
    let store = empty();
    let done = run(&plan, &store).await;
    let failed: Vec<_> =
        done.failed.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(
        failed,
        ["2021-02-13_sds011_sensor_9.csv", "dangling.csv", "2021-02-14_sds011_sensor_2.csv"]
    );
    assert_eq!(done.days, 3);
    let nothing = run(&plan, &store).await;
    assert_eq!((nothing.days, nothing.files), (0, 0), "as long as the file is the same");
    let by_hand = run(&Backfill { again: true, ..plan.clone() }, &store).await;
    assert_eq!(by_hand.days, 2);
    fs::write(&odd, &files[4].2).unwrap();
    fs::remove_file(fifo).unwrap();
    fs::remove_file(archive.join("dangling.csv")).unwrap();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.failed.len()), (2, 0), "and the next day, for its 24 h means");
    same(all(&store).await, expected(&files));
    assert_eq!(run(&plan, &store).await.days, 0);
}

/// A flipped bit in a compressed file can turn into rows that nobody measured: none of them is stored,
/// so that nothing is left of them when the file is repaired.
#[tokio::test]
async fn nothing_of_a_damaged_compressed_file_is_stored() {
    let files = simulated(3, 1);
    let (odd, whole) = (format!("{}.gz", name(2, FIRST)), gzipped(&files[1].2));
    let mut damaged = 0;
    for number in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let others = [files[0].clone(), files[2].clone()];
        let archive = written(&folder, &others);
        let mut bytes = whole.clone();
        let at = 10 + number * 7919 % (whole.len() - 10); // beyond the header
        bytes[at] ^= 1 << (number % 8);
        fs::write(archive.join(&odd), &bytes).unwrap();
        let plan = plan(Archive::Paths(vec![archive.clone()]), folder.path(), 1);
        let store = empty();
        let done = run(&plan, &store).await;
        damaged += done.failed.len();
        let stored = all(&store).await;
        let is_known = |reading: &Reading| (1..=3).contains(&reading.sensor.id);
        assert!(stored.iter().all(is_known), "flipped at {at}");
        fs::write(archive.join(&odd), &whole).unwrap();
        run(&plan, &store).await;
        same(all(&store).await, expected(&files));
    }
    assert_eq!(damaged, 40);
}

/// A part of a row is no row: the others count, and the day is done again when the file is whole.
#[tokio::test]
async fn a_day_with_a_file_that_ends_within_a_row_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = simulated(2, 1);
    let archive = written(&folder, &files);
    let whole = files[1].2.clone();
    // The last value, `12.5;;`, as `1`.
    let (cut, last_row) = (whole.rfind(".5;;").unwrap() - 1, whole.trim_end().rfind('\n').unwrap());
    fs::write(archive.join(name(2, FIRST)), &whole[..cut]).unwrap();
    let plan = plan(Archive::Paths(vec![archive.clone()]), folder.path(), 1);
    let store = empty();
    let done = run(&plan, &store).await;
    let [(failed, why)] = &done.failed[..] else { panic!("{:?}", done.failed) };
    assert!(failed.ends_with("_sensor_2.csv"), "{failed}");
    assert!(why.starts_with("the file ends within its last row, line "), "{why}");
    files[1].2.truncate(last_row + 1);
    same(all(&store).await, expected(&files));
    assert_eq!(run(&plan, &store).await.days, 0, "as long as the file is the same");
    fs::write(archive.join(name(2, FIRST)), whole.trim_end()).unwrap();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.failed.len()), (1, 0), "whole, though its last line has no end");
    files[1].2 = whole;
    same(all(&store).await, expected(&files));
}

/// The same for a file of several days.
#[tokio::test]
async fn a_month_that_cannot_be_read_to_its_end_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("2021-02_sds011.csv.gz");
    let files = simulated(2, 3);
    let head = files[0].2.lines().next().unwrap();
    let rows: Vec<_> = files.iter().flat_map(|(.., text)| text.lines().skip(1)).collect();
    let whole = gzipped(&format!("{head}\n{}\n", rows.join("\n")));
    fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    let plan = plan(Archive::Paths(vec![path.clone()]), folder.path(), 3);
    let store = empty();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.failed.len()), (0, 1), "nothing of it counts");
    assert_eq!(all(&store).await, []);
    fs::write(&path, &whole).unwrap();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.failed.len()), (3, 0));
    let (mut stored, mut expected) = (all(&store).await, expected(&files));
    stored.iter_mut().chain(&mut expected).for_each(|reading| reading.indoor = None);
    same(stored, expected);
    assert_eq!(run(&plan, &store).await.days, 0);
}

/// The name of a file need not say which sensors it has.
#[tokio::test]
async fn the_rows_of_a_sensor_come_together_from_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::create_dir(&archive).unwrap();
    let files = simulated(4, 1);
    for (sensor, date, text) in &files {
        let lines: Vec<_> = text.lines().collect();
        let (head, rows) = (lines[0], &lines[1..]);
        let (one, other) = rows.split_at(rows.len() / 3);
        let part = |rows: &[&str]| format!("{head}\n{}\n", rows.join("\n"));
        fs::write(archive.join(name(*sensor, *date)), part(one)).unwrap();
        let copy = format!("{date}_sds011_sensor_{sensor} (1).csv");
        fs::write(
            archive.join(if sensor % 2 == 0 { copy } else { format!("{date}_{sensor}.csv") }),
            part(other),
        )
        .unwrap();
    }
    let store = empty();
    let mut plan = plan(Archive::Paths(vec![archive]), folder.path(), 1);
    plan.files.types = vec!["sds011".to_owned(), "1".to_owned(), "3".to_owned()];
    let done = run(&plan, &store).await;
    assert_eq!(done.failed, []);
    let (mut stored, mut expected) = (all(&store).await, expected(&files));
    for reading in stored.iter_mut().chain(&mut expected) {
        // Of chosen types the neighbours are not known.
        (reading.indoor, reading.stored_flags) = (None, Flags::NONE);
    }
    same(stored, expected);
}

/// A record is of one store and one archive, however that is named.
#[tokio::test]
async fn what_is_done_is_done_in_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let archive = written(&folder, &simulated(1, 2));
    let named = plan(Archive::Paths(vec![archive.clone()]), folder.path(), 2);
    let store = empty();
    assert_eq!(run(&named, &store).await.days, 2);
    let otherwise = folder.path().join("./archive/../archive");
    let same = Backfill { archive: Archive::Paths(vec![otherwise]), ..named.clone() };
    assert_eq!(run(&same, &store).await.days, 0);
    let record = Some((folder.path().to_owned(), "another store".to_owned()));
    assert_eq!(run(&Backfill { record, ..named.clone() }, &store).await.days, 2);
    let unrecorded = Backfill { record: None, ..named };
    assert_eq!(run(&unrecorded, &store).await.days, 2);
    assert_eq!(run(&unrecorded, &store).await.days, 2);
}

/// More days in a file than are asked for: every row is counted.
#[tokio::test]
async fn rows_of_other_days_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undated.csv");
    let files = simulated(2, 4);
    let head = files[0].2.lines().next().unwrap();
    let rows: Vec<_> = files.iter().flat_map(|(.., text)| text.lines().skip(1)).collect();
    fs::write(&path, format!("{head}\n{}\n", rows.join("\n"))).unwrap();
    let mut plan = plan(Archive::Paths(vec![path]), folder.path(), 4);
    plan.days = date(2021, 2, 15)..=date(2021, 2, 15);
    for windows in [vec![Window::Day], vec![Window::Day, Window::Day24]] {
        plan.windows = windows;
        let store = empty();
        let done = run(&plan, &store).await;
        assert_eq!(done.report.rows, rows.len() as u64);
        assert_eq!(done.report.kept, rows.len() as u64);
        let of_day = rows.iter().filter(|row| row.contains("2021-02-15T")).count();
        assert_eq!(done.other_days, (rows.len() - of_day) as u64);
        let days = all(&store).await.into_iter().filter(|reading| reading.window == Window::Day);
        assert_eq!(days.count(), 2);
    }
}
