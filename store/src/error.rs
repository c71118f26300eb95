use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong in a store, where, and what to do.
///
/// Callers branch on [`kind`](Error::kind) and [`is_transient`](Error::is_transient); the text is
/// for humans; the cause is in [`source`](std::error::Error::source).
///
/// A custom store creates its errors in the same way:
///
/// ```
/// use airshed_store::{Error, ErrorKind};
///
/// let cause = std::io::Error::other("no space left on device");
/// let error = Error::new(ErrorKind::Io, "writing readings.db failed").because(cause);
/// assert!(error.is_transient());
/// assert_eq!(error.to_string(), "writing readings.db failed");
/// ```
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kinds that a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input cannot be stored, queried or opened; a retry cannot help.
    Invalid,
    /// Another process has the store open.
    Locked,
    /// Stored data cannot be read; the rest of the store can.
    Damaged,
    /// A newer version wrote the store.
    TooNew,
    /// The system denies reading or writing: change the permissions, or choose another path.
    Denied,
    /// The disk or a service failed; data stored before is unaffected.
    Io,
}

impl Error {
    /// An error without a cause. The message says what failed and where, and what to do
    /// about it, if anything can be done.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same error with its cause, which the message does not repeat.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn into_source(self) -> Option<Arc<dyn StdError + Send + Sync>> {
        self.0.source
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether a retry of the same call may succeed without intervention.
    pub fn is_transient(&self) -> bool {
        self.0.kind == ErrorKind::Io
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
