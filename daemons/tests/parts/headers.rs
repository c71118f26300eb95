//! What HTTP asks of every request and every answer (RFC 9110 to 9112).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Options, Rig, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// The status of a request as it is written.
async fn raw(rig: &Rig, request: &str) -> String {
    let address = rig.base.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_has_one_host_and_a_body_as_it_is() {
    let rig = Rig::start(Options::default()).await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
    ] {
        let answer = raw(&rig, request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request}: {answer}");
    }
    let url = format!("{}/api/query", rig.base);
    let packed = rig.http.post(&url).header("content-type", "application/json");
    let packed = packed.header("content-encoding", "gzip").body("{}").send().await.unwrap();
    assert_eq!(packed.status(), 415);
    assert_eq!(json(packed).await["field"], "Content-Encoding");
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_kept_and_is_not_to_be_guessed() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(7)).await.unwrap();
    for path in [
        "/",
        "/form",
        "/robots.txt",
        "/favicon.ico",
        "/api/summary",
        "/openapi.json",
        "/nowhere",
        ALL,
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        assert!(answer.headers().contains_key("cache-control"), "{path}");
    }
}

/// The state of what is asked for is the one that the client knows, or nothing is answered (13.1.1).
#[tokio::test]
async fn if_match_asks_for_the_state_that_is_named() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(30)).await.unwrap();
    let job = location(&rig.get_as_job(ALL).await);
    assert_eq!(rig.get(&format!("{job}?wait=30")).await.status(), 200);
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let request = rig.http.get(format!("{}{path}", rig.base));
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 412 {
            assert_eq!(json(answer).await["type"], "urn:airshed:problem:changed", "{path}");
        }
        status
    };
    let day = "/data/sensor.community/24h/2026-01-01.parquet";
    for (path, is_strong) in
        [(job.as_str(), true), (day, true), (ALL, false), ("/api/latest", false)]
    {
        let tag = rig.get(path).await.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(!tag.starts_with("W/"), is_strong, "{path}: {tag}");
        // Of a weak tag nobody knows whether it is that of the same bytes.
        let same = if is_strong { 200 } else { 412 };
        let (list, weak) = (format!("\"a\", {tag} , W/\"b\""), format!("W/{tag}"));
        for (expected, status) in [
            (tag.as_str(), same),
            (&list, same),
            (&weak, 412),
            ("*", 200),
            ("\"another\"", 412),
            ("", 412),
            ("nonsense", 412),
        ] {
            assert_eq!(ask(path, &[("if-match", expected)]).await, status, "{path} {expected}");
        }
        // It comes before the others.
        let known = [("if-none-match", tag.as_str()), ("range", "bytes=0-3")];
        let [known, part] = known;
        assert_eq!(ask(path, &[("if-match", "\"another\""), known]).await, 412, "{path}");
        assert_eq!(ask(path, &[("if-match", "*"), known]).await, 304, "{path}");
        if is_strong {
            assert_eq!(ask(path, &[("if-match", &tag), part]).await, 206, "{path}");
            assert_eq!(ask(path, &[("if-match", "\"another\""), part]).await, 412, "{path}");
            let beyond = ("range", "bytes=99999999-");
            assert_eq!(ask(path, &[("if-match", &tag), beyond]).await, 416, "{path}");
            assert_eq!(ask(path, &[("if-match", "\"another\""), beyond]).await, 412, "{path}");
        }
    }
    // What has no tag is not compared, and errors are what they are.
    assert_eq!(ask("/api/summary", &[("if-match", "\"a\"")]).await, 200);
    assert_eq!(ask("/nowhere", &[("if-match", "*")]).await, 404);

    let delete = async |expected: &str| {
        let request = rig.http.delete(format!("{}{job}", rig.base)).header("if-match", expected);
        request.send().await.unwrap().status().as_u16()
    };
    let tag = rig.get(&job).await.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(delete("\"another\"").await, 412);
    assert_eq!(rig.get(&job).await.status(), 200, "it is still there");
    assert_eq!(delete(&tag).await, 200);
    assert_eq!(rig.get(&job).await.status(), 410);
    assert_eq!(delete("*").await, 412, "there is none");
}

/// The usual type is answered unless another one is named, and wanted more.
#[tokio::test]
async fn a_client_gets_the_media_type_that_it_prefers() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(7)).await.unwrap();
    let (html, plain) = ("text/html; charset=utf-8", "text/plain; charset=utf-8");
    let (problem, linked) = ("application/problem+json", "application/ld+json");
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, of_an_error, of_the_dataset) in [
        (None, problem, html),
        (Some("*/*"), problem, html),
        (Some("text/*"), problem, html),
        (Some("image/png"), problem, html),
        (Some(browser), html, html),
        (Some("TEXT/HTML"), html, html),
        (Some("text/html;q=0"), problem, html),
        (Some("text/html;q=0, application/json"), problem, linked),
        (Some("application/json, text/html;q=0.5"), problem, linked),
        (Some("application/json;q=0.5, text/html; q=0.6"), html, html),
        (Some("application/problem+json;q=0.4, text/html;level=1;q=0.5"), html, html),
        (Some("application/ld+json, */*"), problem, linked),
        (Some("application/json, text/html"), problem, html),
        (Some("application/json, text/plain, */*"), problem, linked),
        (Some("text/plain, application/json;q=0.5"), plain, linked),
        (Some("text/html;q=2"), problem, html),
        (Some("text/html;q=x, , ;q=1, a/b/c"), problem, html),
    ] {
        for (path, expected) in [("/nowhere", of_an_error), ("/dataset", of_the_dataset)] {
            let mut request = rig.http.get(format!("{}{path}", rig.base));
            if let Some(accept) = accept {
                request = request.header("accept", accept);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers()["content-type"], expected, "{accept:?} of {path}");
        }
    }
}

/// What is known to be refused is not asked for.
#[tokio::test]
async fn a_body_is_asked_for_if_it_is_wanted() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(7)).await.unwrap();
    let body = r#"{"startDate": "2026-01-01", "endDate": "2026-01-31"}"#;
    let (json, length) = ("application/json", body.len());
    for (kind, length, first) in [
        (json, length, "HTTP/1.1 100 Continue"),
        (json, 100_000, "HTTP/1.1 413 Payload Too Large"),
        ("text/csv", length, "HTTP/1.1 415 Unsupported Media Type"),
    ] {
        let mut client = TcpStream::connect(rig.base.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /api/query HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\nConnection: close\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let mut begun = vec![0; first.len()];
        client.read_exact(&mut begun).await.unwrap();
        assert_eq!(String::from_utf8(begun).unwrap(), first);
        if first.contains("100") {
            client.write_all(body.as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
        }
    }
}
