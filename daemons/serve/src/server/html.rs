//! HTML pages for browsers: errors, and waiting for a job.

use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, StatusCode};

use super::address;
use super::answer::{Answer, respond, set};
use super::media_type::{HTML, JSON, prefers};

const MESSAGE: &str = include_str!("../../page/message.html");

/// No resources of other origins, nothing inline.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

/// Whether a browser requests a page.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    prefers(headers, HTML, JSON)
}

/// The page of an error.
pub(super) fn message(
    status: StatusCode,
    title: &str,
    detail: &str,
    headers: &HeaderMap,
) -> Answer {
    let html = MESSAGE
        .replace("{{base}}", address::base(headers))
        .replace("{{refresh}}", "")
        .replace("{{title}}", &escaped(title))
        .replace("{{detail}}", &escaped(detail));
    html_page(status, html)
}

/// The page of a waiting job, which reloads itself.
pub(super) fn progress(
    state: &str,
    rows: Option<u64>,
    estimate: Option<u64>,
    headers: &HeaderMap,
) -> Answer {
    let of = estimate.map_or(String::new(), |most| format!(" of at most about {}", grouped(most)));
    let rows = rows.map_or(String::new(), |rows| format!(" {} rows so far{of}.", grouped(rows)));
    let detail = format!("The job is {state}.{rows} The file will be downloaded when it is ready.");
    let html = MESSAGE
        .replace("{{base}}", address::base(headers))
        .replace("{{refresh}}", "<meta http-equiv=\"refresh\" content=\"2\">")
        .replace("{{title}}", "Preparing your file")
        .replace("{{detail}}", &escaped(&detail));
    html_page(StatusCode::ACCEPTED, html)
}

pub(super) fn html_page(status: StatusCode, html: String) -> Answer {
    let mut answer = respond(status, "text/html; charset=utf-8", html);
    set(&mut answer, CONTENT_SECURITY_POLICY, POLICY);
    set(&mut answer, http::header::REFERRER_POLICY, "no-referrer");
    answer
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
