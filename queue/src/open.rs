use std::fmt;
use std::sync::Arc;

use crate::{Channel, Error, ErrorKind, Options, Queue};

/// The queues of a system of servers and workers.
#[derive(Clone)]
pub struct Queues {
    /// Requests, from servers to workers.
    pub requests: Arc<dyn Queue>,
    /// The dead-letter queue of requests.
    pub dead_requests: Arc<dyn Queue>,
    /// Responses, from workers to servers.
    pub responses: Arc<dyn Queue>,
    /// Whether the queues are shared with other processes.
    pub shared: bool,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Opens the queues of a URL: `channel:`, within this process, or, with the feature `sqs`,
/// `sqs:REQUEST,RESPONSE`, with region and credentials resolved as by the AWS tools.
///
/// `capacity` is the maximum number of waiting requests, `large_in_flight` that of large requests in
/// flight, if the queue knows it ([`Sender`](crate::Sender)). [`Invalid`](ErrorKind::Invalid) for any
/// other URL, and for queues that do not exist.
pub async fn open(url: &str, capacity: usize, large_in_flight: usize) -> Result<Queues, Error> {
    #[cfg(feature = "sqs")]
    if let Some(names) = url.strip_prefix("sqs:") {
        return crate::sqs::open(names, capacity).await;
    }
    #[cfg(not(feature = "sqs"))]
    if url.starts_with("sqs:") {
        let message = format!("`{url}`: this build does not support SQS (feature `sqs`)");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if url != "channel:" {
        let message = format!(
            "invalid queue URL `{url}`; expected channel: or \
                               sqs:REQUEST,RESPONSE"
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let dead_requests = Channel::new(Options::default());
    let dead_letters = Some(dead_requests.clone());
    let requests = Options { capacity, dead_letters, large_in_flight, ..Options::default() };
    let requests = Channel::new(requests);
    Ok(Queues {
        requests: Arc::new(requests),
        dead_requests: Arc::new(dead_requests),
        responses: Arc::new(Channel::new(Options::default())),
        shared: false,
    })
}
