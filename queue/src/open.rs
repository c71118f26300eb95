use std::fmt;
use std::sync::Arc;

use crate::{Channel, Error, ErrorKind, Options, Queue};

/// The queues of a system of servers and workers.
#[derive(Clone)]
pub struct Queues {
    /// What is to be done: from servers to workers.
    pub requests: Arc<dyn Queue>,
    /// Requests that were given up.
    pub dead_requests: Arc<dyn Queue>,
    /// What is done: from workers to servers.
    pub responses: Arc<dyn Queue>,
    /// Whether other processes see the same queues.
    pub shared: bool,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Opens the queues that a URL names: `channel:`, within this process, or, with the feature
/// `sqs`, `sqs:REQUEST,RESPONSE`, which are found as AWS tools find them.
///
/// `capacity` is the number of requests that may wait. [`Invalid`](ErrorKind::Invalid) for
/// any other URL, and for queues that are not there.
pub async fn open(url: &str, capacity: usize) -> Result<Queues, Error> {
    #[cfg(feature = "sqs")]
    if let Some(names) = url.strip_prefix("sqs:") {
        return crate::sqs::open(names, capacity).await;
    }
    #[cfg(not(feature = "sqs"))]
    if url.starts_with("sqs:") {
        let message = format!("`{url}`: queues on AWS were left out of this build (feature `sqs`)");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if url != "channel:" {
        let message = format!("`{url}` is no queue: give channel: or sqs:REQUEST,RESPONSE");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let dead_requests = Channel::new(Options::default());
    let dead_letters = Some(dead_requests.clone());
    let requests = Channel::new(Options { capacity, dead_letters, ..Options::default() });
    Ok(Queues {
        requests: Arc::new(requests),
        dead_requests: Arc::new(dead_requests),
        responses: Arc::new(Channel::new(Options::default())),
        shared: false,
    })
}
