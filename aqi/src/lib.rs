//! Air-quality indices: concentrations in; index, category and explanation out.
//!
//! ```
//! use airshed_aqi::{Averaging, Concentration, Pollutant, Sample, Unit, daqi::DAQI};
//!
//! let pm10 = Concentration::parse("20.4", Unit::Microgram)?;
//! let pm25: Concentration = "35.5 µg/m³".parse()?;
//! let answer = DAQI.index(&[
//!     Sample::new(Pollutant::Pm10, Averaging::Day, pm10),
//!     Sample::new(Pollutant::Pm25, Averaging::Day, pm25),
//! ])?;
//!
//! assert_eq!(answer.to_string(), "4, Moderate");
//! assert!(answer.dominant().eq([Pollutant::Pm25]));
//! let same = DAQI.interval(Pollutant::Pm25, Averaging::Day, answer.index())?;
//! assert_eq!(same.expect("a row").to_string(), "35.5 to below 41.5 µg/m³");
//! # Ok::<(), airshed_aqi::Error>(())
//! ```
//!
//! - A [`Concentration`] is an exact decimal and its [`Unit`]; a [`Sample`] adds the pollutant and
//!   the averaging period. Floats are converted only by fallible functions.
//! - A [`Standard`] is a version of an authority's index: [`standards`] has all of them, by
//!   authority and as a list. [`Standard::index`] and [`Standard::sub_index`] compute,
//!   [`Standard::interval`] is the inverse, [`Standard::bulk`] processes many values.
//! - An [`Answer`] includes its explanation: its [`SubIndex`]es with row, rounded value and
//!   distance to the next [`Category`], the dominant and the missing pollutants. An [`Error`] is
//!   small, `Copy` and matchable.
//! - [`mean`] and [`nowcast`] compute the means that standards require, with their data-capture
//!   rules.
//!
//! Rounding, the bounds of rows, ties and the treatment of values above the table belong to each
//! standard; the documentation of each module distinguishes what the authority specifies from this
//! crate's interpretation. Where an authority leaves a choice, the alternative is a separate
//! [`Standard`] with a [`policy`](Standard::policy).
//!
//! Out of scope: storage, wire formats and clocks. The crate is `no_std`, never allocates, does not
//! compute with floats, and depends only on `rust_decimal` (and on `serde` with the feature of that
//! name; `std` enables that feature of both).
//!
//! # On a microcontroller
//!
//! `rust_decimal` links the crate `alloc`, so a firmware image needs a `#[global_allocator]`,
//! although this crate never calls it: one that always fails is sufficient. `aqi/firmware` in the
//! repository has one that fails to link if any code allocates, in two images: every function of
//! this crate (113 KiB of code and tables for a Cortex-M4), and a sensor with two standards (54
//! KiB). The decimals themselves allocate in their `Display` and in their parser; [`Concentration`]
//! and [`Interval`] format and parse them without allocation.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

mod answer;
mod averaging;
mod builder;
pub mod bulk;
mod category;
mod colour;
mod concentration;
pub mod daqi;
mod date;
mod decimal;
mod error;
mod index;
mod interval;
pub mod mean;
pub mod nowcast;
mod pollutant;
mod risk;
mod rounding;
mod scale;
mod standard;
pub mod standards;
mod sum;
mod table;
mod unit;
mod words;

pub use answer::{Answer, Row, SubIndex};
pub use averaging::{Averaging, Capture};
pub use category::{Advice, Category, Severity};
pub use colour::Colour;
pub use concentration::Concentration;
pub use date::Date;
pub use error::Error;
pub use index::Index;
pub use interval::Interval;
pub use pollutant::Pollutant;
pub use rounding::Rounding;
/// The decimal type of concentrations.
pub use rust_decimal::Decimal;
pub use scale::{End, Scale, Shape};
pub use standard::{Needs, Rule, Sample, Standard};
pub use standards::{au, ca, caqi, cn, de, eu, fr, hk, india, kr, sg, us, who};
pub use table::{Confidence, Content, Table};
pub use unit::{Temperature, Unit};
