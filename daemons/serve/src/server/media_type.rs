//! The media type that a client prefers (RFC 9110, 12.5.1).

use std::cmp::Ordering;

use http::HeaderMap;
use http::header::ACCEPT;

use super::encoding::weight;

pub(super) const HTML: &[&str] = &["text/html"];

pub(super) const JSON: &[&str] = &["application/json", "application/problem+json"];

/// Whether the client prefers one of these types to the usual ones, which it gets if it has no
/// preference: it must name it, since `*/*` only says that it takes anything.
pub(super) fn prefers(headers: &HeaderMap, wanted: &[&str], usual: &[&str]) -> bool {
    let (wanted, usual) = (acceptance(headers, wanted), acceptance(headers, usual));
    wanted.is_named
        && wanted.weight > 0.0
        && match wanted.weight.total_cmp(&usual.weight) {
            Ordering::Greater => true,
            Ordering::Equal => !usual.is_named,
            Ordering::Less => false,
        }
}

/// How much a client wants a type.
#[derive(Clone, Copy, Default)]
struct Acceptance {
    /// From 0 to 1.
    weight: f32,
    /// Whether it names the type itself.
    is_named: bool,
}

/// Of the type among these that it wants most.
fn acceptance(headers: &HeaderMap, types: &[&str]) -> Acceptance {
    let of_each = types.iter().map(|media_type| acceptance_of(headers, media_type));
    let order = |a: &Acceptance, b: &Acceptance| {
        a.weight.total_cmp(&b.weight).then(a.is_named.cmp(&b.is_named))
    };
    of_each.max_by(order).unwrap_or_default()
}

/// By the most specific range that the type is in.
fn acceptance_of(headers: &HeaderMap, media_type: &str) -> Acceptance {
    let family = media_type.split('/').next().unwrap_or_default();
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_named = name.eq_ignore_ascii_case(media_type);
        let specificity = match name.split_once('/')? {
            _ if is_named => 2,
            (of, "*") if of.eq_ignore_ascii_case(family) => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let is_weight = |part: &&str| {
            part.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        };
        let weight = parts.find(is_weight).map_or(Some(1.0), weight)?;
        Some((specificity, Acceptance { weight, is_named }))
    });
    let most = ranges.max_by_key(|(specificity, _)| *specificity);
    most.map(|(_, acceptance)| acceptance).unwrap_or_default()
}
