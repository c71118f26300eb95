//! Which handler answers what.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use http::{Method, Request};
use hyper::body::Incoming;
use matchit::Router;

use super::answer::{Answer, full, respond};
use super::problem::Problem;
use super::{Shared, health, openapi, page, query, results};

#[derive(Clone, Copy)]
enum Route {
    Page,
    Asset(&'static page::Asset),
    Query,
    Result,
    Health,
    Ready,
    Metrics,
    OpenApi,
}

impl Route {
    fn methods(self) -> &'static str {
        match self {
            Self::Query => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Asset(_) => "/assets",
            Self::Query => "/api/query",
            Self::Result => "/api/results/{id}",
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
        }
    }
}

static ROUTES: LazyLock<Router<Route>> = LazyLock::new(|| {
    let mut router = Router::new();
    let fixed = [
        ("/", Route::Page),
        ("/api/query", Route::Query),
        ("/api/results/{id}", Route::Result),
        ("/healthz", Route::Health),
        ("/readyz", Route::Ready),
        ("/metrics", Route::Metrics),
        ("/openapi.json", Route::OpenApi),
    ];
    let assets = page::ASSETS.iter().map(|asset| (asset.path, Route::Asset(asset)));
    for (path, route) in fixed.into_iter().chain(assets) {
        router.insert(path, route).expect("the paths above do not conflict");
    }
    router
});

/// Answers a request, whatever it is.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Answer {
    let start = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let headers = request.headers().clone();
    let matched = ROUTES.at(&path);
    let route = matched.as_ref().ok().map(|matched| *matched.value);
    let answered = match &matched {
        Err(_) => Err(Problem::NoSuchPath),
        Ok(matched) if !matched.value.methods().split(", ").any(|m| m == method.as_str()) => {
            Err(Problem::Method(matched.value.methods()))
        }
        Ok(matched) => match *matched.value {
            Route::Page => page::form(shared).await,
            Route::Asset(asset) => Ok(page::asset(asset)),
            Route::Query => query::answer(shared, request).await,
            Route::Result => {
                let id = matched.params.get("id").unwrap_or_default();
                results::answer(shared, id, request.uri().query(), &headers).await
            }
            Route::Health => Ok(respond(http::StatusCode::OK, "text/plain", "ok\n")),
            Route::Ready => Ok(health::ready(shared).await),
            Route::Metrics => health::metrics(shared).await,
            Route::OpenApi => Ok(openapi::document()),
        },
    };
    let mut answer = answered.unwrap_or_else(|problem| problem.answer(&headers));
    if method == Method::HEAD {
        // hyper sends no body to HEAD; dropping it here stops its making at once.
        *answer.body_mut() = full("");
    }
    let (route, status) = (route.map_or("none", Route::name), answer.status().as_u16());
    let labels = [("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!("airshed_http_requests_total", &labels).increment(1);
    let took = start.elapsed();
    metrics::histogram!("airshed_http_request_seconds", "route" => route).record(took);
    tracing::debug!(%method, path, status, took_us = took.as_micros() as u64, "request");
    answer
}
