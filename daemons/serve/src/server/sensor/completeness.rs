//! How many days of a month a sensor has.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};
use store::{Flags, Reading, Window};

/// The days of a calendar month (UTC) that a sensor has readings of: a reading is of the day in
/// which its averaging period ends, of two days at midnight of the earlier one.
pub(super) struct Month {
    /// Its first day.
    first: Date,
    /// A bit for each day: with a valid daily mean; with any daily mean; with any reading.
    valid: u32,
    daily: u32,
    any: u32,
}

/// The months from that of a reading, back to the year 0.
pub(super) fn months_before(newest: Timestamp) -> impl Iterator<Item = Month> {
    let newest = day_of(newest).first_of_month();
    let earlier = |first: &Date| first.checked_sub(1.month()).ok();
    let months = std::iter::successors(Some(newest), earlier);
    months.map(|first| Month { first, valid: 0, daily: 0, any: 0 })
}

impl Month {
    pub(super) fn add(&mut self, reading: &Reading) {
        let day = 1 << day_of(reading.timestamp).day();
        self.any |= day;
        if reading.window == Window::Day {
            self.daily |= day;
            self.valid |= if reading.flags().contains(Flags::LOW_CAPTURE) { 0 } else { day };
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.any == 0
    }

    /// The first second at which an averaging period of the month can end.
    pub(super) fn from(&self) -> Timestamp {
        midnight(self.first).saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX)
    }

    /// The last one.
    pub(super) fn until(&self) -> Timestamp {
        self.first.checked_add(1.month()).map_or(Timestamp::MAX, midnight)
    }

    /// Such as `2018-02`.
    pub(super) fn name(&self) -> String {
        self.first.strftime("%Y-%m").to_string()
    }

    /// The number of days: with a valid daily mean, or, in a month without daily means, with any
    /// reading.
    pub(super) fn days(&self) -> u32 {
        let days = if self.daily == 0 { self.any } else { self.valid };
        days.count_ones()
    }

    /// The number of days of the month.
    pub(super) fn length(&self) -> i8 {
        self.first.days_in_month()
    }

    /// Whether days are those with a valid daily mean.
    pub(super) fn has_daily_means(&self) -> bool {
        self.daily != 0
    }

    pub(super) fn json(&self) -> Value {
        let basis = if self.has_daily_means() { "day" } else { "any" };
        json!({ "month": self.name(), "days": self.days(), "of": self.length(), "basis": basis })
    }
}

/// The UTC day of an averaging period that ends then.
fn day_of(end: Timestamp) -> Date {
    let within = end.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(end);
    TimeZone::UTC.to_datetime(within).date()
}

fn midnight(date: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}
