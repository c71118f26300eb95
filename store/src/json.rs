//! Readings as JSON: an array of objects, or one object a line (NDJSON).
//!
//! Members are named as the columns of the CSV. Numbers stand as they were measured, to
//! the last digit; what is not known is `null`; `indoor` and `exact_location` are
//! `true` or `false`, `flags` an array of names.

use crate::csv::cell::{Date, date_of, write_decimal, write_number, write_timestamp};
use crate::{Column, Country, Page, Row, SensorType, Spelling};

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

/// Appends a row as an object.
pub(crate) fn write_object(
    out: &mut Vec<u8>,
    row: Row<'_>,
    date: &Date,
    columns: &[Column],
    spelling: Spelling,
) {
    for (number, column) in columns.iter().enumerate() {
        out.push(if number == 0 { b'{' } else { b',' });
        out.push(b'"');
        out.extend_from_slice(column.name().as_bytes());
        out.extend_from_slice(b"\":");
        let start = out.len();
        write_value(out, row, date, *column, spelling);
        if out.len() == start {
            out.extend_from_slice(b"null");
        }
    }
    if columns.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
}

/// Appends what a column says, or nothing when it says nothing.
fn write_value(out: &mut Vec<u8>, row: Row<'_>, date: &Date, column: Column, spelling: Spelling) {
    match column {
        Column::Id => write_number(out, row.measurement()),
        Column::Timestamp => {
            out.push(b'"');
            write_timestamp(out, date, row.second(), spelling);
            out.push(b'"');
        }
        Column::P1 => write_decimal(out, row.pm10().decimal(), b'.'),
        Column::P2 => write_decimal(out, row.pm25().decimal(), b'.'),
        Column::LocationId => write_number(out, row.location()),
        Column::Latitude => write_decimal(out, row.latitude(), b'.'),
        Column::Longitude => write_decimal(out, row.longitude(), b'.'),
        Column::Altitude => write_decimal(out, row.altitude(), b'.'),
        Column::Country => write_text(out, row.country().as_ref().map(Country::as_str)),
        Column::Aqi => write_number(out, row.index().map(|index| u64::from(index.get()))),
        Column::Range => write_text(out, row.band().map(|band| spelling.of_band(band))),
        Column::SensorId => write_number(out, Some(row.sensor())),
        Column::SensorType => write_text(out, row.sensor_type().as_ref().map(SensorType::as_str)),
        Column::Window => write_text(out, Some(row.window().name())),
        Column::Indoor => write_flag(out, row.indoor()),
        Column::ExactLocation => write_flag(out, row.exact()),
        Column::Flags => {
            out.push(b'[');
            for (number, name) in row.flags().names().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write_text(out, Some(name));
            }
            out.push(b']');
        }
    }
}

/// None of our texts needs escaping: they are names of ours, country codes, and
/// [`SensorType`]s, which admit neither quotes nor backslashes.
fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    if let Some(text) = text {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

fn write_flag(out: &mut Vec<u8>, flag: Option<bool>) {
    match flag {
        Some(true) => out.extend_from_slice(b"true"),
        Some(false) => out.extend_from_slice(b"false"),
        None => {}
    }
}
