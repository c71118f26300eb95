//! The routes and their handlers.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, HOST, RANGE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Method, Request, Version};
use matchit::{Match, Router};
use tracing::{Instrument, error_span, field};

use super::access_log::Note;
use super::address::FORWARDED_PREFIX;
use super::answer::{Answer, RequestBody, full, respond, set};
use super::client::{Caller, address_of};
use super::problem::Problem;
use super::rates::Left;
use super::whole::is_expected;
use super::{
    Shared, area, dataset, days, estimate, events, health, jobs, latest, openapi, page, push,
    query, results, sensor, series, sidecar, site, summary,
};
use crate::keys::Right;
use crate::request::BadRequest;
use crate::trace::{REQUEST_ID, RequestContext};

#[derive(Clone, Copy)]
enum Route {
    Page,
    Form,
    Asset(&'static page::Asset),
    Built,
    Query,
    Jobs,
    Result,
    Status,
    Sidecar,
    SidecarOfResult,
    Dataset,
    DatasetJsonLd,
    Latest,
    Series,
    Area,
    Day,
    Sensor,
    SensorPage,
    Summary,
    Estimate,
    Events,
    Push,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Security,
}

impl Route {
    fn methods(self) -> &'static str {
        match self {
            Self::Query => "GET, HEAD, POST",
            Self::Push => "POST",
            Self::Result => "GET, HEAD, POST, DELETE",
            _ => "GET, HEAD",
        }
    }

    /// Whether its requests may have a key. Boards have tokens of their own.
    fn takes_keys(self) -> bool {
        !matches!(self, Self::Push) && !self.is_for_operators()
    }

    /// What load balancers and monitoring ask for, however busy the server is.
    fn is_for_operators(self) -> bool {
        matches!(self, Self::Health | Self::Ready | Self::Metrics)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Form => "/form",
            Self::Asset(_) | Self::Built => "/assets",
            Self::Query => "/api/query",
            Self::Jobs => "/api/jobs",
            Self::Result => "/api/results/{id}",
            Self::Status => "/api/results/{id}/status",
            Self::Sidecar => "/api/query.csv-metadata.json",
            Self::SidecarOfResult => "/api/results/{id}/csv-metadata.json",
            Self::Dataset => "/dataset",
            Self::DatasetJsonLd => "/dataset.jsonld",
            Self::Latest => "/api/latest",
            Self::Series => "/api/series",
            Self::Area => "/api/area",
            Self::Day => "/data/{network}/{window}/{file}",
            Self::Sensor => "/api/sensors/{id}",
            Self::SensorPage => "/sensor/{id}",
            Self::Summary => "/api/summary",
            Self::Estimate => "/api/estimate",
            Self::Events => "/api/events",
            Self::Push => "/api/push",
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Security => "/.well-known/security.txt",
        }
    }
}

const FIXED: &[(&str, Route)] = &[
    ("/", Route::Page),
    ("/form", Route::Form),
    ("/assets/{*path}", Route::Built),
    ("/api/query", Route::Query),
    ("/api/jobs", Route::Jobs),
    ("/api/results/{id}", Route::Result),
    ("/api/results/{id}/status", Route::Status),
    ("/api/query.csv-metadata.json", Route::Sidecar),
    ("/api/results/{id}/csv-metadata.json", Route::SidecarOfResult),
    ("/dataset", Route::Dataset),
    ("/dataset.jsonld", Route::DatasetJsonLd),
    ("/api/latest", Route::Latest),
    ("/api/series", Route::Series),
    ("/api/area", Route::Area),
    ("/data/{network}/{window}/{file}", Route::Day),
    ("/api/sensors/{id}", Route::Sensor),
    ("/sensor/{id}", Route::SensorPage),
    ("/api/summary", Route::Summary),
    ("/api/estimate", Route::Estimate),
    ("/api/events", Route::Events),
    ("/api/push", Route::Push),
    ("/healthz", Route::Health),
    ("/readyz", Route::Ready),
    ("/metrics", Route::Metrics),
    ("/openapi.json", Route::OpenApi),
    ("/.well-known/security.txt", Route::Security),
];

static ROUTES: LazyLock<Router<Route>> = LazyLock::new(|| {
    let mut router = Router::new();
    let assets = page::ASSETS.iter().map(|asset| (asset.path, Route::Asset(asset)));
    for (path, route) in FIXED.iter().copied().chain(assets) {
        router.insert(path, route).expect("the paths above do not conflict");
    }
    router
});

/// Whether a path of the server begins with this.
pub(super) fn is_first_segment(segment: &str) -> bool {
    FIXED.iter().any(|(path, _)| path.split('/').nth(1) == Some(segment))
}

/// Answers any request.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request<RequestBody>) -> Answer {
    let origin = RequestContext::of(request.headers());
    // At level error, so that the span is enabled at any log level.
    let span = error_span!(
        "request",
        request = origin.request,
        method = %request.method(),
        path = request.uri().path(),
        status = field::Empty,
    );
    origin.is_parent_of(&span);
    let mut answer = answer_within(shared, request, &origin).instrument(span.clone()).await;
    span.record("status", answer.status().as_u16());
    set(&mut answer, REQUEST_ID, &origin.request);
    answer
}

async fn answer_within(
    shared: &Arc<Shared>,
    mut request: Request<RequestBody>,
    origin: &RequestContext,
) -> Answer {
    let start = Instant::now();
    let site = &shared.server.site;
    // Whatever the client says.
    request.headers_mut().remove(FORWARDED_PREFIX);
    if let Some(base) = site.base_path.header().filter(|_| !site.base_path.is_empty()) {
        request.headers_mut().insert(FORWARDED_PREFIX, base);
    }
    let method = request.method().clone();
    let path = site.base_path.strip(request.uri().path()).to_owned();
    let mut headers = request.headers().clone();
    if method != Method::GET {
        headers.remove(RANGE); // it is defined for GET only
    }
    let matched = ROUTES.at(&path).ok();
    let route = matched.as_ref().map(|matched| *matched.value);
    let note = request.extensions().get::<Arc<Note>>().cloned();
    if let Some((note, address)) = note.as_ref().zip(address_of(shared, &request)) {
        note.set_address(address);
    }
    let admitted = admitted(shared, &request, route);
    if let (Some(note), Ok(Admitted { caller: Caller { key: Some(key), .. }, .. })) =
        (&note, &admitted)
    {
        note.set_key(&key.name);
    }
    let left = admitted.as_ref().ok().and_then(|admitted| admitted.left);
    let answered = match (admitted, matched) {
        (Err(problem), _) => Err(problem),
        (Ok(_), None) if path.is_empty() && !site.base_path.is_empty() => {
            Ok(site::to_page(site, request.uri().query()))
        }
        (Ok(_), None) => Err(Problem::NoSuchPath),
        (Ok(Admitted { caller, .. }), Some(matched)) => {
            let handled = handled(shared, request, &matched, &caller, &headers, origin);
            handled.await.and_then(|answer| as_expected(answer, &method, &headers))
        }
    };
    let mut answer = answered.unwrap_or_else(|problem| problem.answer(&headers));
    if method == Method::HEAD {
        // hyper sends no body for HEAD; dropping it here stops producing it at once.
        *answer.body_mut() = full("");
    }
    if let Some(left) = left {
        left.describe(&mut answer);
    }
    // No browser is to guess that data are a page.
    set(&mut answer, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !answer.headers().contains_key(CACHE_CONTROL) {
        set(&mut answer, CACHE_CONTROL, "no-cache");
    }
    let (route, status) = (route.map_or("none", Route::name), answer.status().as_u16());
    let labels = [("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!("airshed_http_requests_total", &labels).increment(1);
    if answer.status().is_server_error() {
        metrics::counter!("airshed_http_errors_total").increment(1);
    }
    let took = start.elapsed();
    metrics::histogram!("airshed_http_request_seconds", "route" => route).record(took);
    tracing::debug!(status, took_us = took.as_micros() as u64, "answered");
    answer
}

/// A request that its sender may send now.
struct Admitted {
    caller: Caller,
    /// What is left of its rate, if it has one.
    left: Option<Left>,
}

fn admitted(
    shared: &Shared,
    request: &Request<RequestBody>,
    route: Option<Route>,
) -> Result<Admitted, Problem> {
    if let Some(flaw) = flaw(request) {
        return Err(flaw);
    }
    let methods = route.map_or("", Route::methods);
    if route.is_some() && !methods.split(", ").any(|method| method == request.method().as_str()) {
        return Err(Problem::Method(methods));
    }
    let caller = Caller::of(shared, request, route.is_none_or(Route::takes_keys))?;
    if route.is_some_and(Route::is_for_operators) {
        return Ok(Admitted { caller, left: None });
    }
    caller.may(Right::Read)?;
    let left = shared.admission.rates.count(&caller)?;
    Ok(Admitted { caller, left })
}

async fn handled(
    shared: &Arc<Shared>,
    request: Request<RequestBody>,
    matched: &Match<'_, '_, &Route>,
    caller: &Caller,
    headers: &HeaderMap,
    origin: &RequestContext,
) -> Result<Answer, Problem> {
    let client = &caller.client;
    let query = request.uri().query().map(str::to_owned);
    let query = query.as_deref();
    let part = |name| matched.params.get(name).unwrap_or_default();
    match *matched.value {
        Route::Page => page::start(shared).await,
        Route::Form => page::form(shared).await,
        Route::Asset(asset) => Ok(page::asset(asset)),
        Route::Built => page::built_asset(part("path")),
        Route::Query => query::answer(shared, request, caller, origin).await,
        Route::Jobs => jobs::answer(shared, query, caller, headers).await,
        Route::Result => {
            let id = part("id");
            match *request.method() {
                Method::DELETE => results::cancel(shared, id, caller, headers).await,
                Method::POST => results::again(shared, id, caller, headers, origin).await,
                _ => {
                    let fetches = request.method() == Method::GET;
                    results::answer(shared, id, caller, query, headers, fetches).await
                }
            }
        }
        Route::Status => {
            let id = part("id");
            results::status(shared, id, caller, query, headers).await
        }
        Route::Sidecar => sidecar::of_query(shared, query, client).await,
        Route::SidecarOfResult => {
            let id = part("id");
            sidecar::of_result(shared, id, caller).await
        }
        Route::Dataset => dataset::page(shared, headers).await,
        Route::DatasetJsonLd => dataset::json_ld(shared, headers).await,
        Route::Latest => latest::answer(shared, query, headers, client).await,
        Route::Series => series::answer(shared, query, client).await,
        Route::Day => {
            let path =
                days::Path { network: part("network"), window: part("window"), name: part("file") };
            days::answer(shared, path, headers, client).await
        }
        Route::Area => area::answer(shared, query, headers, client).await,
        Route::Sensor => {
            let id = part("id");
            sensor::resource(shared, id, client).await
        }
        Route::SensorPage => {
            let id = part("id");
            sensor::page(shared, id, client).await
        }
        Route::Summary => summary::answer(shared, query, client).await,
        Route::Estimate => estimate::answer(shared, query, client).await,
        Route::Events => events::answer(shared, client),
        Route::Push => push::answer(shared, request).await,
        Route::Health => Ok(respond(http::StatusCode::OK, "text/plain", "ok\n")),
        Route::Ready => Ok(health::ready(shared).await),
        Route::Metrics if !shared.server.site.metrics => Err(Problem::NoSuchPath),
        Route::Metrics => Ok(health::metrics(shared).await),
        Route::OpenApi => Ok(openapi::document(&shared.server.site.base_path)),
        Route::Security => site::security(shared),
    }
}

/// The answer, unless it is not what the client expects to get: answers with a tag are read by GET and
/// HEAD, and change nothing.
fn as_expected(answer: Answer, method: &Method, headers: &HeaderMap) -> Result<Answer, Problem> {
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    match tag.filter(|_| is_read).is_none_or(|tag| is_expected(Some(tag), headers)) {
        true => Ok(answer),
        false => Err(Problem::Changed),
    }
}

/// A request from a connection of this server, whose headers nobody else has checked.
#[derive(Clone, Copy)]
pub(super) struct Direct;

/// What is wrong with a request, whatever it asks for.
fn flaw(request: &Request<RequestBody>) -> Option<Problem> {
    let headers = request.headers();
    if request.extensions().get::<Direct>().is_some() {
        let hosts = headers.get_all(HOST).iter().count();
        let is_needed = request.version() >= Version::HTTP_11;
        if hosts > 1 || hosts == 0 && is_needed {
            let reason = "expected exactly one (RFC 9112, 3.2)";
            return Some(BadRequest::new("Host", reason).into());
        }
    }
    let encodings = headers.get_all(CONTENT_ENCODING).iter();
    let mut others =
        encodings.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    others.next().map(|_| {
        let reason = "a request's body cannot be compressed";
        Problem::MediaType(BadRequest::new("Content-Encoding", reason))
    })
}
