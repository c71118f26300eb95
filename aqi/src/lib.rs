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
//! - A [`Concentration`] is an exact decimal and its [`Unit`]; a [`Sample`] says of what and
//!   over which span of time. Floats come in only by a conversion that can refuse.
//! - A [`Standard`] is one authority's index at one time: [`standards`] has them all, by
//!   authority and as a list. [`Standard::index`] and [`Standard::sub_index`] answer,
//!   [`Standard::interval`] leads back, [`Standard::bulk`] does many at once.
//! - An [`Answer`] explains itself: its [`SubIndex`]es with row, rounded value and distance
//!   to the next [`Category`], what dominates, what is missing. An [`Error`] is a refusal:
//!   small, `Copy`, matchable.
//! - [`mean`] and [`nowcast`] make the means that standards ask for, with their capture
//!   rules.
//!
//! Rounding, the ends of rows, ties and what happens above the top belong to each standard,
//! and each module's page says which of it is stated and which is this crate's reading.
//! Where an authority leaves a choice, the other reading is a [`Standard`] of its own with a
//! [`policy`](Standard::policy).
//!
//! What this crate is not: it keeps nothing, knows no wire format and reads no clock. It is
//! `no_std`, never allocates, computes with no float, and depends on `rust_decimal` alone
//! (and on `serde` behind the feature of that name; `std` turns on that of both).
//!
//! # On a microcontroller
//!
//! `rust_decimal` names the crate `alloc`, so rustc asks whoever links a firmware image for a
//! `#[global_allocator]`, although nothing here calls it: one that always refuses will do.
//! `aqi/firmware` in the repository has one that cannot be linked at all if anything were to
//! allocate, in two images: every function of this crate (113 KiB of code and tables for a
//! Cortex-M4), and a sensor with two standards (54 KiB). The decimals themselves allocate in
//! their own `Display` and in their parser; [`Concentration`] and [`Interval`] print and read
//! them without.

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
/// The decimal type that concentrations are made of.
pub use rust_decimal::Decimal;
pub use scale::{End, Scale, Shape};
pub use standard::{Needs, Rule, Sample, Standard};
pub use standards::{au, ca, caqi, cn, de, eu, fr, hk, india, kr, sg, us, who};
pub use table::{Confidence, Content, Table};
pub use unit::{Temperature, Unit};
