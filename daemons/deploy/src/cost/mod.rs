//! Monthly cost on AWS: estimated from the workload, or computed from the counters of a running
//! system, and compared with the report's design for the same workload.
//!
//! [`Work`] is the workload; [`usage`] computes its usage, line by line, each with its formula;
//! [`Prices`] has the price of a line; [`Bill`] is the total; [`savings_for`] finds settings to get
//! under a budget; [`Counters`] are those of a running system.

mod bill;
mod budget;
mod measured;
mod prices;
pub mod usage;

pub use bill::{Bill, Charge, FreeTier};
pub use budget::{Saving, savings_for};
pub use measured::{BadCounters, Counters};
pub use prices::{BUILT_IN as PRICES, BadPrices, Prices};
pub use usage::{Line, MONTH_DAYS, MONTH_HOURS};

/// The workload and the system.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Number of sensors in the feed.
    pub sensors: f64,
    /// Fetches of the feed per day.
    pub fetches: f64,
    /// Number of countries with sensors.
    pub countries: f64,
    /// Queries per day.
    pub queries: f64,
    /// Average number of rows in a response.
    pub rows: f64,
    /// The fraction of queries that become jobs, from 0 to 1.
    pub jobs: f64,
    /// Retention period of readings in days.
    pub kept_days: f64,
    /// Days of past readings that are backfilled within the month.
    pub backfilled_days: f64,
    /// Retention period of results in hours.
    pub kept_result_hours: f64,
    /// Capacity mode of the table.
    pub capacity: Capacity,
    /// Average number of server machines.
    pub servers: f64,
    /// Average number of worker machines; less than one if they stop when idle.
    pub workers: f64,
    /// Instance type of the machines.
    pub instance: String,
    /// Whether a load balancer is in front of the servers.
    pub balancer: bool,
    /// Whether metrics are sent to CloudWatch every minute.
    pub cloudwatch: bool,
}

/// How the table is billed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Capacity {
    /// On demand, per request.
    OnDemand,
    /// Provisioned: units per second, for the table and for its index each.
    Provisioned {
        /// Read capacity units.
        read: f64,
        /// Write capacity units.
        write: f64,
    },
}

impl Work {
    /// Readings stored per day.
    pub fn readings(&self) -> f64 {
        self.sensors * self.fetches
    }

    /// Number of machines: servers, workers, and one for the collector.
    pub fn machines(&self) -> f64 {
        self.servers + self.workers + 1.0
    }
}
