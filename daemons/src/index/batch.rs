//! A file of concentrations; each row is written with its index, or the reason why it has none.

use std::io::{BufRead, BufReader, Read, Write};

use aqi::{Answer, Averaging, Pollutant, Sample, Standard};

use super::words::{averaging_of, nearest, pollutant_of, unit_of, value_of};
use super::{Refusal, find, first_to_answer, refuse};

/// The required columns.
const COLUMNS: [&str; 6] =
    ["standard", "version", "pollutant", "unit", "averaging", "concentration"];

/// The possible separators of cells.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Why a batch failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The input is empty, without a header.
    #[error(
        "the input is empty: it needs the header \
         standard,version,pollutant,unit,averaging,concentration, and rows"
    )]
    Empty,
    /// The header lacks a column.
    #[error(
        "the header has no column `{0}`; it needs \
         standard,version,pollutant,unit,averaging,concentration{1}"
    )]
    Column(&'static str, String),
    /// The header has a column twice.
    #[error("the header has the column `{0}` twice")]
    Twice(&'static str),
    /// The file is not UTF-8.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// The input cannot be read, or the output not written.
    #[error("cannot read or write")]
    Csv(#[source] csv::Error),
    /// The output cannot be written.
    #[error("cannot read or write")]
    Io(#[from] std::io::Error),
}

impl From<csv::Error> for BatchError {
    /// The I/O error is the cause, which `csv` does not expose as the source.
    fn from(error: csv::Error) -> Self {
        match error.is_io_error() {
            true => match error.into_kind() {
                csv::ErrorKind::Io(error) => Self::Io(error),
                kind => Self::Io(std::io::Error::other(format!("{kind:?}"))),
            },
            false => Self::Csv(error),
        }
    }
}

/// Reads CSV with the header `standard,version,pollutant,unit,averaging,concentration` (in any
/// order, with others; separated by comma, semicolon, tab or bar) and writes each row with
/// `index,category,error` appended. An invalid row gets its error and does not end the batch;
/// returns the number of such rows.
pub fn batch(input: impl Read, output: impl Write) -> Result<u64, BatchError> {
    let mut input = BufReader::new(input);
    let mut first_line = Vec::new();
    input.read_until(b'\n', &mut first_line)?;
    if first_line.starts_with(b"\xff\xfe") || first_line.starts_with(b"\xfe\xff") {
        return Err(BatchError::Utf16);
    }
    let separator = separator_of(&first_line);
    let mut builder = csv::ReaderBuilder::new();
    builder.flexible(true).delimiter(separator);
    let mut reader = builder.from_reader(first_line.as_slice().chain(input));
    let mut writer =
        csv::WriterBuilder::new().flexible(true).delimiter(separator).from_writer(output);
    let header = reader.byte_headers()?.clone();
    let places = places_of(&header)?;
    let appended = ["index", "category", "error"].map(str::as_bytes);
    writer.write_byte_record(&header.iter().chain(appended).collect())?;
    let mut record = csv::ByteRecord::new();
    let mut refused = 0;
    while reader.read_byte_record(&mut record)? {
        let cell = |place: usize| String::from_utf8_lossy(record.get(place).unwrap_or_default());
        let cells = places.map(|place| cell(place).trim().to_owned());
        let answer = match record.len() == header.len() {
            true => of_row(&cells).map_err(|refusal| match cells.concat().contains('\u{fffd}') {
                true => Refusal(format!("{refusal}; the row is not UTF-8, save the file as that")),
                false => refusal,
            }),
            false => refuse(wrong_count(&record, header.len(), separator)),
        };
        let (index, category, error) = match answer {
            Ok(answer) => (answer.index().to_string(), answer.category().name, String::new()),
            Err(refusal) => {
                refused += 1;
                (String::new(), "", refusal.to_string())
            }
        };
        // A short row is padded, and a long one keeps its additional cells after the appended ones.
        let own = (0..header.len()).map(|place| record.get(place).unwrap_or_default());
        let ours = [index.as_bytes(), category.as_bytes(), error.as_bytes()];
        let rest = record.iter().skip(header.len());
        writer.write_byte_record(&own.chain(ours).chain(rest).collect())?;
    }
    writer.flush()?;
    Ok(refused)
}

/// The separator that splits the header into the most required columns; a comma if none does.
fn separator_of(header: &[u8]) -> u8 {
    let found = |separator: &u8| {
        let mut builder = csv::ReaderBuilder::new();
        let mut reader = builder.delimiter(*separator).from_reader(header);
        let cells = reader.byte_headers().cloned().unwrap_or_default();
        COLUMNS.iter().filter(|name| cells.iter().any(|cell| is_column(cell, name))).count()
    };
    // On a tie `max` returns the last one, so the comma comes last.
    SEPARATORS.into_iter().rev().max_by_key(found).unwrap_or(b',')
}

fn is_column(cell: &[u8], name: &str) -> bool {
    cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
}

fn places_of(header: &csv::ByteRecord) -> Result<[usize; 6], BatchError> {
    if header.iter().all(|cell| cell.trim_ascii().is_empty()) {
        return Err(BatchError::Empty);
    }
    let mut places = [0; 6];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let mut found = (0..header.len()).filter(|at| is_column(&header[*at], name));
        *place = found.next().ok_or_else(|| {
            let cells: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
            let others: Vec<_> = cells
                .iter()
                .map(|cell| cell.trim())
                .filter(|cell| !COLUMNS.iter().any(|name| cell.eq_ignore_ascii_case(name)))
                .collect();
            let meant = nearest(name, &others).replace("did you mean", "is it");
            BatchError::Column(name, meant)
        })?;
        if found.next().is_some() {
            return Err(BatchError::Twice(name));
        }
    }
    Ok(places)
}

/// The likely reason why a row has a different number of cells than the header.
fn wrong_count(record: &csv::ByteRecord, wanted: usize, separator: u8) -> String {
    let count = record.len();
    let digits = |cell: &[u8]| !cell.is_empty() && cell.iter().all(u8::is_ascii_digit);
    let comma = separator == b','
        && count == wanted + 1
        && record.iter().zip(record.iter().skip(1)).any(|(a, b)| digits(a) && digits(b));
    let other = SEPARATORS.into_iter().find(|other| {
        let parts = |cell: &[u8]| cell.iter().filter(|byte| *byte == other).count() + 1;
        count == 1 && *other != separator && record.iter().map(parts).sum::<usize>() == wanted
    });
    let cells = if count == 1 { "cell" } else { "cells" };
    let mut reason = format!("{count} {cells}, the header has {wanted}");
    if comma {
        reason += ": a number with a decimal comma needs quotes";
    }
    if let Some(other) = other {
        let name = |byte: u8| {
            if byte == b'\t' { "a tab".to_owned() } else { format!("`{}`", byte as char) }
        };
        reason +=
            &format!(": it is separated by {}, the header by {}", name(other), name(separator));
    }
    reason
}

/// A row has one concentration, or several separated by `;` in the cells `pollutant` and
/// `concentration` (and in `unit` and `averaging`, where a single value applies to all).
fn of_row(cells: &[String; 6]) -> Result<Answer, Refusal> {
    let [id, version, pollutants, units, averagings, concentrations] = cells;
    for (cell, name) in
        [(id, "standard"), (pollutants, "pollutant"), (concentrations, "concentration")]
    {
        if cell.is_empty() {
            return refuse(format!("the cell `{name}` is empty"));
        }
    }
    let cells = [pollutants, units, averagings, concentrations];
    first_to_answer(find(id, version, "")?, |standard| samples_of(standard, cells))
}

fn samples_of(standard: &Standard, cells: [&String; 4]) -> Result<Vec<Sample>, Refusal> {
    let lists = cells.map(|cell| cell.split(';').map(str::trim).collect::<Vec<_>>());
    let [pollutants, units, averagings, concentrations] = lists;
    let one_or_each = |list: &[&str]| list.len() == 1 || list.len() == pollutants.len();
    if concentrations.len() != pollutants.len() || !one_or_each(&units) || !one_or_each(&averagings)
    {
        return refuse("the lists of pollutants, units, averagings and concentrations differ");
    }
    let sample = |(at, pollutant): (usize, &&str)| {
        let (unit, averaging) = (at.min(units.len() - 1), at.min(averagings.len() - 1));
        of_cells(standard, pollutant, units[unit], averagings[averaging], concentrations[at])
    };
    pollutants.iter().enumerate().map(sample).collect()
}

fn of_cells(
    standard: &Standard,
    pollutant: &str,
    unit: &str,
    averaging: &str,
    concentration: &str,
) -> Result<Sample, Refusal> {
    let pollutant = pollutant_of(standard, pollutant)?;
    let averaging = match averaging {
        "" => only_averaging(standard, pollutant)?,
        text => averaging_of(text)?,
    };
    let (number, own_unit) = value_of(concentration)?;
    let unit = match (unit, own_unit) {
        ("", Some(own)) => own,
        ("", None) => return refuse("the cell `unit` is empty: expected ug/m3, mg/m3, ppb or ppm"),
        (text, own) => {
            let unit = unit_of(text)?;
            if let Some(own) = own.filter(|own| *own != unit) {
                return refuse(format!(
                    "concentration `{concentration}` is in {own}, the cell `unit` says {unit}"
                ));
            }
            unit
        }
    };
    Ok(Sample::new(pollutant, averaging, number.in_unit(unit)?))
}

/// The meaning of an empty cell if the standard has only one averaging period.
fn only_averaging(standard: &Standard, pollutant: Pollutant) -> Result<Averaging, Refusal> {
    let all: Vec<_> = standard.averagings(pollutant).collect();
    match all[..] {
        [only] => Ok(only),
        _ => {
            let names: Vec<_> = all.into_iter().map(Averaging::name).collect();
            refuse(format!("the cell `averaging` is empty: expected {}", names.join(" or ")))
        }
    }
}
