//! Answers go out: [`request`] reads what is asked for, [`server`] answers at once or hands
//! the query to [`jobs`] and a queue (of [`message`]s), [`worker`] does what is queued, [`sweeper`] expires
//! finished jobs and requeues stalled ones; results lie among [`objects`]; [`networks`]
//! has the terms on which data goes out, [`freshness`] how new the data is. [`telemetry`] has the names of the metrics, [`watch`] samples gauges
//! at scrape time, [`trace`] names a request from the client to the worker's log.
//!
//! Each daemon is a `run(parts, stop)`: it ends when the token is cancelled, and reads
//! neither the environment nor the wall clock nor signals. Results in S3 (feature `s3`) are
//! opened by what AWS tools read: the environment, the profile, the machine's role.
//!
//! What this crate does not do: it knows no feed and no deployment, and fetches nothing.

pub mod events;
pub mod freshness;
pub mod jobs;
pub mod message;
pub mod networks;
pub mod objects;
pub mod request;
pub mod server;
pub mod sweeper;
pub mod telemetry;
pub mod trace;
pub mod watch;
pub mod worker;

pub use airshed_common::{Clock, feed_status};
