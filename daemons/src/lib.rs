//! Airshed's parts as functions to run, under one roof.
//!
//! Each part is a separate crate that can be used without the others:
//!
//! - readings come in by `airshed-ingest`: [`source`], [`feed`], [`collector`], [`schedule`],
//!   and [`demo`], a simulated network;
//! - answers go out by `airshed-serve`: [`request`], [`server`], [`jobs`],
//!   [`message`], [`worker`], [`sweeper`], [`objects`], [`freshness`], [`telemetry`], [`watch`], [`trace`];
//! - `airshed-loadtest` is [`loadtest`], `airshed-deploy` is [`provision`] and [`cost`];
//! - `airshed-common` is what several of them need: [`Clock`], [`reason`], [`feed_status`].
//!
//! Here is what the binary adds: [`control`] is how commands reach the process that holds the
//! store, [`transfer`] moves files in and out, [`index`] answers for the index alone.
//!
//! Each daemon is a `run(parts, stop)`: it ends when the token is cancelled, and reads
//! neither the environment nor the wall clock nor signals; the binary does. Parts on AWS are
//! opened by what AWS tools read: the environment, the profile, the machine's role.

pub mod control;
pub mod index;
pub mod transfer;

pub use airshed_common::{Clock, feed_status, reason};
#[cfg(feature = "aws")]
pub use airshed_deploy::{cost, provision};
pub use airshed_ingest::{Destination, collector, demo, feed, schedule, source};
#[cfg(feature = "loadtest")]
pub use airshed_loadtest as loadtest;
pub use airshed_serve::{
    events, freshness, jobs, message, networks, objects, request, server, sweeper, telemetry,
    trace, watch, worker,
};
