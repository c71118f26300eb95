//! Sensor.Community's archive as readings: samples in, means with data capture and flags out; and
//! what readings say beside each other.
//!
//! ```
//! use airshed_history::archive::Report;
//! use airshed_history::{Carried, Day};
//! use store::Window;
//!
//! let mut file = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n".to_owned();
//! for minute in 0..60 {
//!     file += &format!("41201;SDS011;20955;51.214;7.018;2021-02-14T00:{minute:02}:12;{minute};9.87\n");
//! }
//! let mut day = Day::new("2021-02-14".parse()?);
//! let mut report = Report::default();
//! day.read(file.as_bytes(), "2021-02-14_sds011_sensor_41201.csv", &mut report)?;
//! assert_eq!((report.rows, report.kept), (60, 60));
//!
//! let mut carried = Carried::default(); // nothing of the day before
//! let readings = day.finish(Some(&mut carried)).readings;
//! let windows: Vec<_> = readings.iter().map(|reading| reading.window).collect();
//! assert_eq!(windows, [Window::Hour, Window::Day, Window::Day24]);
//! let hour = &readings[0];
//! assert_eq!((hour.pm10, hour.pm25), (Some("29.5".parse()?), Some("9.87".parse()?)));
//! assert_eq!((hour.hours, hour.samples), (Some(12), Some(60))); // five-minute slots, and samples
//! assert_eq!(hour.timestamp.to_string(), "2021-02-14T01:00:00Z"); // the end
//! assert!(hour.flags().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`archive::read`] reads a file of the archive, packed or not, and passes on each
//!   [`Row`](archive::Row); [`archive::Report`] says what became of the others.
//! - [`Day`] takes the rows of a UTC day, of any number of sensors and in any order, and returns
//!   [`Readings`]: `store::Reading`s of `1h`, `day` and `24h`, each with the flags of its samples, and
//!   hours of temperature and humidity. [`Carried`] takes the hours from one day to the next.
//! - [`DaySamples`] is the rule alone, for the [`Sample`]s of one sensor: slots, hours, days, data
//!   capture and flags, described at its module, [`means`]. [`Fixed`] is a value of a sample.
//! - [`climate::Locations`] sets temperature and humidity beside particulates.
//! - [`neighbours::flag`] compares readings of one time with those of the sensors around them,
//!   by [limits](neighbours::Limits) of their model ([`Flagging`] says which flags are computed), and
//!   [`Plausibility`] rates a sensor by its last 60 days beside them.
//! - [`Scaling`] divides a sensor's concentrations by its usual ratio to its neighbours'.
//! - [`area::Statements`] says what the sensors of an area have in common at each time.
//!
//! The same samples make the same readings, whatever their order and however often they come.
//! Means are exact: there are no floating-point numbers but those of places.
//!
//! The feature `archive` (default) has the first four; what readings say beside each other needs no
//! files.
//!
//! Out of scope: fetching files, and storing readings.

#[cfg(feature = "archive")]
pub mod archive;
pub mod area;
#[cfg(feature = "archive")]
pub mod climate;
#[cfg(feature = "archive")]
mod day;
#[cfg(feature = "archive")]
mod error;
#[cfg(feature = "archive")]
mod fixed;
mod flagging;
#[cfg(feature = "archive")]
pub mod means;
pub mod neighbours;
pub mod plausibility;
pub mod scaling;

#[cfg(feature = "archive")]
pub use day::{Carried, Climate, Day, Readings};
#[cfg(feature = "archive")]
pub use error::{Error, ErrorKind};
#[cfg(feature = "archive")]
pub use fixed::{Fixed, NotFixed};
pub use flagging::Flagging;
#[cfg(feature = "archive")]
pub use means::{ClimateHour, DaySamples, Hours, Mean, Means, Sample, Source};
pub use plausibility::Plausibility;
pub use scaling::Scaling;
