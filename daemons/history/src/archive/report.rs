//! Counts what was left out of a file, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The maximum number of [notes](Report::notes) of one reason.
const NAMED: u64 = 5;

/// Counts of rows:
/// `rows = kept + without_values + passed_over + refused`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Lines after the header, except blank ones.
    pub rows: u64,
    /// Passed on.
    pub kept: u64,
    /// Rows without a readable value.
    pub without_values: u64,
    /// Rows of files without a column of P1, P2, temperature or humidity, such as those of noise
    /// sensors.
    pub passed_over: u64,
    /// Rows with an invalid sensor or timestamp or an unbalanced quote, and a row that was cut.
    pub refused: u64,
    /// How often something was left out (a row, a value, an attribute), by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// The first five for each reason.
    pub notes: Vec<Note>,
}

impl Report {
    /// Names the file in its notes, unless they name a file of a zip archive.
    pub fn name(&mut self, name: &str) {
        for note in &mut self.notes {
            note.member.get_or_insert_with(|| Arc::from(name));
        }
    }

    /// Adds the counts of other files.
    pub fn merge(&mut self, other: Self) {
        let Self { rows, kept, without_values, passed_over, refused, reasons, notes } = other;
        self.rows += rows;
        self.kept += kept;
        self.without_values += without_values;
        self.passed_over += passed_over;
        self.refused += refused;
        for (reason, count) in reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        for note in notes {
            let known = self.notes.iter().filter(|known| known.reason == note.reason).count();
            if (known as u64) < NAMED {
                self.notes.push(note);
            }
        }
    }

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
    /// Row: the sensor id is not an integer up to 2^63 - 1.
    BadSensor,
    /// Row: the timestamp is invalid.
    BadTimestamp,
    /// Row: a cell has an unbalanced quote, so the columns may be shifted.
    BadQuotes,
    /// Row: the file ends within it.
    Cut,
    /// Value: the cell is empty.
    Empty,
    /// Value: the row ends before its cell.
    NoCell,
    /// Value: the text is not a number (`nan`, `unavailable`, `%.1f`).
    NotANumber,
    /// Value: it is beyond ±9·10⁹.
    TooLarge,
    /// Attribute: an invalid sensor type, location, latitude or longitude.
    BadStation,
    /// A member of a zip archive that is not an archive file.
    BadMember,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadSensor => "rows with an invalid sensor id",
            Self::BadTimestamp => "rows with an invalid timestamp",
            Self::BadQuotes => "rows with an unbalanced quote",
            Self::Cut => "files that end within a row",
            Self::Empty => "empty values",
            Self::NoCell => "values after the end of their row",
            Self::NotANumber => "values that are not numbers",
            Self::TooLarge => "values beyond ±9·10⁹",
            Self::BadStation => "invalid types, locations and coordinates",
            Self::BadMember => "members of zip archives that are not archive files",
        })
    }
}

/// Something that was left out, for humans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Why.
    pub reason: Reason,
    /// The file: the member of a zip archive, or the [named](Report::name) one.
    pub member: Option<Arc<str>>,
    /// The line, in Parquet the row, from 1; none if it is about the whole file.
    pub line: Option<u64>,
    /// A description with the first characters of the text.
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
