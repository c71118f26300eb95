use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::{Flags, Reading};

/// Which readings count where several are taken together: the one place that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// All of them.
    All,
    /// Those without a flag of [`Flags::IMPLAUSIBLE`]. Means, medians and rankings leave
    /// out [indoor and silent](LeftOut) sensors as well.
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

    /// The flags whose readings are left out.
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

/// The text is no [`Quality`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownQuality;

impl fmt::Display for UnknownQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the qualities are all and plausible")
    }
}

impl std::error::Error for UnknownQuality {}

/// Why a reading is in no mean, median or ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// What makes it implausible.
    pub flags: Flags,
    /// The sensor stands indoors: it does not describe the air outside.
    pub indoor: bool,
    /// The sensor has been silent for [`SILENCE`](Self::SILENCE).
    pub silent: bool,
}

impl LeftOut {
    /// A sensor whose newest reading is older than this does not describe the present.
    pub const SILENCE: SignedDuration = SignedDuration::from_hours(24);

    /// Why a reading is left out of a mean over plausible readings; `heard` is the newest
    /// reading of its sensor, `now` the moment that the mean is about: the present, or the end
    /// of a span of the past.
    pub fn of(reading: &Reading, heard: Timestamp, now: Timestamp) -> Self {
        Self {
            flags: reading.flags().intersection(Flags::IMPLAUSIBLE),
            indoor: reading.indoor == Some(true),
            silent: now.duration_since(heard) > Self::SILENCE,
        }
    }

    /// Whether the reading is in.
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
