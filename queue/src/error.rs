use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong in a queue, where, and what to do.
///
/// Callers branch on [`kind`](Error::kind) and [`is_transient`](Error::is_transient); the text is
/// for humans; the cause is in [`source`](std::error::Error::source).
///
/// A custom queue creates its errors in the same way:
///
/// ```
/// use airshed_queue::{Error, ErrorKind};
///
/// let cause = std::io::Error::other("no space left on device");
/// let error = Error::new(ErrorKind::Io, "writing to the queue jobs failed").because(cause);
/// assert!(error.is_transient());
/// assert_eq!(error.to_string(), "writing to the queue jobs failed");
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
    /// The queue is full; retry later.
    Full,
    /// The visibility timeout has passed: another receiver may have the message.
    Expired,
    /// The input is not a valid queue or message; a retry cannot help.
    Invalid,
    /// The service failed or is unreachable; retry later.
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

    /// The kind, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether a retry of the same call may succeed without intervention.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Full | ErrorKind::Io)
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
