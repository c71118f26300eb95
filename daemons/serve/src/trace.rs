//! The context of a request, from the client's header to the worker's log.

use http::HeaderMap;
use http::header::HeaderName;
use serde::{Deserialize, Serialize};
use tracing::Span;
use uuid::Uuid;

/// The header with the request id: the client's own, or a new one in the response.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// W3C Trace Context's header.
const TRACE_PARENT: &str = "traceparent";

/// Maximum length of a request id.
const LONGEST: usize = 128;

/// The context of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestContext {
    /// Its id, which is in every log line about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Its span (W3C Trace Context), if traces are exported.
    #[serde(default, rename = "trace", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl RequestContext {
    /// The context of a request with these headers: with the client's id, or a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(&byte);
        let named = text(&REQUEST_ID)
            .filter(|name| (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain));
        let request = named.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let traceparent = text(&HeaderName::from_static(TRACE_PARENT))
            .filter(|parent| parent.len() <= LONGEST)
            .map(str::to_owned);
        Self { request, traceparent }
    }

    /// The same request with the current span; if no traces are exported, with the client's.
    #[must_use]
    pub fn here(&self) -> Self {
        let traceparent = exported::span_here().or_else(|| self.traceparent.clone());
        Self { request: self.request.clone(), traceparent }
    }

    /// Makes a span a child of the request's span.
    pub(crate) fn is_parent_of(&self, span: &Span) {
        if let Some(traceparent) = &self.traceparent {
            exported::set_parent(span, traceparent);
        }
    }
}

/// Spans for OpenTelemetry.
#[cfg(feature = "otlp")]
mod exported {
    use opentelemetry::Context;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    use super::TRACE_PARENT;

    /// The current span, as a header.
    pub(super) fn span_here() -> Option<String> {
        let mut carrier = Carrier(None);
        TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
        carrier.0
    }

    pub(super) fn set_parent(span: &Span, traceparent: &str) {
        let carrier = Carrier(Some(traceparent.to_owned()));
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        // Without trace export there is no parent span.
        let _ = span.set_parent(parent);
    }

    /// The header of a trace context that is propagated.
    struct Carrier(Option<String>);

    impl opentelemetry::propagation::Injector for Carrier {
        fn set(&mut self, key: &str, value: String) {
            if key == TRACE_PARENT {
                self.0 = Some(value);
            }
        }
    }

    impl opentelemetry::propagation::Extractor for Carrier {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.as_deref().filter(|_| key == TRACE_PARENT)
        }

        fn keys(&self) -> Vec<&str> {
            self.0.iter().map(|_| TRACE_PARENT).collect()
        }
    }
}

/// Without the feature `otlp` nothing is exported: the client's trace context is passed on.
#[cfg(not(feature = "otlp"))]
mod exported {
    use tracing::Span;

    pub(super) fn span_here() -> Option<String> {
        None
    }

    pub(super) fn set_parent(_: &Span, _: &str) {}
}
