use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::{Flags, Reading};

/// Which readings are included in statistics; the single definition of this rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// All readings.
    All,
    /// Readings without a flag of [`Flags::IMPLAUSIBLE`]. Means, medians and rankings also exclude
    /// [indoor and silent](LeftOut) sensors.
    Plausible,
}

impl Quality {
    /// `all` or `plausible`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Plausible => "plausible",
        }
    }

    /// The flags whose readings are excluded.
    pub const fn without(self) -> Flags {
        match self {
            Self::All => Flags::NONE,
            Self::Plausible => Flags::IMPLAUSIBLE,
        }
    }
}

impl FromStr for Quality {
    type Err = UnknownQuality;

    fn from_str(text: &str) -> Result<Self, UnknownQuality> {
        let found = [Self::All, Self::Plausible].into_iter().find(|known| known.name() == text);
        found.ok_or(UnknownQuality)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is not a [`Quality`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownQuality;

impl fmt::Display for UnknownQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the qualities are all and plausible")
    }
}

impl std::error::Error for UnknownQuality {}

/// Why a reading is excluded from means, medians and rankings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// The flags that make it implausible.
    pub flags: Flags,
    /// The sensor is indoors: it does not describe the outdoor air.
    pub indoor: bool,
    /// The sensor has been silent for [`SILENCE`](Self::SILENCE).
    pub silent: bool,
}

impl LeftOut {
    /// A sensor whose newest reading is older than this does not describe the present.
    pub const SILENCE: SignedDuration = SignedDuration::from_hours(24);

    /// Why a reading is excluded from a mean of plausible readings; `heard` is the timestamp of the
    /// sensor's newest reading, `now` the reference time of the mean: the present, or the end of a
    /// past time range.
    pub fn of(reading: &Reading, heard: Timestamp, now: Timestamp) -> Self {
        Self {
            flags: reading.flags().intersection(Flags::IMPLAUSIBLE),
            indoor: reading.indoor == Some(true),
            silent: now.duration_since(heard) > Self::SILENCE,
        }
    }

    /// Whether the reading is included.
    pub fn is_empty(self) -> bool {
        self.flags.is_empty() && !self.indoor && !self.silent
    }

    /// The reasons: the names of the flags, `indoor`, `silent`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let others = [(self.indoor, "indoor"), (self.silent, "silent")];
        let others = others.into_iter().filter(|(is, _)| *is).map(|(_, name)| name);
        self.flags.names().chain(others)
    }
}
