//! What of a file was not passed on, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The maximum number of [notes](Report::notes) of one reason.
const NAMED: u64 = 5;

/// What became of the rows. Each is one of four:
/// `rows = kept + without_values + passed_over + refused`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The lines after the header of each file, without blank ones.
    pub rows: u64,
    /// Passed on.
    pub kept: u64,
    /// In files that have columns for values, but with none in this row.
    pub without_values: u64,
    /// In files without a column for P1, P2, temperature and humidity, such as those of noise.
    pub passed_over: u64,
    /// Without a readable sensor or timestamp, or with an odd quote.
    pub refused: u64,
    /// How often something was left out, by reason: of a row kept a value, say.
    pub reasons: BTreeMap<Reason, u64>,
    /// The first five of each reason.
    pub notes: Vec<Note>,
}

impl Report {
    pub(super) fn note(&mut self, reason: Reason, note: impl FnOnce() -> Note) {
        let count = self.reasons.entry(reason).or_default();
        *count += 1;
        if *count <= NAMED {
            self.notes.push(note());
        }
    }
}

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The row: its sensor is not an integer up to 2^63 - 1.
    BadSensor,
    /// The row: its timestamp is not one.
    BadTimestamp,
    /// The row: a quote is not closed in its cell, so its columns are not known.
    BadQuotes,
    /// The value: the cell is empty.
    Empty,
    /// The value: the row ends before its cell.
    NoCell,
    /// The value: the text is not a number (`nan`, `unavailable`, `%.1f`).
    NotANumber,
    /// The value: it is beyond ±9·10⁹.
    TooLarge,
    /// What describes the sensor: not a type, a location, or degrees.
    BadStation,
    /// A file within a zip archive: it is not of the archive.
    BadMember,
}

/// Something that was left out, for humans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Why.
    pub reason: Reason,
    /// The file within a zip archive.
    pub member: Option<Arc<str>>,
    /// The line, from 1; none if it is about the whole file.
    pub line: Option<u64>,
    /// What it is about, and the first characters of the text.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.member, self.line) {
            (Some(member), Some(line)) => write!(f, "{member}, line {line}: ")?,
            (Some(member), None) => write!(f, "{member}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.text)
    }
}
