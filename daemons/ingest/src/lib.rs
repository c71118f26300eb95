//! Readings come in: [`source`] fetches the feed, [`feed`] reads it, [`collector`] puts its
//! readings into a [`Destination`], usually a [`store::Store`], when [`schedule`] says so. [`demo`] simulates the network
//! for whoever has none.
//!
//! What this crate does not do: it knows no queries, no jobs and no AWS; what else wants to
//! know how the feed is doing reads [`airshed_common::feed_status`].

pub mod collector;
pub mod demo;
mod destination;
pub mod feed;
pub mod schedule;
pub mod source;

pub use airshed_common::{Clock, feed_status};
pub use destination::Destination;
