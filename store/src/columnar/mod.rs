//! Readings as columns of Arrow, in an Arrow IPC file or a Parquet file.
//!
//! Columns are named as those of the CSV. Values in µg/m³, degrees and metres are
//! doubles, the nearest to what was measured (the text formats have every digit);
//! timestamps are milliseconds, UTC. Both files end with a footer, so that a cut one
//! cannot be read.

use std::collections::HashMap;
use std::sync::Arc;

use aqi::Decimal;
use aqi::daqi::Band;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
    UInt8Array, UInt64Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rust_decimal::prelude::ToPrimitive;

use crate::format::ATTRIBUTION;
use crate::{Column, Country, Error, ErrorKind, Page, Row, SensorType};

/// Rows of a row group: what a reader takes in one go, and what is held until written.
const ROW_GROUP_ROWS: usize = 131_072;

/// A file being written, page by page.
pub(crate) struct Columnar {
    columns: Vec<Column>,
    schema: Arc<Schema>,
    writer: Writer,
}

enum Writer {
    Arrow(Box<FileWriter<Vec<u8>>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl Columnar {
    pub(crate) fn arrow(columns: &[Column]) -> Result<Self, Error> {
        let schema = schema(columns);
        let writer = FileWriter::try_new(Vec::new(), &schema).map_err(arrow_error)?;
        Ok(Self { columns: columns.to_vec(), schema, writer: Writer::Arrow(Box::new(writer)) })
    }

    pub(crate) fn parquet(columns: &[Column]) -> Result<Self, Error> {
        let schema = schema(columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties));
        let writer = Writer::Parquet(Box::new(writer.map_err(parquet_error)?));
        Ok(Self { columns: columns.to_vec(), schema, writer })
    }

    /// Appends what can be written by now.
    pub(crate) fn page(&mut self, out: &mut Vec<u8>, page: &Page) -> Result<(), Error> {
        let arrays = self.columns.iter().map(|column| array(*column, page)).collect();
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

    /// Appends the rest, with the footer.
    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut rest = match self.writer {
            Writer::Arrow(writer) => writer.into_inner().map_err(arrow_error)?,
            Writer::Parquet(writer) => writer.into_inner().map_err(parquet_error)?,
        };
        out.append(&mut rest);
        Ok(())
    }
}

fn schema(columns: &[Column]) -> Arc<Schema> {
    let fields: Vec<_> = columns.iter().map(|column| field(*column)).collect();
    let attribution = HashMap::from([("attribution".to_owned(), ATTRIBUTION.to_owned())]);
    Arc::new(Schema::new_with_metadata(fields, attribution))
}

fn field(column: Column) -> Field {
    let (kind, unit) = match column {
        Column::Id | Column::LocationId | Column::SensorId => (DataType::UInt64, None),
        Column::Timestamp => (DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), None),
        Column::P1 | Column::P2 => (DataType::Float64, Some("µg/m³")),
        Column::Latitude | Column::Longitude => (DataType::Float64, Some("degrees (WGS 84)")),
        Column::Altitude => (DataType::Float64, Some("m")),
        Column::Aqi => (DataType::UInt8, Some("DAQI, 1 to 10")),
        Column::Indoor | Column::ExactLocation => (DataType::Boolean, None),
        Column::Country | Column::Range | Column::SensorType | Column::Window | Column::Flags => {
            (DataType::Utf8, None)
        }
    };
    let always = [Column::Timestamp, Column::SensorId, Column::Window, Column::Flags];
    let field = Field::new(column.name(), kind, !always.contains(&column));
    match unit {
        Some(unit) => field.with_metadata(HashMap::from([("unit".to_owned(), unit.to_owned())])),
        None => field,
    }
}

fn array(column: Column, page: &Page) -> ArrayRef {
    match column {
        Column::Id => numbers(page, |row| row.block.measurements[row.row]),
        Column::Timestamp => {
            let milliseconds = page.rows().map(|row| row.timestamp().as_millisecond());
            let array = TimestampMillisecondArray::from_iter_values(milliseconds);
            Arc::new(array.with_timezone("UTC"))
        }
        Column::P1 => decimals(page, |row| row.block.pm10[row.row]),
        Column::P2 => decimals(page, |row| row.block.pm25[row.row]),
        Column::LocationId => numbers(page, |row| row.station().location),
        Column::Latitude => decimals(page, |row| row.station().latitude),
        Column::Longitude => decimals(page, |row| row.station().longitude),
        Column::Altitude => decimals(page, |row| row.station().altitude),
        Column::Country => {
            let countries: Vec<_> = page.rows().map(|row| row.country()).collect();
            Arc::new(StringArray::from_iter(
                countries.iter().map(|country| country.as_ref().map(Country::as_str)),
            ))
        }
        Column::Aqi => {
            let indices = page.rows().map(|row| row.index().map(aqi::daqi::Index::get));
            Arc::new(UInt8Array::from_iter(indices))
        }
        Column::Range => {
            let bands = page.rows().map(|row| row.band().map(Band::name));
            Arc::new(StringArray::from_iter(bands))
        }
        Column::SensorId => numbers(page, |row| Some(row.sensor())),
        Column::SensorType => Arc::new(StringArray::from_iter(
            page.rows().map(|row| row.station().sensor_type.as_ref().map(SensorType::as_str)),
        )),
        Column::Window => {
            Arc::new(StringArray::from_iter_values(page.rows().map(|row| row.window().name())))
        }
        Column::Indoor => flags(page, |row| row.station().indoor),
        Column::ExactLocation => flags(page, |row| row.station().exact),
        Column::Flags => {
            let names = |row: Row<'_>| row.flags().names().collect::<Vec<_>>().join(" ");
            Arc::new(StringArray::from_iter_values(page.rows().map(names)))
        }
    }
}

fn numbers(page: &Page, value: impl Fn(Row<'_>) -> Option<u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter(page.rows().map(value)))
}

fn decimals(page: &Page, value: impl Fn(Row<'_>) -> Option<Decimal>) -> ArrayRef {
    let nearest = |row| value(row).and_then(|value| value.to_f64());
    Arc::new(Float64Array::from_iter(page.rows().map(nearest)))
}

fn flags(page: &Page, value: impl Fn(Row<'_>) -> Option<bool>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(page.rows().map(value)))
}

// Writing to a Vec does not fail; what is left is our own mistake, or data beyond what
// the formats hold.
fn arrow_error(error: ArrowError) -> Error {
    Error::new(ErrorKind::Invalid, "cannot be written as Arrow").because(error)
}

fn parquet_error(error: ParquetError) -> Error {
    Error::new(ErrorKind::Invalid, "cannot be written as Parquet").because(error)
}
