//! What stands in for [`store::import`] where the feature `import` is off: files are CSV.

use std::error::Error;
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use store::csv::Rows;
use store::import::{ImportedRow, RowError};

/// What is looked at to find out whether a file is CSV.
const HEAD_BYTES: u64 = 16 << 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("is not CSV: this airshed was built without other formats (feature `import`)")]
    NotCsv,
    #[error("cannot be read")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Table(#[from] store::Error),
    #[error("a damaged file, which cannot be read")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
}

pub(crate) fn read(
    mut input: impl Read,
    each: &mut dyn FnMut(Result<ImportedRow, RowError>) -> ControlFlow<()>,
) -> Result<(), Unreadable> {
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    let binary = |byte: &u8| byte.is_ascii_control() && !b"\t\n\x0c\r".contains(byte);
    if head.iter().any(binary) || text.starts_with(b"{") || text.starts_with(b"[") {
        return Err(Unreadable::NotCsv);
    }
    let _ = Rows::new(Cursor::new(head).chain(input))?.try_for_each(each);
    Ok(())
}

/// A file that a library panics over.
pub(crate) fn unreadable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Unreadable {
    Unreadable::Damaged(cause.into())
}
