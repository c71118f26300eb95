//! Air-quality indices: concentrations in; index, band and explanation out.
//!
//! ```
//! use aqi::{Band, Concentration, Pollutant, daqi};
//!
//! let pm10: Concentration = "20.4".parse()?; // µg/m³, a 24-hour mean
//! let pm25: Concentration = "35.5".parse()?;
//! let answer = daqi::index(&[(Pollutant::Pm10, pm10), (Pollutant::Pm25, pm25)])?;
//!
//! assert_eq!(answer.index().get(), 4);
//! assert_eq!(answer.band(), Band::Moderate);
//! assert!(answer.dominant().eq([Pollutant::Pm25]));
//! # Ok::<(), aqi::Error>(())
//! ```
//!
//! - [`Concentration`] is a non-negative exact decimal in µg/m³. Floats are not
//!   accepted: what `9.05f32` means is for the caller to decide.
//! - [`daqi`] is the UK Daily Air Quality Index: [`daqi::sub_index`] for one
//!   pollutant, [`daqi::index`] for several, [`daqi::interval`] for the way back.
//! - [`Index`] (1 to 10) and [`Band`] are its answers, [`Daqi`](daqi::Daqi)
//!   explains one. [`Error`] is a refusal: small, `Copy`, matchable.
//!
//! What this crate is not: it does no averaging over time, keeps nothing, knows no
//! wire format and reads no clock. It is `no_std`, never allocates, and depends on
//! `rust_decimal` alone (and on `serde` behind the feature of that name).

#![no_std]
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

mod concentration;
pub mod daqi;
mod error;
mod pollutant;

pub use concentration::Concentration;
pub use daqi::{Band, Index};
pub use error::Error;
pub use pollutant::Pollutant;
/// The decimal type that concentrations are made of.
pub use rust_decimal::Decimal;
