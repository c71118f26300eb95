//! Byte ranges of a file (RFC 9110, 14).

use std::ops::Range;

use http::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, Response, StatusCode};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};

use super::answer::{Answer, full, set};

/// What of a file is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requested {
    Whole,
    /// Not empty.
    Part(Range<u64>),
    Unsatisfiable,
}

/// What a request asks for of a file with this tag. A header that is invalid or has several ranges
/// is ignored, as is one for another state of the file.
pub(super) fn requested(headers: &HeaderMap, tag: &str, length: u64) -> Requested {
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let is_same = headers.get(IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let Some(parsed) = asked.filter(|_| is_same).and_then(|asked| parse_range_header(asked).ok())
    else {
        return Requested::Whole;
    };
    match parsed.validate(length) {
        Ok(ranges) => match ranges.as_slice() {
            [range] => Requested::Part(*range.start()..*range.end() + 1),
            _ => Requested::Whole,
        },
        Err(RangeUnsatisfiableError::Unsatisfiable) => Requested::Unsatisfiable,
        Err(_) => Requested::Whole,
    }
}

/// Marks a response as a part of a file of this length.
pub(super) fn set_part(answer: &mut Answer, part: &Range<u64>, length: u64) {
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    let last = part.end.saturating_sub(1);
    set(answer, CONTENT_RANGE, &format!("bytes {}-{last}/{length}", part.start));
}

/// The response to a range that is not in the file.
pub(super) fn unsatisfiable(length: u64, tag: &str) -> Answer {
    let mut answer = Response::new(full(""));
    *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    set(&mut answer, CONTENT_RANGE, &format!("bytes */{length}"));
    set(&mut answer, ETAG, tag);
    answer
}
