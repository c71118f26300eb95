//! Translates failures of the file and of redb into errors that name the actual cause.

use std::io;
use std::path::Path;

use redb::{DatabaseError, StorageError, TableError};

use crate::{Error, ErrorKind};

pub(super) fn error_at(path: &Path, error: Error) -> Error {
    let kind = error.kind();
    let message = format!("{}: {error}", path.display());
    let wrapped = Error::new(kind, message);
    match error.into_source() {
        Some(source) => wrapped.because(source),
        None => wrapped,
    }
}

pub(super) fn open_error(error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            Error::new(ErrorKind::Locked, "another process has the store open")
        }
        DatabaseError::UpgradeRequired(version) => Error::new(
            ErrorKind::Invalid,
            format!(
                "the file has the database format {version}, which is too old for this \
                     airshed"
            ),
        ),
        DatabaseError::Storage(error) => storage_error(error),
        error => Error::new(ErrorKind::Io, "could not open the store").because(error),
    }
}

pub(super) fn storage_error(error: StorageError) -> Error {
    match error {
        StorageError::Io(e) => file_error(e),
        StorageError::Corrupted(e) => damaged().because(e),
        error => disk_failed().because(error),
    }
}

/// Translates errors of the operating system into errors that name the actual cause.
pub(super) fn file_error(error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        // redb's error for a foreign file, and the system's for a truncated one.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            return damaged().because(error);
        }
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Denied,
            "permission denied; the user that runs airshed needs read permission, and to write \
             also write permission on the file and its directory",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Denied, "the file system is mounted read-only")
        }
        io::ErrorKind::NotFound => (ErrorKind::Io, "the file or its directory does not exist"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (ErrorKind::Invalid, "a part of the path is a file, not a directory")
        }
        io::ErrorKind::IsADirectory => (ErrorKind::Invalid, "a directory, not a file"),
        io::ErrorKind::InvalidFilename => {
            (ErrorKind::Invalid, "the file name is invalid or too long")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            return no_space().because(error);
        }
        _ => return disk_failed().because(error),
    };
    Error::new(kind, message).because(error)
}

pub(super) fn no_space() -> Error {
    Error::new(
        ErrorKind::Io,
        "no space left on the disk (or its quota); data stored before is unaffected",
    )
}

pub(super) fn disk_failed() -> Error {
    Error::new(
        ErrorKind::Io,
        "the disk failed; data stored before is unaffected. Check its free space and health",
    )
}

pub(super) fn damaged() -> Error {
    Error::new(
        ErrorKind::Damaged,
        "the file is damaged or not a store of readings; restore a backup, or move it away to \
         start with an empty store",
    )
}

pub(super) fn transaction_error(error: redb::TransactionError) -> Error {
    match error {
        redb::TransactionError::Storage(error) => storage_error(error),
        error => Error::new(ErrorKind::Io, "could not begin a transaction").because(error),
    }
}

pub(super) fn table_error(error: TableError) -> Error {
    match error {
        TableError::Storage(error) => storage_error(error),
        error => damaged().because(error),
    }
}
