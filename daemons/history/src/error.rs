use std::error::Error as StdError;
use std::io;

/// Why a file could not be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds that a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It is not a file of the archive, such as a page of HTML: no row was read.
    Invalid,
    /// It is damaged or truncated; the rows before were passed on.
    Damaged,
    /// A file of text ends within its last row, which was not passed on; all others were.
    Cut,
    /// Reading failed; the rows before were passed on.
    Io,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Data that cannot be decompressed is damaged; anything else is the reader's failure.
    pub(crate) fn of_io(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let (kind, message) = match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof => {
                (ErrorKind::Damaged, "damaged or truncated")
            }
            _ => (ErrorKind::Io, "cannot be read to its end"),
        };
        Self::new(kind, message).because(error)
    }

    /// Of a file whose reader did not fail: what is no error of the system, for a temporary file, is
    /// one of a decoder, whichever kind that gives it.
    pub(crate) fn of_file(self) -> Self {
        let is_of_system = |cause: &(dyn StdError + Send + Sync + 'static)| {
            let cause = cause.downcast_ref::<io::Error>();
            cause.is_none_or(|cause| cause.raw_os_error().is_some())
        };
        if self.kind != ErrorKind::Io || self.source.as_deref().is_some_and(is_of_system) {
            return self;
        }
        let message = "damaged, truncated or unsupported".to_owned();
        Self { kind: ErrorKind::Damaged, message, ..self }
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a retry of the same call may succeed without intervention.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Io
    }
}
