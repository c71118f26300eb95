use std::error::Error as StdError;
use std::path::Path;

use rusqlite::ErrorCode;
use store::{Error, ErrorKind};

/// Why a call failed. The file and the operation are added in one place for all calls.
pub(crate) struct Failure {
    kind: ErrorKind,
    problem: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, problem: impl Into<String>) -> Self {
        Self { kind, problem: problem.into(), cause: None }
    }

    pub(crate) fn because(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    pub(crate) fn at(self, operation: &str, path: &Path) -> Error {
        let message = format!("{operation} {} failed: {}", path.display(), self.problem);
        let error = Error::new(self.kind, message);
        match self.cause {
            Some(cause) => error.because(cause),
            None => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
            PermissionDenied, ReadOnly,
        };
        let (kind, problem) = match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => {
                (ErrorKind::Io, "another process is writing; try again later")
            }
            Some(NotADatabase | DatabaseCorrupt) => {
                (ErrorKind::Damaged, "not a database, or a damaged one")
            }
            Some(PermissionDenied | ReadOnly) => {
                (ErrorKind::Denied, "this process may not write there; change the permissions")
            }
            Some(CannotOpen) => (
                ErrorKind::Denied,
                "it cannot be opened; see that its directory is there and may be written to",
            ),
            Some(DiskFull) => (ErrorKind::Io, "the disk is full"),
            Some(_) => (ErrorKind::Io, "SQLite failed"),
            // A value is not of the type that its column has.
            None => (ErrorKind::Damaged, "a stored reading cannot be read"),
        };
        Self::new(kind, problem).because(error)
    }
}
