//! The headers of a file: about its rows, its licence, and its name.

use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};

use super::Shared;
use super::answer::{Answer, full, set};
use crate::request::QueryRequest;

/// The header values about a response's rows.
pub(super) struct RowCounts {
    /// The number of rows with a flag of implausibility.
    pub(super) doubtful: u64,
    /// Whether the limit cut off rows.
    pub(super) truncated: bool,
    /// The number of readings that are left out for their flags; unknown if the limit cut off rows.
    pub(super) left_out: Option<u64>,
}

impl RowCounts {
    pub(super) const DOUBTFUL: HeaderName = HeaderName::from_static("airshed-doubtful-rows");
    pub(super) const TRUNCATED: HeaderName = HeaderName::from_static("airshed-truncated");

    pub(super) const LEFT_OUT: HeaderName = HeaderName::from_static("airshed-left-out-rows");

    /// `?1` and `?0` are true and false (RFC 9651).
    pub(super) fn headers(&self) -> HeaderMap {
        let truncated = HeaderValue::from_static(if self.truncated { "?1" } else { "?0" });
        let always =
            [(Self::DOUBTFUL, HeaderValue::from(self.doubtful)), (Self::TRUNCATED, truncated)];
        let left_out = self.left_out.map(|rows| (Self::LEFT_OUT, HeaderValue::from(rows)));
        always.into_iter().chain(left_out).collect()
    }
}

/// The headers of a file. Its name also shows if rows were cut off.
pub(super) fn describe_file(
    shared: &Shared,
    answer: &mut Answer,
    request: &QueryRequest,
    rows: Option<&RowCounts>,
) {
    let mut name = request.file_name();
    let is_cut = rows.is_none_or(|rows| rows.truncated);
    if let Some((limit, (stem, extension))) =
        request.limit.zip(name.rsplit_once('.')).filter(|_| is_cut)
    {
        name = format!("{stem}-first-{limit}.{extension}");
    }
    set(answer, CONTENT_TYPE, request.format.media_type());
    set(answer, CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
    shared.server.set_licences(answer, &request.query);
    answer.headers_mut().extend(rows.map(RowCounts::headers).unwrap_or_default());
    if let Some(length) = hyper::body::Body::size_hint(answer.body()).exact() {
        set(answer, CONTENT_LENGTH, &length.to_string());
    }
}

/// The same headers for a cached file.
pub(super) fn headers_of_file(
    shared: &Shared,
    request: &QueryRequest,
    rows: &RowCounts,
) -> HeaderMap {
    let mut answer = Answer::new(full(""));
    describe_file(shared, &mut answer, request, Some(rows));
    let mut headers = std::mem::take(answer.headers_mut());
    headers.remove(CONTENT_LENGTH); // set for the encoding that is sent
    headers
}
