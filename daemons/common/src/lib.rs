//! Shared parts of the daemons: the [`Clock`], the check of a reading's timestamp
//! ([`check_moment`]), the status of the feed ([`feed_status`]: written by the collector, published
//! by the server), the room on the disk ([`Disk`]), pushed measurements ([`push`]: received by the server, read and stored by
//! whatever knows the sensors), and the formatting of errors and hashes.
//!
//! Out of scope: HTTP, stores, queues and files, which have their own crates.

mod disk;
pub mod feed_status;
mod moment;
pub mod push;
mod store_watch;
mod text;

pub use disk::{Bounded, Disk, Taken, has_room_for_readings, is_disk_full};
pub use moment::{check_moment, last_moment};
pub use store_watch::StoreWatch;
pub use text::{hexadecimal, reason};

/// The time, passed as an argument.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
