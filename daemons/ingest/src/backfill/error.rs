use std::io;
use std::path::PathBuf;

/// Why a backfill stopped.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The archive cannot be reached, or a folder cannot be listed.
    #[error("the archive cannot be listed")]
    List(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server fails whatever it is asked for.
    #[error(
        "the archive's server failed for {files} files in a row; the same command continues there. \
         The last of them"
    )]
    Failing {
        /// How many.
        files: u32,
        /// The last file, and why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server asks this client to wait.
    #[error("the archive's server asks to wait; later the same command continues there")]
    Wait(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A copy of what was fetched cannot be kept.
    #[error("cannot keep copies in {folder}{hint}")]
    Copies {
        /// Their folder.
        folder: PathBuf,
        /// What is known of the reason.
        hint: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A temporary file, or the record of what is done.
    #[error("a file of the backfill itself")]
    Local(#[from] io::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// A thread panicked.
    #[error("a file could not be read")]
    Thread(#[from] tokio::task::JoinError),
}
