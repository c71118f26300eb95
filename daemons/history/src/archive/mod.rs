//! Reads the files of Sensor.Community's archive (<https://archive.sensor.community>).
//!
//! - There is one file per sensor and day, such as `2021-02-14_sds011_sensor_41201.csv`, compressed
//!   with gzip for older years, and one zip archive per sensor type and month. The format is
//!   detected from the content. Months in Parquet, read with the feature `parquet`, have the same
//!   columns, as text or of any other type.
//! - CSV with `;` as separator, `.` as decimal point and a header. Sensor types differ in their
//!   columns, which are found by name, in any order: `sensor_id` and `timestamp` are required;
//!   `sensor_type`, `location`, `lat`, `lon`, `P1` (PM10), `P2` (PM2.5), `temperature` and
//!   `humidity` are read; all others are ignored.
//! - Each line is a row, so a damaged one never affects others. A number beyond ±9·10⁹, which a store
//!   cannot hold, is no value: it is [counted](Reason::TooLarge) and not part of a mean. Cells may be quoted, but cannot
//!   contain a `;` or a line break.
//! - Whether a sensor is indoors is known only from the file name.
//!
//! [`read`] passes on each [`Row`] and counts in a [`Report`] what it left out, and why.

mod cell;
#[cfg(feature = "parquet")]
mod columnar;
mod line;
mod report;
mod unpack;

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use aqi::Decimal;
use store::SensorType;

use crate::{Error, Fixed};

pub use report::{Note, Reason, Report};

/// One row of a file that has at least one value.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The number of the sensor, at most 2^63 - 1.
    pub sensor: u64,
    /// The sensor's attributes; the same `Arc` as in the previous row if they are the same.
    pub station: &'a Arc<Station>,
    /// UTC seconds since 1970; a fraction of a second is cut.
    pub second: i64,
    /// PM10 and PM2.5 in µg/m³; numbers of particles if the sensor's type
    /// [counts](SensorType::counts_particles).
    pub particulates: [Option<Fixed>; 2],
    /// Temperature in °C and relative humidity in %.
    pub climate: [Option<Fixed>; 2],
}

/// The attributes of a sensor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Station {
    /// The model; [`SensorType::UNKNOWN`] where it is missing, [`SensorType::UNREADABLE`] where it
    /// cannot be read.
    pub sensor_type: SensorType,
    /// The number of the location, at most 2^63 - 1.
    pub location: Option<u64>,
    /// Degrees north (WGS 84).
    pub latitude: Option<Decimal>,
    /// Degrees east (WGS 84).
    pub longitude: Option<Decimal>,
    /// Whether the sensor is indoors; unknown if the file is not named like one of the archive.
    pub indoor: Option<bool>,
}

/// Reads a file row by row until its end, or until `each` returns `Break`. `name` is the file's
/// name, path or URL, which tells whether the sensor is indoors, as do the names of files in a zip
/// archive.
///
/// Rows without a value, or without a valid sensor or timestamp, are not passed on but counted. The
/// counts are added to `report`, so one report can cover several files.
///
/// [`Invalid`](crate::ErrorKind::Invalid) if it is not an archive file,
/// [`Damaged`](crate::ErrorKind::Damaged) if it is damaged or truncated,
/// [`Cut`](crate::ErrorKind::Cut) if its last row has no line break and fewer cells than the header,
/// and [`Io`](crate::ErrorKind::Io) on a read error, after the preceding rows were passed on. Of a
/// compressed file that is damaged or truncated no row is: damage turns into rows that nobody measured.
/// In a zip archive the files before the damaged one count, files that are not of the archive are left out and reported, unless none is, and one that
/// is cut does not stop the others.
///
/// ```
/// use std::ops::ControlFlow;
/// use airshed_history::archive::{Report, read};
///
/// let file = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n\
///             41201;SDS011;20955;51.214;7.018;2021-02-14T00:01:12;14.31;;;9.87;;\n\
///             41201;SDS011;20955;51.214;7.018;2021-02-14T00:03:40;nan;;;%.1f;;\n";
/// let (mut report, mut rows) = (Report::default(), 0);
/// read(file.as_bytes(), "2021-02-14_sds011_sensor_41201_indoor.csv", &mut report, &mut |row| {
///     assert_eq!((row.sensor, row.station.location), (41201, Some(20955)));
///     assert_eq!(row.station.indoor, Some(true));
///     rows += 1;
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!((rows, report.rows, report.without_values), (1, 2, 1));
/// assert_eq!(report.notes[0].to_string(), "line 3: P1 `nan` is not a number");
/// # Ok::<(), airshed_history::Error>(())
/// ```
pub fn read(
    input: impl Read,
    name: &str,
    report: &mut Report,
    each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let file = unpack::File { member: None, indoor: indoor(name) };
    let mut input = Watched { input, has_failed: false };
    match unpack::read(&mut input, &file, 0, report, each) {
        Ok(_) => Ok(()), // the caller knows whether it stopped
        Err(error) if input.has_failed => Err(error),
        Err(error) => Err(error.of_file()),
    }
}

/// Remembers whether reading failed: if it did not, the file is at fault.
struct Watched<R> {
    input: R,
    has_failed: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer);
        self.has_failed |=
            read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}

/// Whether a file's name says that its sensor is indoors.
fn indoor(path: &str) -> Option<bool> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_ascii_lowercase();
    match name.contains("_indoor") {
        true => Some(true),
        false => name.contains("_sensor_").then_some(false),
    }
}
