//! Airshed on AWS: [`provision`] makes, changes, looks at and deletes a deployment, [`cost`]
//! says what a month of it costs.
//!
//! What this crate does not do: it collects and answers nothing itself. It knows the other
//! parts by what they keep on AWS, and by the names of their metrics.

pub mod cost;
pub mod provision;
