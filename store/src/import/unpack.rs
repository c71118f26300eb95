//! Decompresses a file and passes it to the reader of its format.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::kind::Kind;
use super::{Each, ImportedRow, Others, Place, RowError, broken, columnar, invalid, json};
use crate::csv::CsvReader;
use crate::{Error, ErrorKind};

/// Maximum nesting of compressed files.
const DEEPEST: usize = 4;

/// Number of bytes examined to detect the format.
const HEAD_BYTES: u64 = 16 << 10;

/// Reads a file of any format row by row; returns the names of ignored columns.
///
/// [`Invalid`](ErrorKind::Invalid) if its format is not supported; [`Damaged`](ErrorKind::Damaged)
/// if it is damaged or truncated, and [`Io`](ErrorKind::Io) on a read error, after the preceding
/// rows were passed on.
pub fn read(mut input: impl Read, each: Each<'_>) -> Result<Others, Error> {
    let mut others = Others::default();
    let _ = read_packed(&mut input, 0, each, &mut others)?; // the caller knows whether it stopped
    Ok(others)
}

fn read_packed(
    mut input: &mut dyn Read,
    depth: usize,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES).read_to_end(&mut head).map_err(broken)?;
    let kind = Kind::of(&head);
    let mut input = Cursor::new(head).chain(input);
    if depth > DEEPEST && matches!(kind, Kind::Gzip | Kind::Zstd | Kind::Zip) {
        return Err(invalid("a file that is compressed too many times".to_owned()));
    }
    match kind {
        Kind::Gzip => {
            let mut decoder = flate2::read::MultiGzDecoder::new(input);
            read_packed(&mut decoder, depth + 1, each, others)
        }
        Kind::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(input);
            read_packed(&mut decoder.map_err(broken)?, depth + 1, each, others)
        }
        Kind::Zip => read_zip(&mut input, depth + 1, each, others),
        Kind::Csv => {
            let mut rows = CsvReader::new(input)?;
            rows.others()?.iter().for_each(|name| others.add(name));
            while let Some(row) = rows.next_row()? {
                if each(row).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        }
        Kind::NdJson => json::read_lines(input, each, others),
        Kind::Json => json::read_document(input, each, others),
        Kind::Parquet => columnar::read_parquet(spooled(&mut input)?, each, others),
        Kind::Arrow => columnar::read_arrow(spooled(&mut input)?, each, others),
        Kind::ArrowStream => columnar::read_stream(input, each, others),
        Kind::Other(what) => Err(invalid(what)),
    }
}

/// Reads each file of the archive. An unreadable file is refused like a row, unless it is the only
/// one.
fn read_zip(
    input: &mut dyn Read,
    depth: usize,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let damaged =
        |e| Error::new(ErrorKind::Damaged, "a damaged or truncated zip archive").because(e);
    let mut archive = zip::ZipArchive::new(spooled(input)?).map_err(damaged)?;
    let mut names = Vec::new();
    for number in 0..archive.len() {
        let member = archive.by_index_raw(number).map_err(damaged)?;
        let name = String::from_utf8_lossy(member.name_raw());
        // Metadata that macOS adds to archives.
        if member.is_file() && !name.starts_with("__MACOSX/") {
            names.push((number, Arc::<str>::from(name)));
        }
    }
    if names.is_empty() {
        return Err(invalid("a zip archive without a file".to_owned()));
    }
    for (number, name) in &names {
        let mut within = |row: Result<ImportedRow, RowError>| {
            each(match row {
                Ok(row) => Ok(ImportedRow { place: row.place.within(name), ..row }),
                Err(row) => Err(RowError { place: row.place.within(name), ..row }),
            })
        };
        let read = match archive.by_index(*number).map_err(damaged) {
            Ok(mut member) => read_packed(&mut member, depth, &mut within, others),
            Err(error) => Err(error),
        };
        let flow = match read {
            Ok(flow) => flow,
            Err(error) if names.len() == 1 => return Err(error),
            Err(error) => each(Err(RowError::new(Place::member(name), error.to_string()))),
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Decompresses to disk, for formats that are read from the end.
fn spooled(input: &mut dyn Read) -> Result<File, Error> {
    let mut file = tempfile::tempfile().map_err(|e| {
        Error::new(ErrorKind::Io, "cannot create a temporary file for decompression").because(e)
    })?;
    io::copy(input, &mut file).and_then(|_| file.rewind()).map_err(broken)?;
    Ok(file)
}
