//! Damaged files by the thousand: packed, of several members, and Parquet. Nothing panics, nothing
//! is lost without a word, and memory stays small.

use std::ops::ControlFlow;

use airshed_history::ErrorKind;
use airshed_history::archive::{Reason, Report, read};
use proptest::prelude::*;
use proptest::sample::Index;

use super::archive::{HEADER, gzip, zip_of, zip_stream_of};

/// What happens to the bytes of a file.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Overwrite(Index, Vec<u8>),
    Cut(Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Overwrite(at, with) => {
                let at = at.index(bytes.len());
                bytes.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte = *with);
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len()).max(1)),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        2 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..12))
            .prop_map(|(at, with)| Damage::Overwrite(at, with)),
        1 => any::<Index>().prop_map(Damage::Cut),
    ]
}

/// The sensor, second and particulates of each row.
type Rows = Vec<(u64, i64, [Option<i64>; 2])>;

fn rows_of(bytes: &[u8]) -> (Rows, Report, Result<(), airshed_history::Error>) {
    let (mut rows, mut report) = (Rows::new(), Report::default());
    let result = read(bytes, "2021-02_sds011", &mut report, &mut |row| {
        let values = row.particulates.map(|value| value.map(|value| value.nano()));
        rows.push((row.sensor, row.second, values));
        ControlFlow::Continue(())
    });
    let parts = [report.kept, report.without_values, report.passed_over, report.refused];
    assert_eq!(report.rows, parts.iter().sum::<u64>(), "{report:?}");
    assert_eq!(report.kept, rows.len() as u64);
    (rows, report, result)
}

/// The cells of a row.
type Cells = (u64, u32, Option<u32>, Option<u32>);

fn cells() -> impl Strategy<Value = Vec<Cells>> {
    let value = || prop::option::weighted(0.9, 0u32..100_000);
    prop::collection::vec((1u64..500, 0u32..86_400, value(), value()), 1..60)
}

fn csv_of(rows: &[Cells]) -> Vec<u8> {
    let hundredths = |value: &Option<u32>| {
        value.map(|value| format!("{}.{:02}", value / 100, value % 100)).unwrap_or_default()
    };
    let mut text = format!("{HEADER}\n");
    for (sensor, second, p1, p2) in rows {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        text += &format!(
            "{sensor};SDS011;7;50.1;8.7;2021-02-14T{hour:02}:{minute:02}:{second:02};{};;;{};;\n",
            hundredths(p1),
            hundredths(p2)
        );
    }
    text.into_bytes()
}

/// What a decoder refuses is damage, whichever kind of error it gives: it is not read again until the
/// file has changed.
#[test]
fn what_cannot_be_unpacked_is_damaged() {
    let rows = csv_of(&[(1, 0, Some(100), Some(200))]);
    let mut zip = zip_of(&[("a.csv", &rows)]);
    zip[8] = 1; // the method of its first member, which nothing has used since 1993
    let mut zstd = zstd::encode_all(&rows[..], 0).unwrap();
    zstd.truncate(zstd.len() / 2);
    for bytes in [zip, zstd] {
        let error = rows_of(&bytes).2.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Damaged, false), "{error:?}");
    }
}

/// A length that a damaged file has is no reason to ask for as much memory.
#[test]
fn damaged_files_need_little_memory() {
    const KIBIBYTES: u64 = 1 << 20; // of addresses; some 130 MiB are used
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", &format!("ulimit -v {KIBIBYTES} && exec \"$0\" \"$@\"")]);
    limited.arg(std::env::current_exe().unwrap()).args(["damaged::", "--skip", "little_memory"]);
    let done = limited.env("PROPTEST_CASES", "500").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(!String::from_utf8_lossy(&done.stdout).contains("running 0 tests"));
}

proptest! {
    #![proptest_config(super::cases(3000))]

    /// Compressed files have checksums: what is read without an error is what was written, or its
    /// member is named.
    #[test]
    fn packed_files(
        members in prop::collection::vec((cells(), 0u8..4), 1..4),
        damages in prop::collection::vec(damage(), 1..4),
        form in 0u8..4,
    ) {
        let files: Vec<_> = members.iter().enumerate().map(|(number, (rows, kind))| {
            let name = format!("2021-02-14_sds011_sensor_{number}.csv");
            match kind {
                0 => (format!("{name}.gz"), gzip(&csv_of(rows))),
                1 => (format!("{name}.html"), b"<html>no file of the archive</html>".to_vec()),
                _ => (name, csv_of(rows)),
            }
        }).collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let whole = match form {
            0 => gzip(files[0].1),
            1 => zip_of(&files),
            2 => zip_stream_of(&files),
            _ => zstd::encode_all(files[0].1, 0).unwrap(),
        };
        let (expected, of_whole, _) = rows_of(&whole);
        let mut bytes = whole.clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        let (rows, report, result) = rows_of(&bytes);
        let refused = |report: &Report| report.reasons.get(&Reason::BadMember).copied();
        match result {
            // A member that is not of the archive any more is named.
            // It has no checksum.
            Ok(()) if form == 3 => {}
            Ok(()) if refused(&report) == refused(&of_whole) => prop_assert_eq!(rows, expected),
            Ok(()) => prop_assert!(report.reasons.contains_key(&Reason::BadMember)),
            Err(error) => prop_assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Invalid | ErrorKind::Cut), "{:?}", error),
        }
    }
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::{WriterProperties, WriterVersion};

    use super::*;

    /// Several row groups and pages, as text or as numbers.
    fn parquet_of(
        rows: &[Cells],
        as_text: bool,
        compression: Compression,
        second: bool,
    ) -> Vec<u8> {
        const DAY: i64 = 1_613_260_800; // 2021-02-14
        let value = |value: Option<u32>| value.map(|value| f64::from(value) / 100.0);
        let number = |numbers: Vec<Option<f64>>| -> ArrayRef {
            match as_text {
                true => Arc::new(StringArray::from_iter(
                    numbers.iter().map(|number| number.map(|number| number.to_string())),
                )),
                false => Arc::new(Float64Array::from(numbers)),
            }
        };
        let moments = rows.iter().map(|row| DAY + i64::from(row.1));
        let moments: ArrayRef = match as_text {
            true => {
                let text = |second| jiff::Timestamp::from_second(second).unwrap().to_string();
                Arc::new(StringArray::from_iter_values(moments.map(text)))
            }
            false => Arc::new(TimestampMicrosecondArray::from_iter_values(
                moments.map(|second| second * 1_000_000),
            )),
        };
        let ids = rows.iter().map(|row| row.0 as i64);
        let models = rows.iter().map(|row| if row.0 % 2 == 0 { "SDS011" } else { "SDS021" });
        let batch = RecordBatch::try_from_iter([
            ("sensor_id", Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef),
            ("sensor_type", Arc::new(StringArray::from_iter_values(models)) as ArrayRef),
            ("timestamp", moments),
            ("P1", number(rows.iter().map(|row| value(row.2)).collect())),
            ("durP1", number(rows.iter().map(|_| None).collect())),
            ("P2", number(rows.iter().map(|row| value(row.3)).collect())),
        ]);
        let batch = batch.unwrap();
        let version = if second { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(compression)
            .set_max_row_group_row_count(Some(25))
            .set_data_page_row_count_limit(10)
            .set_write_batch_size(10)
            .build();
        let mut writer =
            ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    proptest! {
        #![proptest_config(super::super::cases(3000))]

        /// Parquet has no checksums: a changed value is read as it is, but every row is there, or
        /// the file is named.
        #[test]
        fn parquet(
            rows in cells(), damages in prop::collection::vec(damage(), 1..4), as_text: bool,
            second: bool, zipped: bool,
            compression in prop::sample::select(vec![
                Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(Default::default()),
                Compression::ZSTD(Default::default()),
            ]),
        ) {
            let mut bytes = parquet_of(&rows, as_text, compression, second);
            let (_, report, result) = rows_of(&bytes);
            result.unwrap();
            prop_assert_eq!(report.rows, rows.len() as u64);
            damages.iter().for_each(|damage| damage.apply(&mut bytes));
            if zipped {
                bytes = zip_of(&[("part-0.parquet", &bytes)]);
            }
            let (_, report, result) = rows_of(&bytes);
            match result {
                Ok(()) => prop_assert_eq!(report.rows, rows.len() as u64),
                Err(error) => {
                    prop_assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Invalid), "{error:?}");
                    prop_assert!(report.rows <= rows.len() as u64);
                }
            }
        }
    }
}
