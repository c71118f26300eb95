//! The content encoding of a response (RFC 9110, 12.5.3).

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, Request};

/// What the server can encode, the more compact one first.
const ENCODINGS: [&str; 2] = ["zstd", "gzip"];

/// Replaces the client's preferences by the encoding that the response gets, so that cached
/// responses and the compression of others make the same choice.
pub(super) fn settle<B>(mut request: Request<B>) -> Request<B> {
    let chosen = chosen(request.headers());
    request.headers_mut().remove(ACCEPT_ENCODING);
    if let Some(chosen) = chosen {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(chosen));
    }
    request
}

/// The encoding that the client prefers; of several equal ones the most compact. None if it accepts
/// nothing that there is: then it gets the response as it is, instead of an error.
pub(super) fn chosen(headers: &HeaderMap) -> Option<&'static str> {
    let offers = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|offer| offer.to_str().ok());
    let (mut weights, mut plain) = ([None; ENCODINGS.len()], 0.0);
    for offer in offers.flat_map(|offer| offer.split(',')) {
        let (name, parameter) = offer.split_once(';').unwrap_or((offer, "q=1"));
        let Some(weight) = weight(parameter) else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "zstd" => weights[0] = Some(weight),
            "gzip" | "x-gzip" => weights[1] = Some(weight),
            "*" => weights[1] = weights[1].or(Some(weight)), // which every client knows
            "identity" => plain = weight,
            _ => {}
        }
    }
    let offered = ENCODINGS.into_iter().zip(weights);
    let offered = offered.filter_map(|(name, weight)| Some((name, weight.filter(|w| *w > 0.0)?)));
    // Of equal ones the last is the maximum.
    let best = offered.rev().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (best.1 >= plain).then_some(best.0)
}

/// From `q=0` to `q=1`.
pub(super) fn weight(parameter: &str) -> Option<f32> {
    let (name, weight) = parameter.trim().split_once('=')?;
    let weight: f32 = weight.trim().parse().ok()?;
    (name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&weight)).then_some(weight)
}
