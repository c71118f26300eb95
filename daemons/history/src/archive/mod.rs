//! Reads the files of Sensor.Community's archive (<https://archive.sensor.community>).
//!
//! - One file a sensor and day, `2021-02-14_sds011_sensor_41201.csv`; older ones compressed with
//!   gzip; one zip archive a type and month. What a file is, is found by its content.
//! - `;` between cells, `.` in numbers, a header line; other types of sensors have other columns.
//!   Names decide, in any order: `sensor_id` and `timestamp` have to be there; `sensor_type`,
//!   `location`, `lat`, `lon`, `P1` (PM10), `P2` (PM2.5), `temperature` and `humidity` are read;
//!   all others are passed over.
//! - A row is a line: a damaged one never takes others with it. Cells can be quoted, but not
//!   contain a `;` or a line break.
//! - Whether a sensor is indoors is known from the name of its file alone.
//!
//! [`read`] passes each [`Row`] on, and adds to a [`Report`] what was not passed on, and why.

mod cell;
mod line;
mod report;
mod unpack;

use std::io::Read;
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
    /// What describes the sensor: the same `Arc` as in the row before, if it is the same.
    pub station: &'a Arc<Station>,
    /// UTC seconds since 1970; a fraction of a second is cut.
    pub second: i64,
    /// PM10 and PM2.5 in µg/m³; numbers of particles if the sensor's type
    /// [counts](SensorType::counts_particles).
    pub particulates: [Option<Fixed>; 2],
    /// Temperature in °C and relative humidity in %.
    pub climate: [Option<Fixed>; 2],
}

/// What describes a sensor.
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
    /// Whether the sensor is indoors; unknown where the file's name does not say which sensor it
    /// has.
    pub indoor: Option<bool>,
}

/// Reads a file row by row, until it ends or `each` breaks off. Its name, or its path or URL, says
/// whether the sensor is indoors; the names of the files in a zip archive count as well.
///
/// Rows without P1, P2, temperature and humidity are not passed on, and neither are those without
/// a readable sensor or timestamp: the report has their number. It is added to, so one report may
/// be of several files.
///
/// [`Invalid`](crate::ErrorKind::Invalid) if it is not a file of the archive,
/// [`Damaged`](crate::ErrorKind::Damaged) if it is damaged or truncated, and
/// [`Io`](crate::ErrorKind::Io) on a read error, after the preceding rows were passed on. In a zip
/// archive, files that are not of the archive are left out and reported, unless none is.
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
    mut input: impl Read,
    name: &str,
    report: &mut Report,
    each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let file = unpack::File { member: None, indoor: indoor(name) };
    let _ = unpack::read(&mut input, &file, 0, report, each)?; // the caller knows whether it stopped
    Ok(())
}

/// Whether a file's name says that its sensor is indoors.
fn indoor(path: &str) -> Option<bool> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_ascii_lowercase();
    match name.contains("_indoor") {
        true => Some(true),
        false => name.contains("_sensor_").then_some(false),
    }
}
