//! What a month on AWS costs: estimated from the work to be done, or from what a running
//! system has counted, and beside it what the report's own design would use for the same.
//!
//! [`Work`] is what is to be done; [`usage`] says what that uses, line by line, each with its
//! formula; [`Prices`] says what a line costs; [`Bill`] is the sum; [`ways_under`] looks for
//! what gets it under a budget; [`Counters`] are a running system's.

mod bill;
mod budget;
mod measured;
mod prices;
pub mod usage;

pub use bill::{Bill, Charge, FreeTier};
pub use budget::{Way, ways_under};
pub use measured::{BadCounters, Counters};
pub use prices::{BUILT_IN as PRICES, BadPrices, Prices};
pub use usage::{Line, MONTH_DAYS, MONTH_HOURS};

/// What is to be done, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Sensors in the feed's file.
    pub sensors: f64,
    /// Fetches of the feed a day.
    pub fetches: f64,
    /// Countries that the sensors are in.
    pub countries: f64,
    /// Queries a day.
    pub queries: f64,
    /// Rows in the answer to a query, on average.
    pub rows: f64,
    /// The part of the queries that is answered by jobs, from 0 to 1.
    pub jobs: f64,
    /// Days that a reading is kept.
    pub kept_days: f64,
    /// Hours that a result is kept.
    pub kept_result_hours: f64,
    /// How much the table can take.
    pub capacity: Capacity,
    /// Machines for servers, on average.
    pub servers: f64,
    /// Machines for workers, on average; less than one where they end when idle.
    pub workers: f64,
    /// What the machines are.
    pub instance: String,
    /// Whether a load balancer stands before the servers.
    pub balancer: bool,
    /// Whether CloudWatch is told, every minute.
    pub cloudwatch: bool,
}

/// How the table is paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Capacity {
    /// By request.
    OnDemand,
    /// By so many units a second, of the table and of its index.
    Provisioned {
        /// Read capacity units.
        read: f64,
        /// Write capacity units.
        write: f64,
    },
}

impl Work {
    /// Readings that are kept a day.
    pub fn readings(&self) -> f64 {
        self.sensors * self.fetches
    }

    /// Machines: those for servers and workers, and one for the collector.
    pub fn machines(&self) -> f64 {
        self.servers + self.workers + 1.0
    }
}
