//! Import without the feature `import`: only CSV.

use std::io::{Cursor, Read};

use super::{Each, Others};
use crate::csv::CsvReader;
use crate::{Error, ErrorKind};

/// Number of bytes examined to detect CSV.
const HEAD_BYTES: u64 = 16 << 10;

/// Reads a CSV file row by row; returns the names of ignored columns.
///
/// [`Invalid`](ErrorKind::Invalid) if it is not CSV, and [`Io`](ErrorKind::Io) on a read error,
/// after the preceding rows were passed on.
pub fn read(mut input: impl Read, each: Each<'_>) -> Result<Others, Error> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(|error| Error::new(ErrorKind::Io, "cannot be read to its end").because(error))?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    let binary = |byte: &u8| byte.is_ascii_control() && !b"\t\n\x0c\r".contains(byte);
    if head.iter().any(binary) || text.starts_with(b"{") || text.starts_with(b"[") {
        let message = "not CSV; this build supports no other formats (feature `import`)";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let mut rows = CsvReader::new(Cursor::new(head).chain(input))?;
    let mut others = Others::default();
    rows.others()?.iter().for_each(|name| others.add(name));
    while let Some(row) = rows.next_row()? {
        if each(row).is_break() {
            break;
        }
    }
    Ok(others)
}
