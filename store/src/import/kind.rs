//! The type of a file, detected from its first bytes.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::json::ARRAYS;

/// The supported types, and a description of unsupported ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zstd,
    Zip,
    Csv,
    /// One object per line.
    NdJson,
    /// An array, or an object containing one.
    Json,
    Parquet,
    Arrow,
    /// Arrow without a footer.
    ArrowStream,
    Other(String),
}

const SPREADSHEET: &str = "a workbook: save it as CSV";

impl Kind {
    pub(super) fn of(head: &[u8]) -> Self {
        let starts = |magic: &[u8]| head.starts_with(magic);
        let other = |what: &str| Self::Other(what.to_owned());
        match () {
            () if starts(b"\x1f\x8b") => Self::Gzip,
            () if starts(b"\x28\xb5\x2f\xfd") => Self::Zstd,
            () if starts(b"PAR1") => Self::Parquet,
            () if starts(b"ARROW1") => Self::Arrow,
            () if starts(b"\xff\xff\xff\xff") => Self::ArrowStream,
            () if starts(b"\xff\xfe") || starts(b"\xfe\xff") => {
                other("text in UTF-16: save it as UTF-8")
            }
            () if starts(b"redb") => other("a store, not an export: export from it"),
            () if starts(b"PK\x05\x06") => other("an empty zip archive"),
            () if starts(b"%PDF") => other("a PDF"),
            () if is_text(head) => Self::of_text(head),
            () => match infer::get(head).map(|found| found.mime_type()) {
                None => other("binary data"),
                Some("application/zip") => Self::Zip,
                Some("application/vnd.ms-excel") => other(SPREADSHEET),
                Some(mime) if mime.contains("spreadsheet") => other(SPREADSHEET),
                Some(mime) if mime.starts_with("image/") => other("an image"),
                Some("application/x-bzip2") => other("compressed with bzip2: decompress it first"),
                Some("application/x-xz") => other("compressed with xz: decompress it first"),
                Some("application/x-tar") => other("a tar archive: unpack it first"),
                Some(mime) => Self::Other(format!("a file of the type {mime}")),
            },
        }
    }

    fn of_text(head: &[u8]) -> Self {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        match text.first() {
            None => Self::Other("an empty file".to_owned()),
            Some(b'<') => {
                let start = text[..text.len().min(1024)].to_ascii_lowercase();
                let has = |tag: &[u8]| start.windows(tag.len()).any(|found| found == tag);
                let html = has(b"<html") || has(b"<!doctype html") || has(b"<body");
                Self::Other(if html { "a page of HTML" } else { "XML" }.to_owned())
            }
            Some(b'[') => Self::Json,
            Some(b'{') => {
                let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let members = serde_json::from_slice::<HashMap<String, &RawValue>>(line);
                let is_array = |value: &&RawValue| value.get().starts_with('[');
                let has_rows = |members: &HashMap<_, _>| {
                    ARRAYS.iter().any(|(name, _)| members.get(*name).is_some_and(is_array))
                };
                match members {
                    Ok(members) if !has_rows(&members) => Self::NdJson,
                    _ => Self::Json,
                }
            }
            Some(_) => Self::Csv,
        }
    }
}

/// Text in any encoding that extends ASCII contains no ASCII control characters.
fn is_text(head: &[u8]) -> bool {
    head.iter().all(|byte| !byte.is_ascii_control() || b"\t\n\x0c\r".contains(byte))
}
