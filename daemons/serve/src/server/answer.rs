//! Responses and their bodies.

use std::pin::Pin;
use std::task::{Context, Poll};

use aqi::Decimal;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde::Serialize;
use serde_json::{Number, Value, json as object};
use store::{Network, Reading, Sensor};

/// The error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error inside a body: the transfer is aborted.
#[derive(Debug, thiserror::Error)]
#[error("the transfer was aborted")]
pub(super) struct CutOff(#[source] pub(super) BoxError);

pub(super) type Body = UnsyncBoxBody<Bytes, CutOff>;
pub(super) type Answer = Response<Body>;

/// The body of a request, from hyper or from the program that embeds the server.
pub(super) type RequestBody = UnsyncBoxBody<Bytes, CutOff>;

/// A complete body.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A response with a complete body that must not be cached.
pub(super) fn respond(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(full(bytes));
    *answer.status_mut() = status;
    set(&mut answer, CONTENT_TYPE, kind);
    set(&mut answer, CACHE_CONTROL, "no-store");
    answer
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    // Cannot fail for plain structs and maps with string keys.
    let text = serde_json::to_vec(value).unwrap_or_default();
    respond(status, "application/json", text)
}

/// A body that counts bytes as they are sent.
pub(super) struct Counted<B>(pub(super) B);

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.0).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            metrics::counter!("airshed_http_response_bytes_total").increment(bytes.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A strong tag identifies exact bytes (RFC 9110, 8.8.1): those of the file, not those of its
/// compressed form.
pub(super) fn weaken_tag_of_encoded<B>(mut answer: Response<B>) -> Response<B> {
    let headers = answer.headers_mut();
    if headers.contains_key(CONTENT_ENCODING)
        && let Some(tag) = headers.get(ETAG).and_then(|tag| tag.to_str().ok())
        && tag.starts_with('"')
        && let Ok(weak) = HeaderValue::from_str(&format!("W/{tag}"))
    {
        headers.insert(ETAG, weak);
    }
    answer
}

/// Sets a header to a text; an invalid value is left out.
pub(super) fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// A sensor: only its number in the home network, otherwise a string prefixed by its network.
pub(super) fn sensor_id(Sensor { network, id }: Sensor, home: Network) -> Value {
    match network == home {
        true => id.into(),
        false => format!("{network}:{id}").into(),
    }
}

/// Where a reading was measured.
pub(super) fn location(reading: &Reading) -> Value {
    object!({
        "id": reading.location,
        "latitude": reading.latitude.and_then(number),
        "longitude": reading.longitude.and_then(number),
        "altitude": reading.altitude.and_then(number),
        "country": reading.country.map(|country| country.to_string()),
        "exact": reading.exact,
        "indoor": reading.indoor,
    })
}

/// A decimal as a JSON number.
pub(super) fn number(decimal: Decimal) -> Option<Number> {
    serde_json::from_str(&decimal.normalize().to_string()).ok()
}
