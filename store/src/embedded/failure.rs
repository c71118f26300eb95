//! What failures of the file and of redb mean, in words that name the real trouble.

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
            format!("the file has the database format {version}, too old for this airshed"),
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

/// What the operating system says of a file, in words that name the real trouble.
pub(super) fn file_error(error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        // redb's words for what is no file of its, and the system's for one that is cut short.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            return damaged().because(error);
        }
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Denied,
            "permission denied; the file has to be readable for the user that runs this, and for \
             all but reading, writable with its directory",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Denied, "the file system is mounted read-only")
        }
        io::ErrorKind::NotFound => (ErrorKind::Io, "the file or its directory is not there"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (ErrorKind::Invalid, "a part of the path is a file, not a directory")
        }
        io::ErrorKind::IsADirectory => (ErrorKind::Invalid, "a directory, where a file is needed"),
        io::ErrorKind::InvalidFilename => (ErrorKind::Invalid, "the name is too long or not one"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (
                ErrorKind::Io,
                "no space is left on the disk (or by its quota); what was stored before stays",
            )
        }
        _ => return disk_failed().because(error),
    };
    Error::new(kind, message).because(error)
}

pub(super) fn disk_failed() -> Error {
    Error::new(
        ErrorKind::Io,
        "the disk failed; what was stored before stays. Look at its free space and health",
    )
}

pub(super) fn damaged() -> Error {
    Error::new(
        ErrorKind::Damaged,
        "the file is damaged or not a store of readings; put back a copy, or move it away to \
         start an empty one",
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
