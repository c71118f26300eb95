//! Collecting readings: [`source`] fetches the feed, [`feed`] parses it, [`collector`] puts its
//! readings into a [`Destination`], usually a [`store::Store`], on a [`schedule`], and [`means`]
//! makes hours, 24 hours and days of samples there; [`push`] takes what boards with the network's
//! firmware send themselves; with the feature `backfill`, `backfill` puts past
//! readings from the archive there. [`demo`] simulates the network for use without internet access.
//!
//! Out of scope: queries, jobs and AWS. Other crates read the state of the feed from
//! [`airshed_common::feed_status`].

#[cfg(feature = "backfill")]
pub mod backfill;
mod beside;
mod better;
pub mod collector;
pub mod demo;
mod destination;
pub mod feed;
pub mod means;
#[cfg(feature = "backfill")]
pub mod place;
pub mod push;
pub mod retention;
pub mod schedule;
pub mod source;

pub use airshed_common::{Clock, feed_status};
pub use beside::put_means_of_some;
pub use better::{BATCH, put_means};
pub use destination::Destination;
