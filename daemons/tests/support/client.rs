//! An HTTP client that holds every response against the OpenAPI document: a documented route answers
//! with documented statuses only.

use std::sync::LazyLock;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Response};
use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../serve/page/openapi.json")).unwrap());

pub(crate) struct Client(reqwest::Client);

pub(crate) struct Asking(reqwest::RequestBuilder);

impl Client {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::builder().no_gzip().build().unwrap())
    }

    pub(crate) fn get(&self, url: impl AsRef<str>) -> Asking {
        self.request(Method::GET, url)
    }

    pub(crate) fn head(&self, url: impl AsRef<str>) -> Asking {
        self.request(Method::HEAD, url)
    }

    pub(crate) fn post(&self, url: impl AsRef<str>) -> Asking {
        self.request(Method::POST, url)
    }

    pub(crate) fn delete(&self, url: impl AsRef<str>) -> Asking {
        self.request(Method::DELETE, url)
    }

    pub(crate) fn request(&self, method: Method, url: impl AsRef<str>) -> Asking {
        Asking(self.0.request(method, url.as_ref()))
    }
}

impl Asking {
    pub(crate) fn header<N, V>(self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N, Error: Into<http::Error>>,
        HeaderValue: TryFrom<V, Error: Into<http::Error>>,
    {
        Self(self.0.header(name, value))
    }

    pub(crate) fn headers(self, headers: HeaderMap) -> Self {
        Self(self.0.headers(headers))
    }

    pub(crate) fn basic_auth(self, user: &str, password: Option<&str>) -> Self {
        Self(self.0.basic_auth(user, password))
    }

    pub(crate) fn bearer_auth(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub(crate) fn body(self, body: impl Into<Body>) -> Self {
        Self(self.0.body(body))
    }

    pub(crate) async fn send(self) -> reqwest::Result<Response> {
        let (client, request) = self.0.build_split();
        let request = request?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let answer = client.execute(request).await?;
        // A redirect is followed by a GET.
        let method = if *answer.url() == url { method } else { Method::GET };
        check(&method, answer.url().path(), answer.status().as_u16());
        Ok(answer)
    }
}

fn check(method: &Method, path: &str, status: u16) {
    let method = if method == Method::HEAD { Method::GET } else { method.clone() };
    let Some(route) = route(path) else { return };
    let documented = &DOCUMENT["paths"][route][method.as_str().to_lowercase()]["responses"];
    // Methods that a route does not have are left to the tests of methods.
    if documented.is_object() {
        let is_documented = documented.get(status.to_string()).is_some();
        assert!(
            is_documented,
            "{method} {route} answers {status}, which openapi.json lacks: {path}"
        );
    }
}

/// The documented route of a path: of several, the one with the fewest parameters.
fn route(path: &str) -> Option<&'static str> {
    let matches = |route: &&str| {
        let (route, path) = (route.split('/'), path.split('/'));
        route.clone().count() == path.clone().count()
            && route
                .zip(path)
                .all(|(of_route, of_path)| of_route.starts_with('{') || of_route == of_path)
    };
    let routes = DOCUMENT["paths"].as_object().into_iter().flat_map(|paths| paths.keys());
    routes.map(String::as_str).filter(matches).min_by_key(|route| route.matches('{').count())
}
