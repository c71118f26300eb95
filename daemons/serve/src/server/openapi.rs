//! The OpenAPI document.

use std::sync::LazyLock;

use http::StatusCode;
use serde_json::{Map, Value, json};
use store::{Column, Flags, Kind};

use super::answer::{Answer, respond};
use super::base_path::BasePath;

/// The document without the columns.
const DOCUMENT: &str = include_str!("../../page/openapi.json");

pub(super) fn document(base: &BasePath) -> Answer {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let usual: Vec<_> = Column::DEFAULT.iter().map(|column| column.name()).collect();
        DOCUMENT
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            .replace("{{usual}}", &usual.join(", "))
            .replace("\"{{reading}}\"", &reading().to_string())
    });
    let server = if base.is_empty() { "/".to_owned() } else { base.to_string() };
    respond(StatusCode::OK, "application/json", TEXT.replace("{{server}}", &server))
}

/// The JSON schema of a reading.
fn reading() -> Value {
    let property = |column: &Column| {
        let kind = match column.kind() {
            Kind::Id | Kind::Count | Kind::Index => "integer",
            Kind::Decimal => "number",
            Kind::Truth => "boolean",
            Kind::Flags => "array",
            _ => "string",
        };
        let mut property = json!({ "description": column.description() });
        property["type"] = match column.is_always_there() {
            true => json!(kind),
            false => json!([kind, "null"]),
        };
        match column.kind() {
            Kind::Timestamp => property["format"] = json!("date-time"),
            Kind::Flags => {
                let names = Flags::NAMES.map(|(_, name)| name);
                property["items"] = json!({ "type": "string", "enum": names });
            }
            _ => {}
        }
        if let Some(unit) = column.unit() {
            property["x-unit"] = json!(unit);
        }
        (column.name().to_owned(), property)
    };
    let properties: Map<_, _> = Column::ALL.iter().map(property).collect();
    json!({
        "description": "A reading, with the requested columns.",
        "type": "object",
        "properties": properties,
    })
}
