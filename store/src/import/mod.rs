//! Reads readings from files: all formats of [`Encoder`](crate::Encoder), and the variants that
//! other programs write.
//!
//! The format is detected from the content. [`read`] accepts CSV (commas, semicolons or tabs,
//! decimal points or commas), NDJSON, JSON arrays, GeoJSON, Parquet and Arrow, each also compressed
//! with gzip, zstd or zip, and names the type of any other file.
//!
//! Columns can be in any order; unknown columns are ignored and listed; `sensor_id`, `window` and
//! `timestamp` are required. A comma within a number is a decimal comma in CSV with semicolons or
//! tabs, and invalid elsewhere. Timestamps without an offset are UTC. An unreadable field is left
//! out, and named in [`ImportedRow::left_out`]; a row is refused if that leaves no identity, or
//! neither `P1` nor `P2`. `AQI`, `Range` and `flags` are recomputed: if the file differs,
//! [`ImportedRow::differs`] names the column.

pub(crate) mod cells;
#[cfg(feature = "import")]
mod columnar;
#[cfg(feature = "import")]
mod json;
#[cfg(feature = "import")]
mod kind;
#[cfg(not(feature = "import"))]
mod plain;
#[cfg(feature = "import")]
mod unpack;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use self::cells::{IDENTITY, column_named, shown};
#[cfg(not(feature = "import"))]
pub use self::plain::read;
#[cfg(feature = "import")]
pub use self::unpack::read;
use crate::{Column, Error, ErrorKind, Reading};

/// A callback for each row, which can stop the import.
pub type Each<'a> = &'a mut dyn FnMut(Result<ImportedRow, RowError>) -> ControlFlow<()>;

/// A valid row.
#[derive(Debug)]
pub struct ImportedRow {
    /// Its position in the file.
    pub place: Place,
    /// The reading.
    pub reading: Reading,
    /// Whether it names its network; if not, the sensor belongs to the default network.
    pub names_network: bool,
    /// The fields that could not be read.
    pub left_out: Vec<FieldError>,
    /// The first of `AQI`, `Range` and `flags` that differs from the recomputed value.
    pub differs: Option<Column>,
}

/// A field that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field.
    pub column: Column,
    /// The beginning of its text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}`: {}", self.column.name(), self.text, self.reason)
    }
}

/// The position of a row in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file within an archive.
    member: Option<Arc<str>>,
    position: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// From 1, the header included.
    Line(u64),
    /// From 1, in files without lines.
    #[cfg(feature = "import")]
    Row(u64),
    /// All of a member.
    #[cfg(feature = "import")]
    Whole,
}

impl Place {
    pub(crate) fn line(number: u64) -> Self {
        Self { member: None, position: Position::Line(number) }
    }
}

#[cfg(feature = "import")]
impl Place {
    fn row(number: u64) -> Self {
        Self { member: None, position: Position::Row(number) }
    }

    fn member(name: &Arc<str>) -> Self {
        Self { member: Some(Arc::clone(name)), position: Position::Whole }
    }

    /// The position in a file of an archive.
    fn within(self, name: &Arc<str>) -> Self {
        Self { member: Some(Arc::clone(name)), ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.member.as_deref().map(shown);
        let space = if member.is_some() { " " } else { "" };
        f.write_str(&member.unwrap_or_default())?;
        match self.position {
            Position::Line(number) => write!(f, "{space}line {number}"),
            #[cfg(feature = "import")]
            Position::Row(number) => write!(f, "{space}row {number}"),
            #[cfg(feature = "import")]
            Position::Whole => Ok(()),
        }
    }
}

/// Why a row was refused.
#[derive(Debug)]
pub struct RowError {
    place: Place,
    message: String,
}

impl RowError {
    /// A valid row that the caller refuses.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }

    /// The position of the row.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for RowError {}

/// The unknown columns, or members, of a file, which were ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others(Vec<String>);

impl Others {
    /// Maximum number of names, for files whose members vary.
    const MOST: usize = 100;

    fn add(&mut self, name: &str) {
        let name = shown(name.trim());
        if !name.is_empty() && self.0.len() < Self::MOST && !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    /// The distinct names, truncated.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// A file on which a library panics: the panic of [`read`] is the cause.
pub fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Damaged, "a damaged file, which cannot be read").because(cause)
}

/// The known columns of a table, by position.
///
/// [`Invalid`](ErrorKind::Invalid), with a description of the table, if it has no readings.
pub(crate) fn columns_of<'a>(
    kind: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Vec<Option<Column>>, Error> {
    let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
    let columns: Vec<_> = names.clone().map(column_named).collect();
    let has = |column: Column| columns.contains(&Some(column));
    let mut missing: Vec<_> =
        IDENTITY.into_iter().filter(|column| !has(*column)).map(Column::name).collect();
    let is = |name: &str| names.clone().any(|other| other.trim() == name);
    if !missing.is_empty() && has(Column::SensorId) && is("lat") && is("lon") {
        let archive =
            "an archive file of Sensor.Community, whose samples `airshed backfill` averages";
        return Err(invalid(archive.to_owned()));
    }
    if !has(Column::P1) && !has(Column::P2) {
        missing.push("P1 or P2");
    }
    if !missing.is_empty() {
        const SHOWN: usize = 20;
        let shown: Vec<_> = names.clone().take(SHOWN).map(|name| shown(name.trim())).collect();
        let more = if columns.len() > SHOWN { ", …" } else { "" };
        let verb = if missing.len() == 1 { "is" } else { "are" };
        return Err(invalid(format!(
            "{kind} with the columns {}{more}, of which {} {verb} missing; an export with all \
             columns has them",
            shown.join(", "),
            missing.join(", "),
        )));
    }
    let twice = columns
        .iter()
        .flatten()
        .find(|column| columns.iter().filter(|other| other.as_ref() == Some(column)).count() > 1);
    match twice {
        Some(column) => Err(invalid(format!("{kind} with two columns {}", column.name()))),
        None => Ok(columns),
    }
}

#[cfg(feature = "import")]
fn broken(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot be read to its end").because(error)
}

#[cfg(feature = "import")]
fn invalid(what: String) -> Error {
    Error::new(ErrorKind::Invalid, what)
}
