//! The storage engine: readings as packed columns, in self-describing blocks.

mod block;
mod build;
mod by_standard;
mod bytes;
mod cache;
mod day;
mod decimals;
mod deletion;
mod directory;
pub(crate) mod format2;
mod frame;
mod indexer;
mod integers;
mod newest;
mod others;
mod plan;
mod row;
mod scan;
mod select;
mod sensor_countries;
mod stations;
#[cfg(test)]
mod tests;
mod unpack;

pub use self::block::Block;
pub(crate) use self::block::Mixed;
pub(crate) use self::build::Source;
pub(crate) use self::cache::{Caches, TextCache, count};
pub(crate) use self::day::{SECONDS_A_DAY, day_and_second, timestamp_problem};
pub(crate) use self::decimals::{Cell, Run as DecimalRun, Short};
pub(crate) use self::directory::{Change, Directory, Entry, Item, Load, Tree, describe};
pub(crate) use self::indexer::Indexer;
pub(crate) use self::integers::{Numbers, RUN};
pub(crate) use self::newest::Newest;
pub use self::row::Row;
pub(crate) use self::scan::Scanned;
pub(crate) use self::sensor_countries::SensorCountries;
pub(crate) use self::stations::{Station, Stations};

#[cfg(feature = "conformance")]
pub(crate) use self::frame::sealed;
#[cfg(feature = "dynamodb")]
pub(crate) use self::{
    day::{DAYS, whole_seconds_up},
    directory::HIGH,
    plan::latest_of_each_identity,
};
