//! Answering queries: [`request`] parses a query, [`server`] answers it directly or creates one of
//! the [`jobs`] and queues a [`message`], [`worker`] processes queued jobs, [`sweeper`] expires
//! finished jobs and requeues stalled ones; results are [`objects`]; [`keys`] are those of clients,
//! [`callbacks`] tell them the end of jobs; [`networks`] has the terms of the data, [`freshness`] the
//! data age. [`telemetry`] lists the metrics, [`watch`] samples gauges at scrape time, [`trace`]
//! identifies a request from the client to the worker's log.
//!
//! Each daemon is a function `run(parts, stop)`: it ends when the token is cancelled, and reads
//! neither the environment nor the wall clock nor signals. S3 (feature `s3`) resolves credentials
//! as the AWS tools do: from the environment, the profile, or the machine's role.
//!
//! Out of scope: the feed and deployments.

pub mod callbacks;
pub mod events;
pub mod freshness;
pub mod jobs;
pub mod keys;
pub mod message;
pub mod networks;
pub mod objects;
pub mod request;
mod scaled;
pub mod server;
pub mod sweeper;
pub mod telemetry;
pub mod trace;
pub mod watch;
pub mod worker;

pub use airshed_common::{Clock, feed_status};
