//! Readings as GeoJSON (RFC 7946): a feature collection, one point for each reading, longitude
//! first; `geometry` is `null` if the location is unknown. The properties are the members of
//! [`json`](crate::json), without the coordinates; if only one coordinate is known, it is a
//! property, since it is not a point.

use crate::csv::cell::{Date, write_decimal};
use crate::json::{Style, write_object};
use crate::{Column, Row};

/// Appends a row as a feature.
pub(crate) fn write_feature(
    out: &mut Vec<u8>,
    row: Row<'_>,
    date: &Date,
    properties: &[Column],
    style: Style<'_>,
) {
    out.extend_from_slice(br#"{"type":"Feature","geometry":"#);
    match (row.longitude(), row.latitude()) {
        (Some(longitude), Some(latitude)) => {
            out.extend_from_slice(br#"{"type":"Point","coordinates":["#);
            write_decimal(out, Some(longitude), b'.');
            out.push(b',');
            write_decimal(out, Some(latitude), b'.');
            out.extend_from_slice(b"]}");
        }
        _ => out.extend_from_slice(b"null"),
    }
    let half = match (row.longitude(), row.latitude()) {
        (Some(_), None) => Some(Column::Longitude),
        (None, Some(_)) => Some(Column::Latitude),
        _ => None,
    };
    out.extend_from_slice(br#","properties":"#);
    match half {
        None => write_object(out, row, date, properties, style),
        Some(half) => {
            let properties = [properties, &[half]].concat();
            write_object(out, row, date, &properties, style);
        }
    }
    out.push(b'}');
}
