//! What several of the daemons need, and none of them owns: the [`Clock`], which moments a
//! reading can be of ([`check_moment`]), how the feed is doing ([`feed_status`]: the collector
//! writes it, the server shows it), and errors and hashes in words.
//!
//! What this crate does not do: it knows no HTTP, no store, no queue and no file; whatever
//! needs one of them has a crate of its own.

pub mod feed_status;
mod moment;
mod store_watch;
mod text;

pub use moment::{CLOCK_TOLERANCE, check_moment};
pub use store_watch::StoreWatch;
pub use text::{hexadecimal, reason};

/// The time, as an argument.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
