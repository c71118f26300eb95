//! Months in Parquet: the columns of CSV, of whatever types, row group by row group.

use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Schema};
use csv::ByteRecord;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::line::{self, Columns, Reader};
use super::unpack::{self, File};
use super::{Report, Row};
use crate::{Error, ErrorKind};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Rows that are in memory at once.
const ROWS: usize = 4096;

pub(super) fn read(
    input: &mut dyn Read,
    file: &File,
    report: &mut Report,
    each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let spooled: fs::File = unpack::spooled(input, "a Parquet file")?;
    let builder = decoded(|| ParquetRecordBatchReaderBuilder::try_new(spooled))?;
    Columns::of(&header(builder.schema()))?;
    let fields = builder.schema().fields().iter().enumerate();
    let read: Vec<_> =
        fields.filter(|(_, field)| line::is_read(field.name())).map(|(at, _)| at).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), read);
    let builder = builder.with_projection(mask).with_batch_size(ROWS);
    let mut batches = decoded(|| builder.build())?;
    let columns = Columns::of(&header(&batches.schema()))?;
    let mut reader = Reader::new(columns, file);
    let mut number = 0;
    while let Some(batch) = decoded(|| batches.next().transpose())? {
        if read_batch(&batch, &mut reader, &mut number, report, each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// `number`: of the last row.
fn read_batch(
    batch: &RecordBatch,
    reader: &mut Reader<'_>,
    number: &mut u64,
    report: &mut Report,
    each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let arrays = batch.columns().iter().map(plain).collect::<Result<Vec<_>, _>>();
    let arrays = arrays.map_err(damaged)?;
    let format = FormatOptions::default();
    let cells = arrays.iter().map(|array| ArrayFormatter::try_new(array.as_ref(), &format));
    let cells = cells.collect::<Result<Vec<_>, _>>().map_err(damaged)?;
    let (mut record, mut text) = (ByteRecord::new(), String::new());
    for row in 0..batch.num_rows() {
        record.clear();
        for cell in &cells {
            text.clear();
            cell.value(row).write(&mut text).map_err(damaged)?;
            record.push_field(text.as_bytes());
        }
        *number += 1;
        if reader.read(&record, *number, report, each).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Timestamps in UTC and without a time zone, as in CSV.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(&cast(array, &DataType::Int64)?, &DataType::Timestamp(*unit, None))
        }
        _ => Ok(ArrayRef::clone(array)),
    }
}

fn header(schema: &Schema) -> ByteRecord {
    schema.fields().iter().map(|field| field.name().as_bytes()).collect()
}

/// What is decoded, unless it is damaged: of some damage the decoder panics, and is not called again.
fn decoded<T, E: Into<BoxError>>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(done) => done.map_err(damaged),
        Err(_) => Err(damaged("it cannot be decoded")),
    }
}

fn damaged(error: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Damaged, "a damaged, truncated or unsupported Parquet file")
        .because(error)
}
