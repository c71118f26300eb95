//! Airshed's parts as functions to run.
//!
//! Readings come in: [`source`] fetches the feed, [`feed`] reads it, [`collector`] puts
//! its readings into a [`store::Store`] when [`schedule`] says so. Answers go out:
//! [`request`] reads what is asked for, [`server`] answers at once or hands the query to
//! [`jobs`] and a queue, [`worker`] does what is queued, [`sweeper`] expires finished
//! jobs and requeues stalled ones; results lie among [`objects`]; [`freshness`] says how new
//! the data is. [`control`] is how commands reach the process that holds the store.
//! [`transfer`] moves files in and out, [`cost`] says what a month on AWS costs,
//! [`provision`] makes a deployment there, [`index`] answers for the index alone, [`demo`]
//! simulates the network. [`telemetry`] has the names of the metrics, [`watch`] samples
//! gauges at scrape time.
//!
//! Each daemon is a `run(parts, stop)`: it ends when the token is cancelled, and reads
//! neither the environment nor the wall clock nor signals; the binary does. Parts on AWS are
//! opened by what AWS tools read: the environment, the profile, the machine's role.

pub mod collector;
pub mod control;
pub mod cost;
pub mod demo;
pub mod feed;
pub mod feed_status;
pub mod freshness;
pub mod index;
pub mod jobs;
pub mod loadtest;
pub mod objects;
pub mod provision;
pub mod request;
pub mod schedule;
pub mod server;
pub mod source;
pub mod sweeper;
pub mod telemetry;
pub mod trace;
pub mod transfer;
pub mod watch;
pub mod worker;

/// The time, as an argument.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
