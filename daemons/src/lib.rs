//! Airshed's parts as functions, re-exported by one crate.
//!
//! Each part is a separate crate that can be used without the others:
//!
//! - `airshed-ingest` collects readings: [`source`], [`feed`], [`collector`], [`means`],
//!   [`push`], [`retention`], [`schedule`], and [`demo`], a simulated network;
//! - `airshed-serve` answers queries: [`request`], [`server`], [`keys`], [`jobs`], [`message`],
//!   [`worker`], [`sweeper`], [`callbacks`], [`objects`], [`networks`], [`events`], [`freshness`],
//!   [`telemetry`], [`watch`], [`trace`];
//! - `airshed-history` has the flags: [`Flagging`], [`neighbours`];
//! - `airshed-loadtest` is [`loadtest`], `airshed-deploy` is [`provision`] and [`cost`];
//! - `airshed-common` has what several of them share: [`Clock`], [`reason`], [`feed_status`].
//!
//! This crate adds: [`control`], through which commands reach the process that has the store open;
//! [`transfer`], import and export of files; [`webhooks`], messages to clients; [`index`], the AQI calculator.
//!
//! Each daemon is a function `run(parts, stop)`: it ends when the token is cancelled, and reads
//! neither the environment nor the wall clock nor signals; the binary does. AWS backends resolve
//! credentials as the AWS tools do: from the environment, the profile, or the machine's role.

pub mod control;
pub mod index;
pub mod transfer;
pub mod webhooks;

pub use airshed_common::{Clock, Disk, feed_status, has_room_for_readings, reason};
#[cfg(feature = "aws")]
pub use airshed_deploy::{cost, provision};
pub use airshed_history::{Flagging, neighbours};
#[cfg(feature = "backfill")]
pub use airshed_ingest::backfill;
pub use airshed_ingest::{
    BATCH, Destination, collector, demo, feed, means, push, put_means, put_means_of_some,
    retention, schedule, source,
};
#[cfg(feature = "loadtest")]
pub use airshed_loadtest as loadtest;
pub use airshed_serve::{
    callbacks, events, freshness, jobs, keys, message, networks, objects, request, server, sweeper,
    telemetry, trace, watch, worker,
};
