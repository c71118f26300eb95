//! Parquet and Arrow, written by Airshed or by other tools: any equivalent type is accepted.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use jiff::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::cells::Cells;
use super::{Each, Others, Place, columns_of};
use crate::{Column, Error, ErrorKind};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn read_parquet(
    file: File,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file);
    let reader = reader.map_err(|e| damaged("Parquet", e))?;
    let schema = reader.schema().clone();
    let batches = reader.build().map_err(|e| damaged("Parquet", e))?;
    read_batches("Parquet", &schema, batches, each, others)
}

pub(super) fn read_arrow(
    file: File,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let batches = FileReader::try_new(file, None).map_err(|e| damaged("Arrow", e))?;
    read_batches("Arrow", &batches.schema(), batches, each, others)
}

pub(super) fn read_stream(
    input: impl Read,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let batches = StreamReader::try_new(input, None).map_err(|e| damaged("Arrow", e))?;
    read_batches("Arrow", &batches.schema(), batches, each, others)
}

fn damaged(kind: &str, error: impl Into<BoxError>) -> Error {
    let error = error.into();
    // The error text of parquet and arrow for features that were not built.
    if let Some((_, codec)) = error.to_string().split_once("Disabled feature at compile time: ") {
        let message = format!(
            "the {kind} file is compressed with {codec}, which airshed does not support: use \
             zstd, gzip, snappy or no compression"
        );
        return Error::new(ErrorKind::Invalid, message);
    }
    Error::new(ErrorKind::Damaged, format!("a damaged or truncated {kind} file")).because(error)
}

fn read_batches(
    kind: &str,
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let columns = columns_of(kind, names.clone())?;
    let unknown = names.zip(&columns).filter(|(_, column)| column.is_none());
    unknown.for_each(|(name, _)| others.add(name));
    let mut number = 0;
    for batch in batches {
        let batch = batch.map_err(|e| damaged(kind, e))?;
        let texts = columns
            .iter()
            .zip(batch.columns())
            .filter_map(|(column, array)| column.map(|column| Ok((column, Texts::of(array)?))));
        let texts = texts.collect::<Result<Vec<(Column, Texts)>, ArrowError>>();
        let texts = texts.map_err(|e| damaged(kind, e))?;
        for row in 0..batch.num_rows() {
            number += 1;
            let mut cells = Cells::default();
            for (column, texts) in &texts {
                cells.set(*column, texts.get(row).map_err(|e| damaged(kind, e))?);
            }
            if each(cells.read(Place::row(number))).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The values of a column as CSV cells.
struct Texts {
    array: ArrayRef,
    unit: Option<TimeUnit>,
}

impl Texts {
    fn of(array: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            // With or without a time zone: the number counts from 1970 in UTC.
            DataType::Timestamp(unit, _) => {
                Self { array: cast(array, &DataType::Int64)?, unit: Some(*unit) }
            }
            // In Rust's format: the shortest digits, without an exponent.
            DataType::Float16 | DataType::Float32 => {
                Self { array: cast(array, &DataType::Float64)?, unit: None }
            }
            DataType::Dictionary(_, values) => Self { array: cast(array, values)?, unit: None },
            _ => Self { array: ArrayRef::clone(array), unit: None },
        })
    }

    fn get(&self, row: usize) -> Result<String, ArrowError> {
        if self.array.is_null(row) {
            return Ok(String::new());
        }
        if let Some(unit) = self.unit {
            let number = self.array.as_primitive::<Int64Type>().value(row);
            let moment = match unit {
                TimeUnit::Second => Timestamp::from_second(number),
                TimeUnit::Millisecond => Timestamp::from_millisecond(number),
                TimeUnit::Microsecond => Timestamp::from_microsecond(number),
                TimeUnit::Nanosecond => Timestamp::from_nanosecond(number.into()),
            };
            return Ok(moment.map_or_else(|_| number.to_string(), |moment| moment.to_string()));
        }
        match self.array.data_type() {
            DataType::Float64 => {
                let value = self.array.as_primitive::<arrow_array::types::Float64Type>().value(row);
                // A key without a value is missing, like a null.
                Ok(if value.is_nan() { String::new() } else { value.to_string() })
            }
            DataType::Utf8 => Ok(self.array.as_string::<i32>().value(row).to_owned()),
            _ => {
                let format = FormatOptions::default();
                ArrayFormatter::try_new(&self.array, &format)?.value(row).try_to_string()
            }
        }
    }
}
