//! Readings as JSON: an array of objects, or one object per line (NDJSON).
//!
//! Members have the names of the CSV columns. Numbers keep every measured digit; unknown values are
//! `null`; `indoor` and `exact_location` are `true` or `false`, `flags` an array of names.

use crate::csv::cell::{Date, date_of, write_decimal, write_local, write_number, write_timestamp};
use crate::schema::Values;
use crate::{AqiStandard, Column, Page, Row, Spelling, TimeZone, Value};

/// Calls for every row of a page, with its number in the page and its day's date.
pub(crate) fn for_each_row(page: &Page, mut call: impl FnMut(usize, Row<'_>, &Date)) {
    let mut number = 0;
    for run in &page.runs {
        let date = date_of(run.block.day);
        for row in run.rows.clone() {
            call(number, run.block.row(row), &date);
            number += 1;
        }
    }
}

/// How rows are written.
#[derive(Clone, Copy)]
pub(crate) struct Style<'a> {
    pub(crate) spelling: Spelling,
    pub(crate) standard: AqiStandard,
    /// The zone of timestamps, if it is not UTC.
    pub(crate) zone: Option<&'a TimeZone>,
}

/// Appends a row as an object.
pub(crate) fn write_object(
    out: &mut Vec<u8>,
    row: Row<'_>,
    date: &Date,
    columns: &[Column],
    style: Style<'_>,
) {
    let values = row.values_by(style.standard);
    for (number, column) in columns.iter().enumerate() {
        out.push(if number == 0 { b'{' } else { b',' });
        out.push(b'"');
        out.extend_from_slice(column.name().as_bytes());
        out.extend_from_slice(b"\":");
        let start = out.len();
        write_value(out, &values, date, *column, style);
        if out.len() == start {
            out.extend_from_slice(b"null");
        }
    }
    if columns.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
}

/// Appends the value of a column, or nothing if it has none.
fn write_value(
    out: &mut Vec<u8>,
    values: &Values<'_>,
    date: &Date,
    column: Column,
    Style { spelling, zone, .. }: Style<'_>,
) {
    match values.value(column) {
        Value::Nothing => {}
        Value::Whole(number) => write_number(out, Some(number)),
        Value::Decimal(number) => write_decimal(out, Some(number), b'.'),
        Value::Truth(true) => out.extend_from_slice(b"true"),
        Value::Truth(false) => out.extend_from_slice(b"false"),
        Value::Timestamp(moment) => {
            out.push(b'"');
            match zone {
                Some(zone) => write_local(out, moment, zone, spelling),
                None => write_timestamp(out, date, values.row.second(), spelling),
            }
            out.push(b'"');
        }
        Value::Flags(flags) => {
            out.push(b'[');
            for (number, name) in flags.names().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write_text(out, name);
            }
            out.push(b']');
        }
        Value::Word(word) => write_text(out, spelling.of_word(word)),
        text => write_text(out, text.text().unwrap_or_default()),
    }
}

/// No text needs escaping: texts are fixed names, country codes, and
/// [`SensorType`](crate::SensorType)s, which allow neither quotes nor backslashes.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}
