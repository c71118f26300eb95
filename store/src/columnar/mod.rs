//! Readings as columns of Arrow, in an Arrow IPC file or a Parquet file.
//!
//! Columns have the names of the CSV columns. Values in µg/m³, degrees and metres are doubles,
//! rounded to the nearest (the text formats have every digit); timestamps are milliseconds, UTC or of
//! another zone.
//! Integers are signed, as most readers expect; countries, bands, models and averaging periods are
//! dictionaries. Both files end with a footer, so a truncated file cannot be read.

mod dictionary;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use aqi::Decimal;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, PrimitiveArray, RecordBatch,
    StringArray, TimestampMillisecondArray,
};
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use self::dictionary::Dictionary;
use crate::format::Counts;
use crate::{AqiStandard, Column, Error, ErrorKind, Kind, Metadata, Page, Value};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Rows per row group: the unit that a reader reads, and that is buffered until written. Few enough
/// that a reader of one hour of a country skips most of a file.
const ROW_GROUP_ROWS: usize = 32_768;

const UTC: &str = "UTC";

/// A file being written, page by page.
pub(crate) struct Columnar {
    columns: Vec<(Column, Dictionary)>,
    standard: AqiStandard,
    zone: String,
    schema: Arc<Schema>,
    writer: Writer,
}

enum Writer {
    Arrow(Box<FileWriter<Vec<u8>>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl Columnar {
    pub(crate) fn arrow(columns: &[Column], metadata: &Metadata) -> Result<Self, Error> {
        let schema = schema(columns, metadata);
        let options =
            IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
        let writer = FileWriter::try_new_with_options(Vec::new(), &schema, options);
        let writer = Writer::Arrow(Box::new(writer.map_err(arrow_error)?));
        Ok(Self::new(columns, metadata, schema, writer))
    }

    pub(crate) fn parquet(columns: &[Column], metadata: &Metadata) -> Result<Self, Error> {
        let schema = schema(columns, metadata);
        // Also for readers that do not read the Arrow schema, which has the same metadata.
        let about: BTreeMap<_, _> = schema.metadata().iter().collect(); // always in one order
        let about =
            about.into_iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(about.collect()))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Page)
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties));
        let writer = Writer::Parquet(Box::new(writer.map_err(parquet_error)?));
        Ok(Self::new(columns, metadata, schema, writer))
    }

    fn new(columns: &[Column], metadata: &Metadata, schema: Arc<Schema>, writer: Writer) -> Self {
        let standard = metadata.query.standard;
        let columns = columns.iter().map(|column| (*column, Dictionary::of(*column, standard)));
        let zone = metadata.zone_name().unwrap_or(UTC).to_owned();
        Self { columns: columns.collect(), standard, zone, schema, writer }
    }

    /// Appends complete row groups.
    pub(crate) fn page(&mut self, out: &mut Vec<u8>, page: &Page) -> Result<(), Error> {
        let columns = self.columns.iter_mut();
        let standard = self.standard;
        let arrays = columns.map(|(column, dictionary)| {
            let values = page.rows().map(|row| row.value_by(*column, standard));
            array(*column, values, dictionary, &self.zone)
        });
        let arrays = arrays.collect::<Result<_, _>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(arrow_error)?;
        match &mut self.writer {
            Writer::Arrow(writer) => {
                writer.write(&batch).map_err(arrow_error)?;
                out.append(writer.get_mut());
            }
            Writer::Parquet(writer) => {
                writer.write(&batch).map_err(parquet_error)?;
                out.append(writer.inner_mut());
            }
        }
        Ok(())
    }

    /// Appends the rest, with the footer, which has the number of rows.
    pub(crate) fn finish(self, out: &mut Vec<u8>, counts: Counts) -> Result<(), Error> {
        let Counts { rows, doubtful, left_out } = counts;
        let counts = [("rows", rows), ("doubtful_rows", doubtful)];
        let left_out = left_out.map(|rows| ("left_out_rows", rows));
        let counts = counts.into_iter().chain(left_out);
        let mut rest = match self.writer {
            Writer::Arrow(mut writer) => {
                for (name, count) in counts {
                    writer.write_metadata(name, count.to_string());
                }
                writer.into_inner().map_err(arrow_error)?
            }
            Writer::Parquet(mut writer) => {
                for (name, count) in counts {
                    let about = KeyValue::new(name.to_owned(), count.to_string());
                    writer.append_key_value_metadata(about);
                }
                writer.into_inner().map_err(parquet_error)?
            }
        };
        out.append(&mut rest);
        Ok(())
    }
}

fn schema(columns: &[Column], metadata: &Metadata) -> Arc<Schema> {
    let zone = metadata.zone_name().unwrap_or(UTC);
    let fields: Vec<_> = columns.iter().map(|column| field(*column, zone)).collect();
    let about = [
        ("attribution", metadata.credit()),
        ("index", metadata.query.standard.to_string()),
        ("airshed", metadata.to_json()),
    ];
    let about = about.map(|(name, value)| (name.to_owned(), value)).into();
    Arc::new(Schema::new_with_metadata(fields, about))
}

fn field(column: Column, zone: &str) -> Field {
    let kind = match column.kind() {
        Kind::Id | Kind::Count => DataType::Int64,
        Kind::Index => DataType::Int32,
        Kind::Decimal => DataType::Float64,
        Kind::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        Kind::Truth => DataType::Boolean,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into())),
        Kind::Flags => DataType::Utf8,
    };
    let field = Field::new(column.name(), kind, !column.is_always_there());
    match column.unit() {
        Some(unit) => field.with_metadata(HashMap::from([("unit".to_owned(), unit.to_owned())])),
        None => field,
    }
}

fn array(
    column: Column,
    values: impl Iterator<Item = Value>,
    dictionary: &mut Dictionary,
    zone: &str,
) -> Result<ArrayRef, Error> {
    Ok(match column.kind() {
        Kind::Id | Kind::Count => Arc::new(signed::<Int64Type>(column, values)?),
        Kind::Index => Arc::new(signed::<Int32Type>(column, values)?),
        Kind::Decimal => {
            let doubles = values.map(|value| value.decimal().map(nearest));
            Arc::new(Float64Array::from_iter(doubles))
        }
        Kind::Text => dictionary.array(values)?,
        Kind::Truth => Arc::new(BooleanArray::from_iter(values.map(Value::truth))),
        Kind::Timestamp => {
            let milliseconds =
                |value: Value| value.timestamp().map(|moment| moment.as_millisecond());
            let array = TimestampMillisecondArray::from_iter(values.map(milliseconds));
            Arc::new(array.with_timezone(zone))
        }
        Kind::Flags => {
            let names = |value: Value| value.flags().names().collect::<Vec<_>>().join(" ");
            Arc::new(StringArray::from_iter(values.map(|value| Some(names(value)))))
        }
    })
}

fn signed<T>(
    column: Column,
    values: impl Iterator<Item = Value>,
) -> Result<PrimitiveArray<T>, Error>
where
    T: ArrowPrimitiveType<Native: TryFrom<u64, Error: Into<BoxError>>>,
{
    let signed = values.map(|value| value.whole().map(T::Native::try_from).transpose());
    signed.collect::<Result<_, _>>().map_err(|e| {
        let message = format!("{} has a number that is too large for the format", column.name());
        Error::new(ErrorKind::Invalid, message).because(e)
    })
}

/// The double that is nearest to a number.
fn nearest(value: Decimal) -> f64 {
    /// Powers of ten that are doubles themselves.
    const TENS: [f64; 7] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    let whole = i64::try_from(value.mantissa()).ok().filter(|whole| whole.abs() < 1 << 53);
    match (whole, TENS.get(value.scale() as usize)) {
        // Both are doubles, and a division is rounded to the nearest.
        (Some(whole), Some(ten)) => whole as f64 / ten,
        _ => value.to_string().parse().unwrap_or(f64::NAN), // digits are always a double
    }
}

// Writing to a Vec cannot fail; the remaining causes are bugs, or data beyond the limits of the
// formats.
fn arrow_error(error: ArrowError) -> Error {
    Error::new(ErrorKind::Invalid, "cannot be written as Arrow").because(error)
}

fn parquet_error(error: ParquetError) -> Error {
    Error::new(ErrorKind::Invalid, "cannot be written as Parquet").because(error)
}
