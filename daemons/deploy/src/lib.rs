//! Airshed on AWS: [`provision`] creates, updates, inspects and deletes a deployment; [`cost`]
//! computes its monthly cost.
//!
//! Out of scope: collecting readings and answering queries. This crate knows the other parts only
//! by their AWS resources and by the names of their metrics.

pub mod cost;
pub mod provision;
