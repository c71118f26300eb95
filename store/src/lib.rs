//! Keeps air-quality readings and hands out any filtered part of them.
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
//! let (format, columns) = (Format::NdJson(Spelling::Usual), [Column::P1, Column::Aqi, Column::Range]);
//! let mut encoder = Encoder::new(format, &columns, airshed_store::ATTRIBUTION)?;
//! encoder.page(&mut file, &page)?;
//! encoder.finish(&mut file)?;
//! assert_eq!(file, b"{\"P1\":51,\"AQI\":4,\"Range\":\"Moderate\"}\n");
//! # Ok(()) }
//! ```
//!
//! - [`Reading`] is one mean of one sensor; its index, band and quality flags follow
//!   from what it holds. [`Query`] says which readings are wanted.
//! - [`Store`] is the contract for keeping: [`put`](Store::put),
//!   [`delete_before`](Store::delete_before), [`snapshot`](Store::snapshot); [`View`] for
//!   asking: [`query`](View::query) page by page, [`latest`](View::latest),
//!   [`summary`](View::summary). [`Memory`] and [`Embedded`] (one file, durable) keep it;
//!   [`open`] chooses by URL. `conformance` (feature) tests its sentences.
//! - [`Page`] is columns: shared [`Block`]s and the runs of rows that match. [`Pages`]
//!   walks through an answer, reading ahead.
//! - [`Encoder`] writes an answer page by page as CSV, JSON, NDJSON, GeoJSON and, with
//!   the feature `columnar`, as Parquet and Arrow. [`csv`] prints single pages too, and
//!   reads readings back, exactly; [`import`] (feature) does so from files of every kind.
//!
//! # Write your own store
//!
//! Implement [`View`] and [`Store`] (with the `async-trait` crate). [`Reading::check`] says what a
//! store refuses, [`Query::matches`] what it answers with, [`Position`] in which order and from
//! where on; [`Page::of_readings`] makes the answer and [`Error::new`] the errors. Then run
//! `conformance::run`, and `conformance::run_snapshots` if the store can hold a state, as a test.
//! `examples/sqlite-store` in the repository is such a crate: a durable store on SQLite, for
//! several processes.
//!
//! What this crate does not do: it knows no HTTP, no queue and no feed format.

#![warn(missing_debug_implementations)]

mod area;
mod blocks;
mod cached;
#[cfg(feature = "columnar")]
mod columnar;
mod contract;
mod country;
pub mod csv;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
mod embedded;
mod error;
mod flags;
mod format;
mod geojson;
pub mod import;
mod json;
mod memory;
mod metered;
mod notifying;
mod open;
mod pages;
mod quality;
mod query;
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
pub use contract::{Migration, Page, Position, Run, Store, Summary, View};
pub use country::{Country, UnknownCountry};
pub use embedded::{Embedded, Options};
pub use error::{Error, ErrorKind};
pub use flags::Flags;
pub use format::{ATTRIBUTION, Encoder, Format, LICENCE, UnknownFormat};
/// The moments of readings and queries.
pub use jiff::Timestamp;
pub use memory::Memory;
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
