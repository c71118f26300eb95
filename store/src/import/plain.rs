//! Files without the feature `import`: CSV alone.

use std::io::{Cursor, Read};

use super::{Each, Others};
use crate::csv::Rows;
use crate::{Error, ErrorKind};

/// What is looked at to find out whether a file is CSV.
const HEAD_BYTES: u64 = 16 << 10;

/// Reads a CSV file row by row; the names of columns that were passed over.
///
/// [`Invalid`](ErrorKind::Invalid) when it is another file, and [`Io`](ErrorKind::Io) where it
/// cannot be read on: then the rows before were handed over.
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
        let message = "no CSV; files of other kinds were left out of this build (feature `import`)";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let mut rows = Rows::new(Cursor::new(head).chain(input))?;
    let mut others = Others::default();
    rows.others()?.iter().for_each(|name| others.add(name));
    while let Some(row) = rows.next_row()? {
        if each(row).is_break() {
            break;
        }
    }
    Ok(others)
}
