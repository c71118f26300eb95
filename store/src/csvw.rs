//! Descriptions of CSV files, by *Metadata Vocabulary for Tabular Data* (W3C recommendation, 2015,
//! <https://www.w3.org/TR/tabular-metadata/>).

use serde_json::{Map, Value, json};

use crate::csv::{Dialect, name_of_local_times};
use crate::metadata::{LIMITS, SOFTWARE, TITLE};
use crate::{Column, Kind, Metadata, Spelling};

pub(crate) fn document(
    metadata: &Metadata,
    dialect: Dialect,
    columns: &[Column],
    url: &str,
    with_comments: bool,
) -> Value {
    let licences: Vec<_> = metadata.licences().iter().map(|url| json!({ "@id": url })).collect();
    let mut table = json!({
        "@context": ["http://www.w3.org/ns/csvw", { "@language": "en" }],
        "url": url,
        "dc:title": TITLE,
        "dc:description": LIMITS.join(" "),
        "dc:rights": metadata.credit(),
        "dc:provenance": SOFTWARE,
        "dialect": {
            "delimiter": dialect.delimiter().to_string(),
            "encoding": "utf-8",
            "header": true,
            "lineTerminators": ["\n"],
        },
        "tableSchema": {
            "columns": columns.iter().map(|each| column(*each, dialect, metadata.zone_name())).collect::<Vec<_>>(),
        },
        "notes": [metadata.to_object()],
    });
    if !licences.is_empty() {
        table["dc:license"] = licences.into();
    }
    if let (Some(from), Some(until)) = metadata.time_range() {
        table["dc:temporal"] = format!("{from}/{until}").into();
    }
    if with_comments {
        table["dialect"]["commentPrefix"] = "#".into();
    }
    if let Some(key) = primary_key(metadata, columns) {
        table["tableSchema"]["primaryKey"] = key.into();
    }
    table
}

fn column(column: Column, dialect: Dialect, zone: Option<&str>) -> Value {
    let mut described = Map::new();
    let mut set = |name: &str, value: Value| drop(described.insert(name.to_owned(), value));
    set("name", column.name().into());
    match zone.filter(|_| column == Column::Timestamp) {
        None => {
            set("titles", column.name().into());
            set("dc:description", column.description().into());
        }
        Some(zone) => {
            let is_local = dialect.spelling() != Spelling::Default;
            let name = if is_local { name_of_local_times(zone) } else { column.name().to_owned() };
            set("titles", name.into());
            let description = column.description().trim_end_matches('.');
            set("dc:description", format!("{description}, in the time zone {zone}.").into());
        }
    }
    set("datatype", datatype(column, dialect));
    if let Some(unit) = column.unit() {
        set("schema:unitText", unit.into());
    }
    match column.kind() {
        // No flags are no value to whoever reads cells, so the column is not `required`.
        Kind::Flags => set("separator", " ".into()),
        _ if column.is_always_there() => set("required", true.into()),
        _ => {}
    }
    Value::Object(described)
}

fn datatype(column: Column, dialect: Dialect) -> Value {
    match column.kind() {
        Kind::Id | Kind::Count | Kind::Index => json!({ "base": "nonNegativeInteger" }),
        Kind::Decimal if dialect.decimal_point() == '.' => json!({ "base": "decimal" }),
        Kind::Decimal => {
            let point = dialect.decimal_point().to_string();
            json!({ "base": "decimal", "format": { "decimalChar": point } })
        }
        Kind::Text | Kind::Flags => json!({ "base": "string" }),
        Kind::Truth => json!({ "base": "boolean", "format": "1|0" }),
        Kind::Timestamp => match dialect.spelling() {
            Spelling::Default => json!({ "base": "dateTimeStamp" }),
            Spelling::Spreadsheet | Spelling::Report => {
                json!({ "base": "dateTime", "format": "yyyy-MM-dd HH:mm:ss" })
            }
        },
    }
}

/// The columns that identify a row: those of a reading's identity that the query does not fix. None
/// if the file lacks one of them.
fn primary_key(metadata: &Metadata, columns: &[Column]) -> Option<Vec<&'static str>> {
    let query = &metadata.query;
    let needed = [
        (Column::Network, query.networks.len() != 1 && query.sensors.len() != 1),
        (Column::SensorId, query.sensors.len() != 1),
        (Column::Window, query.windows.len() != 1),
        (Column::Timestamp, true),
    ];
    let needed = needed.into_iter().filter(|(_, is_needed)| *is_needed);
    needed.map(|(column, _)| columns.contains(&column).then_some(column.name())).collect()
}
