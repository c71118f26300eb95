//! Stores air-quality readings and exports any filtered part of them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), airshed_store::Error> {
//! use airshed_store::{Column, Encoder, Format, Memory, Query, Reading, Spelling, Store, View, Window};
//!
//! let store = Memory::new();
//! let mut reading = Reading::new(28842, Window::Day24, "2020-06-11T09:40:41Z".parse().unwrap());
//! reading.pm10 = Some("51".parse().unwrap()); // µg/m³
//! reading.country = Some("DE".parse().unwrap());
//! store.put(&[reading]).await?;
//!
//! let day = Query::new("2020-06-11T00:00:00Z".parse().unwrap(), "2020-06-11T23:59:59Z".parse().unwrap());
//! let page = store.query(&day, None).await?;
//! let mut file = Vec::new();
//! let (format, columns) = (Format::NdJson(Spelling::Default), [Column::P1, Column::Aqi, Column::Range]);
//! let mut encoder = Encoder::new(format, &columns, airshed_store::ATTRIBUTION)?;
//! encoder.page(&mut file, &page)?;
//! encoder.finish(&mut file)?;
//! assert_eq!(file, b"{\"P1\":51,\"AQI\":4,\"Range\":\"Moderate\"}\n");
//! # Ok(()) }
//! ```
//!
//! - [`Reading`] is one mean of one sensor; its index, band and quality flags are derived from its
//!   fields. [`Query`] has the filters.
//! - [`Store`] is the contract for storing: [`put`](Store::put),
//!   [`delete_before`](Store::delete_before), [`snapshot`](Store::snapshot); [`View`] for reading:
//!   [`query`](View::query) page by page, [`latest`](View::latest), [`summary`](View::summary).
//!   [`Memory`] and [`Embedded`] (one file, durable) implement them; [`open`] selects by URL.
//!   `conformance` (feature) tests the contract.
//! - [`Page`] has shared [`Block`]s of columns and the ranges of matching rows. [`Pages`] iterates
//!   over the pages of a query, with read-ahead.
//! - [`Encoder`] writes a file page by page as CSV, JSON, NDJSON, GeoJSON and, with the feature
//!   `columnar`, as Parquet and Arrow; [`Metadata`] is what it says about itself. [`csv`] also renders single pages, and parses readings back
//!   losslessly; [`import`] (feature) does so for files of every format.
//!
//! # Write your own store
//!
//! Implement [`View`] and [`Store`] (with the `async-trait` crate). [`Reading::check`] defines
//! which readings a store rejects, [`Query::matches`] which it returns, [`Position`] their order
//! and the cursor; [`Page::of_readings`] creates pages and [`Error::new`] errors. Then run
//! `conformance::run`, and `conformance::run_snapshots` if the store has snapshots, as tests.
//! `examples/sqlite-store` in the repository is such a crate: a durable store on SQLite, for
//! several processes.
//!
//! Out of scope: HTTP, queues and feed formats.

#![warn(missing_debug_implementations)]

mod area;
mod blocks;
mod cached;
#[cfg(feature = "columnar")]
mod columnar;
mod contract;
mod country;
pub mod csv;
mod csvw;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
mod embedded;
mod error;
mod flags;
mod format;
mod geojson;
pub mod import;
mod json;
mod local_days;
mod memory;
mod metadata;
mod metered;
mod notifying;
mod open;
mod pages;
mod quality;
mod query;
mod range;
mod reading;
mod retry;
mod running;
mod schema;
mod sensor;
mod sensor_type;
mod spelling;
mod standard;
mod tally;
mod value;

#[cfg(feature = "conformance")]
pub mod conformance;

/// The decimals of readings.
pub use aqi::Decimal;
pub use area::Area;
pub use blocks::{Block, Row};
pub use cached::{CacheOptions, Cached};
pub use contract::{Migration, Page, Position, RowRange, Store, Summary, View};
pub use country::{Country, UnknownCountry};
pub use embedded::{Embedded, Options};
pub use error::{Error, ErrorKind};
pub use flags::Flags;
pub use format::{ATTRIBUTION, Encoder, Format, LICENCE, UnknownFormat};
/// The timestamps of readings and queries.
pub use jiff::Timestamp;
/// The time zone of [`LocalDays`].
pub use jiff::tz::TimeZone;
pub use local_days::LocalDays;
pub use memory::Memory;
pub use metadata::{Metadata, SOFTWARE};
pub use metered::Metered;
pub use notifying::Notifying;
pub use open::{OpenOptions, open};
pub use pages::Pages;
pub use quality::{LeftOut, Quality, UnknownQuality};
pub use query::Query;
pub use reading::{Impossible, Reading, UnknownWindow, Window};
pub use retry::{Retry, RetryPolicy};
pub use running::{RunningMean, RunningMeans, UnknownRunningMean};
pub use schema::{BadValue, Column, Kind, Origin, UnknownColumn};
pub use sensor::{BadNetwork, BadSensor, Network, Sensor};
pub use sensor_type::{BadSensorType, SensorType, SensorTypes};
pub use spelling::Spelling;
pub use standard::{AqiStandard, Basis, UnknownStandard, Unregistrable};
pub use tally::{Reasons, Tallies, Tally, Values};
pub use value::{ShortText, Value};
