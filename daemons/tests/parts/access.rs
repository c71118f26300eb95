//! Who may do what, and how much of it: keys, rights, shares among clients.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use airshed::jobs::Quota;
use airshed::keys::{Keys, NewKey, Right};
use airshed::server::Access;
use jiff::SignedDuration;
use reqwest::{Response, StatusCode};
use tempfile::TempDir;

use super::support::client::Asking;
use super::support::{NOW, Options, Rig, at, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// A file of keys, and a server that reads it.
struct Keyed {
    folder: TempDir,
    keys: Arc<Keys>,
    rig: Rig,
}

impl Keyed {
    async fn start(keys_only: bool, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::open(folder.path().join("keys.json")).unwrap());
        let access = Access { keys: Some(Arc::clone(&keys)), keys_only, ..Access::default() };
        let rig = Rig::start(Options { access, ..options }).await;
        rig.store.put(&readings(30)).await.unwrap();
        Self { folder, keys, rig }
    }

    /// Adds a key, and waits until the server knows it.
    async fn add(&self, name: &str, rights: &[Right]) -> String {
        self.add_key(NewKey { rights: rights.iter().copied().collect(), ..named(name) }).await
    }

    async fn add_key(&self, key: NewKey) -> String {
        let secret = Keys::add(&self.folder.path().join("keys.json"), key, at(NOW)).unwrap();
        self.until(&secret, |status| status != 401).await;
        secret
    }

    async fn until(&self, secret: &str, expected: impl Fn(StatusCode) -> bool) {
        let known = async {
            while !expected(self.get(secret, "/api/jobs").await.status()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), known).await.expect("the file is read again");
    }

    fn ask(&self, secret: &str, method: reqwest::Method, path: &str) -> Asking {
        let request = self.rig.http.request(method, format!("{}{path}", self.rig.base));
        if secret.is_empty() { request } else { request.bearer_auth(secret) }
    }

    async fn get(&self, secret: &str, path: &str) -> Response {
        self.ask(secret, reqwest::Method::GET, path).send().await.unwrap()
    }

    async fn delete(&self, secret: &str, path: &str) -> Response {
        self.ask(secret, reqwest::Method::DELETE, path).send().await.unwrap()
    }

    async fn job(&self, secret: &str, query: &str) -> Response {
        let request = self.ask(secret, reqwest::Method::GET, query);
        request.header("prefer", "respond-async").send().await.unwrap()
    }
}

fn named(name: &str) -> NewKey {
    NewKey { name: name.to_owned(), ..NewKey::default() }
}

const EVERYDAY: [Right; 3] = [Right::Read, Right::Jobs, Right::Delete];

#[tokio::test]
async fn without_keys_everything_is_as_it_was_and_jobs_are_not_listed() {
    let server = Keyed::start(false, Options::default()).await;
    assert_eq!(server.get("", ALL).await.status(), 200);
    assert_eq!(server.get("whatever a client sends", ALL).await.status(), 200);
    let job = location(&server.job("", ALL).await);
    assert_eq!(server.get("", &format!("{job}?wait=30")).await.status(), 200);
    assert_eq!(server.get("", "/api/jobs").await.status(), 401);
    assert_eq!(server.delete("", &job).await.status(), 200);
}

#[tokio::test]
async fn a_job_of_a_key_is_its_holders_alone() {
    let server = Keyed::start(false, Options::default()).await;
    let one = server.add("newsroom", &EVERYDAY).await;
    let other = server.add("school", &EVERYDAY).await;
    let admin = server.add("operator", &[Right::Read, Right::Delete, Right::Admin]).await;
    let accepted = server.job(&one, ALL).await;
    assert_eq!(accepted.status(), 202);
    assert_eq!(accepted.headers()["preference-applied"], "respond-async");
    let job = location(&accepted);
    assert_eq!(server.get(&one, &format!("{job}?wait=30")).await.status(), 200);
    for stranger in ["", &other] {
        for path in [job.clone(), format!("{job}/status"), format!("{job}/csv-metadata.json")] {
            assert_eq!(server.get(stranger, &path).await.status(), 404, "{path}");
        }
        assert_eq!(server.delete(stranger, &job).await.status(), 404);
        let again = server.ask(stranger, reqwest::Method::POST, &job).send().await.unwrap();
        assert_eq!(again.status(), 404);
    }
    assert_eq!(server.get(&admin, &job).await.status(), 200);
    assert_eq!(server.delete(&admin, &job).await.status(), 200);
    assert_eq!(server.get(&one, &job).await.status(), 410);
    // What has no owner belongs to the holder of its id.
    let nobodys = location(&server.job("", ALL).await);
    assert_eq!(server.get(&other, &format!("{nobodys}?wait=30")).await.status(), 200);
}

#[tokio::test]
async fn rights_are_those_of_the_key() {
    let server = Keyed::start(true, Options::default()).await;
    let reader = server.add("reader", &[Right::Read]).await;
    let asker = server.add("asker", &[Right::Read, Right::Jobs]).await;
    let nothing = server.add("nothing", &[]).await;
    for (secret, query, job, delete) in
        [(&reader, 200, 403, 404), (&asker, 200, 202, 403), (&nothing, 403, 403, 403)]
    {
        assert_eq!(server.get(secret, ALL).await.status(), query);
        let accepted = server.job(secret, ALL).await;
        assert_eq!(accepted.status(), job);
        if job == 202 {
            let job = location(&accepted);
            assert_eq!(server.get(secret, &format!("{job}?wait=30")).await.status(), 200);
            assert_eq!(server.delete(secret, &job).await.status(), delete);
        }
    }
    // Nobody without a key, but for operators' probes.
    let refused = server.get("", ALL).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"airshed\"");
    assert_eq!(json(refused).await["type"], "urn:airshed:problem:no-key");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get("", path).await.status(), 200, "{path}");
    }
    let wrong = server.get("airshed_wrong", ALL).await;
    assert_eq!(wrong.status(), 401);
    let scheme = wrong.headers()["www-authenticate"].to_str().unwrap();
    assert!(scheme.contains("invalid_token"), "{scheme}");
}

#[tokio::test]
async fn a_revoked_or_expired_key_is_refused_and_its_name_not_given_again() {
    let server = Keyed::start(true, Options::default()).await;
    let path = server.folder.path().join("keys.json");
    let secret = server.add("newsroom", &EVERYDAY).await;
    let expired = NewKey { expires: Some(at("2026-01-31T00:00:00Z")), ..named("old") };
    let expired = Keys::add(&path, expired, at(NOW)).unwrap();
    assert!(!std::fs::read_to_string(&path).unwrap().contains(&secret));
    Keys::revoke(&path, "newsroom", at(NOW)).unwrap();
    server.until(&secret, |status| status == 401).await;
    assert_eq!(server.get(&expired, ALL).await.status(), 401);
    let again = Keys::add(&path, named("newsroom"), at(NOW)).unwrap_err().to_string();
    assert!(again.contains("there is a key newsroom already"), "{again}");
    let twice = Keys::revoke(&path, "newsroom", at(NOW)).unwrap_err().to_string();
    assert!(twice.contains("revoked already"), "{twice}");
    assert!(Keys::revoke(&path, "nobody", at(NOW)).is_err());
    for name in ["", "two words", "a/b", "ä"] {
        assert!(Keys::add(&path, named(name), at(NOW)).is_err(), "{name}");
    }
    // A file that is gone or became unreadable changes nothing, and is an error at the start.
    let third =
        Keys::add(&path, NewKey { rights: EVERYDAY.into(), ..named("third") }, at(NOW)).unwrap();
    server.until(&third, |status| status == 200).await;
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    server.keys.reload();
    assert_eq!(server.get("", ALL).await.status(), 401);
    assert_eq!(server.get(&third, ALL).await.status(), 200);
    std::fs::write(&path, kept).unwrap();
    std::fs::write(&path, "{").unwrap();
    assert_eq!(server.get("", ALL).await.status(), 401);
    assert!(Keys::open(&path).is_err());
    std::fs::write(&path, r#"{"version": 2, "keys": []}"#).unwrap();
    assert!(Keys::open(&path).unwrap_err().to_string().contains("version 2"));
}

#[tokio::test]
async fn keys_that_are_added_at_once_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || Keys::add(path, named(&number.to_string()), at(NOW)).unwrap());
        }
    });
    assert_eq!(Keys::open(&path).unwrap().list().len(), 8);
}

#[tokio::test]
async fn the_jobs_of_a_key_are_listed_page_by_page() {
    let server = Keyed::start(false, Options { workers: 0, ..Options::default() }).await;
    let one = server.add("newsroom", &EVERYDAY).await;
    let other = server.add("school", &EVERYDAY).await;
    let admin = server.add("operator", &[Right::Read, Right::Admin]).await;
    let mut jobs = Vec::new();
    for sensor in 0..7 {
        jobs.push(location(&server.job(&one, &format!("{ALL}&sensor={sensor}")).await));
    }
    let others = location(&server.job(&other, ALL).await);
    server.job("", ALL).await;
    assert_eq!(server.delete(&one, &jobs[3]).await.status(), 200);
    let list = async |secret: &str, fields: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = server.get(secret, &format!("/api/jobs?limit=2{fields}{cursor}")).await;
            assert_eq!(answer.status(), 200);
            let page = json(answer).await;
            assert!(page["jobs"].as_array().unwrap().len() <= 2);
            let locations = page["jobs"].as_array().unwrap().iter().cloned();
            found.extend(locations);
            let Some(next) = page["next"].as_str() else { return found };
            cursor = format!("&cursor={next}");
        }
    };
    let locations = |found: &[serde_json::Value]| {
        let mut all: Vec<_> =
            found.iter().map(|job| job["location"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let mut expected = jobs.clone();
    expected.sort();
    let found = list(&one, "").await;
    assert_eq!(locations(&found), expected);
    assert_eq!(found[0]["cost"]["large"], false);
    assert_eq!(found[0]["query"]["startDate"], "2026-01-01");
    assert_eq!(locations(&list(&one, "&state=cancelled").await), [jobs[3].clone()]);
    assert_eq!(list(&one, "&state=queued").await.len(), 6);
    assert_eq!(locations(&list(&other, "").await), [others]);
    assert_eq!(server.get(&other, "/api/jobs?owner=newsroom").await.status(), 403);
    assert_eq!(list(&admin, "&owner=newsroom").await.len(), 7);
    assert_eq!(list(&admin, "").await.len(), 0);
    for wrong in ["state=lost", "limit=0", "limit=501", "limit=x", "status=done"] {
        assert_eq!(server.get(&one, &format!("/api/jobs?{wrong}")).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_quota_of_a_key_binds_always() {
    let server = Keyed::start(false, Options { workers: 0, ..Options::default() }).await;
    let rate = NonZeroU32::new(1);
    let rights: std::collections::BTreeSet<_> = EVERYDAY.into();
    let slow = NewKey { rate, rights: rights.clone(), ..named("slow") };
    let slow = Keys::add(&server.folder.path().join("keys.json"), slow, at(NOW)).unwrap();
    let few = server.add_key(NewKey { open_jobs: Some(2), rights, ..named("few") }).await;
    let mut refused = None;
    for _ in 0..20 {
        let answer = server.get(&slow, "/api/summary").await;
        if answer.status() == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"requests\";q=10;w=10");
    }
    let refused = refused.expect("ten at once, then one a second");
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.headers()["ratelimit"].to_str().unwrap().starts_with("\"requests\";r=0;"));
    assert_eq!(json(refused).await["type"], "urn:airshed:problem:too-many");
    let open = async |sensor: u64| server.job(&few, &format!("{ALL}&sensor={sensor}")).await;
    let first = open(1).await;
    assert_eq!(open(2).await.status(), 202);
    assert_eq!(open(3).await.status(), 429);
    assert_eq!(server.delete(&few, &location(&first)).await.status(), 200);
    assert_eq!(open(3).await.status(), 202);
}

/// Clients of one proxy, by their addresses.
struct Many(Rig);

impl Many {
    async fn start(options: Options) -> Self {
        let proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let access = Access { proxies, ..Access::default() };
        Self(Rig::start(Options { access, ..options }).await)
    }

    fn ask(&self, client: u8, path: &str) -> Asking {
        let request = self.0.http.get(format!("{}{path}", self.0.base));
        request.header("forwarded", format!("for=203.0.113.{client}"))
    }

    async fn get(&self, client: u8, path: &str) -> Response {
        self.ask(client, path).send().await.unwrap()
    }

    async fn job(&self, client: u8, query: &str) -> Response {
        self.ask(client, query).header("prefer", "respond-async").send().await.unwrap()
    }
}

/// The shares of those who ask much bind when others wait, and only then.
#[tokio::test]
async fn a_rate_binds_only_while_others_wait() {
    let rate = NonZeroU32::new(1);
    let server =
        Many::start(Options { rate, in_flight: 1, workers: 0, large: 10, ..Options::default() })
            .await;
    server.0.store.put(&readings(200_000)).await.unwrap();
    for _ in 0..30 {
        let answer = server.get(1, "/api/summary").await;
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("ratelimit"));
    }
    // The first client holds the only place, and another one waits.
    let held = server.get(1, &format!("{ALL}&columns=all")).await;
    assert_eq!(held.status(), 200);
    assert_eq!(server.get(2, ALL).await.status(), 202);
    assert_eq!(server.get(1, "/api/summary").await.status(), 429);
    assert_eq!(server.get(2, "/api/summary").await.status(), 200);
    assert_eq!(server.get(1, "/healthz").await.status(), 200);
}

/// A client that downloads as slowly as it may leaves places for others.
#[tokio::test]
async fn downloads_of_one_client_leave_places_for_others() {
    let server = Many::start(Options::default()).await;
    server.0.store.put(&readings(100_000)).await.unwrap();
    let job = location(&server.job(1, &format!("{ALL}&columns=all")).await);
    assert_eq!(server.get(1, &format!("{job}/status?wait=30")).await.status(), 200);
    let mut held = Vec::new();
    for _ in 0..96 {
        let answer = server.get(1, &job).await;
        assert_eq!(answer.status(), 200);
        held.push(answer);
    }
    let refused = server.get(1, &job).await;
    assert_eq!(refused.status(), 429, "after a wait for its own");
    let whole = server.get(2, &job).await.bytes().await.unwrap();
    assert!(whole.len() > 1_000_000);
    assert_eq!(held.pop().unwrap().bytes().await.unwrap(), whole);
    assert_eq!(server.get(1, &job).await.status(), 200);
}

#[tokio::test]
async fn results_have_a_quota_in_all_and_for_each_client() {
    let quota = Quota { bytes: 40_000, open: 5 };
    let server = Many::start(Options { quota, ..Options::default() }).await;
    server.0.store.put(&readings(300)).await.unwrap();
    let ended = async |client: u8, number: u64| {
        let accepted = server.job(client, &format!("{ALL}&limit={}", 100 + number)).await;
        if accepted.status() != 202 {
            return Err(accepted);
        }
        let job = location(&accepted);
        server.get(client, &format!("{job}/status?wait=30")).await;
        Ok(job)
    };
    // Some seven files of 100 rows are 20,000 bytes.
    let mut files = Vec::new();
    let refused = loop {
        match ended(1, files.len() as u64).await {
            Ok(job) => files.push(job),
            Err(refused) => break refused,
        }
        assert!(files.len() < 100);
    };
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let detail = json(refused).await["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("results"), "{detail}");
    let mut bytes = 0;
    let mut failed = Vec::new();
    for file in &files {
        let answer = server.get(1, file).await;
        match answer.status().as_u16() {
            200 => bytes += answer.bytes().await.unwrap().len(),
            status => failed.push((status, json(answer).await["detail"].to_string())),
        }
    }
    assert!(bytes <= 20_000, "{bytes}");
    for (status, detail) in failed {
        assert!(status == 500 && detail.contains("more than 20000 bytes"), "{status}: {detail}");
    }
    assert!(ended(2, 0).await.is_ok(), "another one has its half");
    // What is deleted makes room.
    let delete = server.0.http.delete(format!("{}{}", server.0.base, files[0]));
    delete.header("forwarded", "for=203.0.113.1").send().await.unwrap();
    assert!(ended(1, 50).await.is_ok());
}

/// 148 large jobs of one client, and one small of another, as it happened.
#[tokio::test]
async fn a_small_job_of_another_client_does_not_wait_for_all_large_ones() {
    let fresh_for = SignedDuration::ZERO;
    let server = Many::start(Options {
        workers: 0,
        large: 1000,
        fresh_for,
        queue_capacity: 200,
        ..Options::default()
    })
    .await;
    server.0.store.put(&readings(2000)).await.unwrap();
    for number in 0..148 {
        let accepted = server.job(1, &format!("{ALL}&limit={}", 1500 + number)).await;
        assert_eq!(accepted.status(), 202);
    }
    let own = location(&server.job(1, &format!("{ALL}&sensor=101&limit=7")).await);
    let small = location(&server.job(2, &format!("{ALL}&limit=7")).await);
    let hidden = Duration::from_secs(60);
    let receive = async || {
        let received = server.0.queues.requests.receive(1, hidden, Duration::ZERO).await.unwrap();
        let id = received.first().map(|one| airshed::message::id_in(&one.body).unwrap());
        id.map(|id| format!("/api/results/{id}"))
    };
    // Of its own the small one comes first as well; and a second large one waits for the first.
    let mut first = [receive().await.unwrap(), receive().await.unwrap()];
    first.sort();
    let mut expected = [own, small];
    expected.sort();
    assert_eq!(first, expected);
    assert!(receive().await.is_some());
    assert_eq!(receive().await, None, "one large job at a time leaves a worker to others");
}
