//! Backfills from a server.

use super::*;

/// A server like the archive's.
pub(super) struct Server {
    pub(super) base: String,
    asked: Arc<Mutex<Vec<String>>>,
    pub(super) at_once: Arc<AtomicUsize>,
    /// Paths that fail so many times.
    failing: Arc<Mutex<BTreeMap<String, usize>>>,
    pub(super) files: Arc<Mutex<BTreeMap<String, String>>>,
    /// More files, which are not text.
    pub(super) packed: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// What is answered instead of files whose paths begin so.
    pub(super) refused: Arc<Mutex<BTreeMap<String, u16>>>,
    /// Whether it says which version of a file it gives.
    pub(super) has_tags: Arc<AtomicBool>,
}

impl Server {
    /// The requests since the last call, as method, path and status.
    pub(super) fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().map(|line| line.split(" airshed").next().unwrap().to_owned()).collect()
    }

    pub(super) async fn start(files: BTreeMap<String, String>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/mirror/", listener.local_addr().unwrap());
        let (files, asked) = (Arc::new(Mutex::new(files)), Arc::<Mutex<Vec<String>>>::default());
        let has_tags = Arc::new(AtomicBool::new(true));
        let refused = Arc::<Mutex<BTreeMap<String, u16>>>::default();
        let packed = Arc::<Mutex<BTreeMap<String, Vec<u8>>>>::default();
        let (at_once, failing) =
            (Arc::<AtomicUsize>::default(), Arc::<Mutex<BTreeMap<String, usize>>>::default());
        let server = Self {
            base,
            asked: Arc::clone(&asked),
            at_once: Arc::clone(&at_once),
            failing: Arc::clone(&failing),
            files: Arc::clone(&files),
            refused: Arc::clone(&refused),
            packed: Arc::clone(&packed),
            has_tags: Arc::clone(&has_tags),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                at_once.fetch_add(1, Relaxed);
                let (files, asked, failing) =
                    (Arc::clone(&files), Arc::clone(&asked), Arc::clone(&failing));
                let (has_tags, refused) = (Arc::clone(&has_tags), Arc::clone(&refused));
                let packed = Arc::clone(&packed);
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let path = request.uri().path().to_owned();
                    let agent = request.headers()["user-agent"].to_str().unwrap().to_owned();
                    let fails = failing.lock().unwrap().get_mut(&path).is_some_and(|left| {
                        let fails = *left > 0;
                        *left = left.saturating_sub(1);
                        fails
                    });
                    let text = files.lock().unwrap().get(&path).cloned().map(String::into_bytes);
                    let text = text.or_else(|| packed.lock().unwrap().get(&path).cloned());
                    let tag = format!("\"{:x}\"", crc(text.as_deref().unwrap_or_default()));
                    let known = request.headers().get("if-none-match");
                    let refused = refused.lock().unwrap();
                    let refused = refused.iter().find(|(begin, _)| path.starts_with(*begin));
                    let (status, body) = match text {
                        _ if fails => (503, Vec::new()),
                        _ if refused.is_some() => (*refused.unwrap().1, b"<html>no".to_vec()),
                        Some(_) if known.is_some_and(|known| known == &tag) => (304, Vec::new()),
                        Some(text) => (200, text),
                        None => (404, b"<html>404</html>".to_vec()),
                    };
                    let method = request.method();
                    asked.lock().unwrap().push(format!("{method} {path} {status} {agent}"));
                    let body = if method == "HEAD" { Vec::new() } else { body };
                    let mut answer = http::Response::builder().status(status);
                    if status == 503 {
                        answer = answer.header("retry-after", "0");
                    } else if status < 400 && has_tags.load(Relaxed) {
                        answer = answer.header("etag", tag);
                    }
                    let answer = answer.body(Full::new(Bytes::from(body)));
                    async move { Ok::<_, std::convert::Infallible>(answer.unwrap()) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        server
    }
}

fn crc(text: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Recent days have a folder of their own, earlier ones one below their year.
fn served(files: &[(u64, Date, String)]) -> BTreeMap<String, String> {
    let mut paths = BTreeMap::new();
    for (sensor, date, text) in files {
        let folder = match *date == FIRST {
            true => format!("/mirror/{}/{date}/", date.year()),
            false => format!("/mirror/{date}/"),
        };
        let name = name(*sensor, *date);
        let listing: &mut String = paths.entry(folder.clone()).or_insert_with(|| {
            "<a href=\"../\">..</a> <A HREF='/etc/passwd'>no</A> <a href=2021-02-14_bmp180_sensor_7.csv>x</a>".to_owned()
        });
        *listing += &match sensor % 3 {
            0 => format!("<tr><td><a href=\"{name}\">{name}</a></td></tr>\n"),
            1 => format!("<A HREF='{name}'>{name}</A>\n"),
            _ => format!("<a href={name}>{name}</a>\n"),
        };
        paths.insert(format!("{folder}{name}"), text.clone());
    }
    paths
}

#[tokio::test]
async fn a_server_is_asked_politely_and_again_where_it_failed() {
    let files = simulated(3, 3);
    let server = Server::start(served(&files)).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::Url(server.base.parse().unwrap());
    let mut plan = plan(archive, folder.path(), 4); // of the last day there is nothing
    plan.client.contact = Some("me@example.org".to_owned());
    let lost = format!("/mirror/2021-02-14/{}", name(2, date(2021, 2, 14)));
    let passing = format!("/mirror/2021-02-15/{}", name(1, date(2021, 2, 15)));
    server.failing.lock().unwrap().extend([(lost, 4), (passing, 1)]);
    let store = empty();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.without_files, done.files), (3, 1, 8));
    let failed: Vec<_> = done.failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(
        failed,
        ["2021-02-14_sds011_sensor_2.csv: the server answered 503 Service Unavailable"]
    );
    let asked = std::mem::take(&mut *server.asked.lock().unwrap());
    assert!(asked.iter().all(|line| line.ends_with("(me@example.org)")), "{asked:?}");
    assert!(
        !asked.iter().any(|line| line.contains("bmp180") || line.contains("passwd")),
        "{asked:?}"
    );
    assert_eq!(server.at_once.load(Relaxed), 1, "one connection");

    // The day that lacks a file is done again, and the next, whose 24 h means need its hours.
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.without_files), (2, 1));
    assert_eq!(done.failed, []);
    same(all(&store).await, expected(&files));
    assert_eq!(run(&plan, &store).await.days, 0);

    // A server that is not there is no archive without files.
    let mut gone = plan.clone();
    gone.archive = Archive::Url("http://127.0.0.1:9/".parse().unwrap());
    let now = Timestamp::now();
    let stop = CancellationToken::new();
    let error = tokio::time::timeout(
        Duration::from_secs(60),
        backfill::run(&gone, &store as &dyn Destination, now, &|_| {}, &stop),
    );
    let error = error.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the archive cannot be listed");
}

/// Damaged, empty and missing files are not fetched again, nor are the other files of their days, until
/// they have changed; what the network lost is.
#[tokio::test]
async fn a_day_is_left_alone_until_the_files_that_it_lacks_have_changed() {
    for has_tags in [true, false] {
        let files = simulated(3, 3);
        let mut paths = served(&files);
        let (first, second) = (files[1].1, date(2021, 2, 14));
        let damaged = format!("/mirror/{second}/{}", name(2, second));
        let empty_file = format!("/mirror/2021/{first}/{}", name(1, first));
        let missing = format!("/mirror/{second}/{}", name(3, second));
        let good = paths.insert(damaged.clone(), "<html>damaged</html>".to_owned()).unwrap();
        paths.insert(empty_file.clone(), String::new());
        paths.remove(&missing);
        let server = Server::start(paths).await;
        server.has_tags.store(has_tags, Relaxed);
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 3);
        let store = empty();
        let done = run(&plan, &store).await;
        assert_eq!((done.days, done.failed.len()), (3, 3));
        server.asked();

        let nothing = run(&plan, &store).await;
        assert_eq!((nothing.days, nothing.files), (0, 0));
        // Each file is asked about once, though two days lack it.
        let about = |path: &str, status| match has_tags || status == 404 {
            true => vec![format!("HEAD {path} {status}")],
            false => vec![format!("HEAD {path} {status}"), format!("GET {path} {status}")],
        };
        let mut expected = about(&empty_file, 200);
        expected.extend(about(&damaged, 200));
        expected.extend(about(&missing, 404));
        assert_eq!(server.asked(), expected);
        // A failure to ask is no change.
        server.failing.lock().unwrap().insert(damaged.clone(), 4);
        assert_eq!(run(&plan, &store).await.days, 0);
        assert_eq!(run(&Backfill { again: true, ..plan.clone() }, &store).await.days, 3);

        server.files.lock().unwrap().insert(damaged, good);
        let done = run(&plan, &store).await;
        assert_eq!((done.days, done.failed.len()), (2, 1), "that day and the next");
        server.asked();
        assert_eq!(run(&plan, &store).await.days, 0);
        let gets = server.asked().iter().filter(|line| line.starts_with("GET")).count();
        assert_eq!(gets, usize::from(!has_tags), "the empty file");
        let known: Vec<_> = files
            .iter()
            .filter(|(id, day, _)| (*id, *day) != (1, first) && (*id, *day) != (3, second))
            .cloned()
            .collect();
        same(all(&store).await, self::expected(&known));
    }
}

/// What was fetched is kept, and only fetched again when it has changed; the copies are an archive.
#[tokio::test]
async fn copies_are_fetched_again_only_when_they_have_changed() {
    let files = simulated(3, 2);
    let server = Server::start(served(&files)).await;
    let folder = tempfile::tempdir().unwrap();
    let copies = folder.path().join("copies");
    let plan = Backfill {
        copies: Some(copies.clone()),
        record: None,
        ..plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 2)
    };
    let statuses = |asked: Vec<String>| {
        let mut counts = BTreeMap::new();
        for line in asked {
            let status: u16 = line.rsplit(' ').next().unwrap().parse().unwrap();
            *counts.entry(status).or_insert(0) += 1;
        }
        counts.remove(&404); // folders that are not there
        counts
    };
    let backfilled = async || {
        let store = empty();
        assert_eq!(run(&plan, &store).await.failed, []);
        (all(&store).await, statuses(server.asked()))
    };
    let (first, asked) = backfilled().await;
    assert_eq!(asked, BTreeMap::from([(200, 8)]), "two listings and their files");
    same(first, expected(&files));
    let (again, asked) = backfilled().await;
    assert_eq!(asked, BTreeMap::from([(304, 8)]));
    same(again, expected(&files));

    // A copy that is half there, one that is gone, one of which nothing is known, and a new version.
    let of_day = copies.join("2021-02-14");
    let copy = |sensor| of_day.join(name(sensor, date(2021, 2, 14)));
    let text = fs::read_to_string(copy(1)).unwrap();
    fs::write(copy(1), &text[..text.len() / 2]).unwrap();
    fs::remove_file(copy(2)).unwrap();
    let path = format!("/mirror/2021-02-14/{}", name(3, date(2021, 2, 14)));
    let changed = files[5].2.replace(";SDS011;", ";SDS021;");
    server.files.lock().unwrap().insert(path, changed.clone());
    let (repaired, asked) = backfilled().await;
    assert_eq!(asked, BTreeMap::from([(200, 3), (304, 5)]));
    let mut newer = files.clone();
    newer[5].2 = changed;
    same(repaired, expected(&newer));
    fs::write(of_day.join(".copies.json"), "{").unwrap();
    assert_eq!(backfilled().await.1, BTreeMap::from([(200, 4), (304, 4)]));

    let source = Backfill { archive: Archive::Paths(vec![copies]), copies: None, ..plan.clone() };
    let store = empty();
    assert_eq!(run(&source, &store).await.failed, []);
    same(all(&store).await, expected(&newer));

    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let nowhere = Backfill { copies: Some(file), ..plan.clone() };
    let now = at("2026-02-01T12:00:00Z");
    let stop = CancellationToken::new();
    let failed = backfill::run(&nowhere, &empty() as &dyn Destination, now, &|_| {}, &stop).await;
    assert!(failed.unwrap_err().to_string().starts_with("cannot keep copies in "));
}

/// Records of the first form, without a version and without days that lack something.
#[tokio::test]
async fn an_old_record_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let archive = written(&folder, &simulated(1, 3));
    let plan = plan(Archive::Paths(vec![archive]), folder.path(), 3);
    let store = empty();
    assert_eq!(run(&plan, &store).await.days, 3);
    let mut records = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let record = records.find(|path| path.extension().is_some_and(|e| e == "json")).unwrap();
    let mut done: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let what = done["what"].take();
    let old = serde_json::json!({ "what": what, "days": ["2021-02-13", "2021-02-15"] });
    fs::write(&record, old.to_string()).unwrap();
    assert_eq!(run(&plan, &store).await.days, 1);
    assert_eq!(run(&plan, &store).await.days, 0);
}

/// One file that is refused, gone or broken is named, and the rest goes on; its day is done again when
/// the file is there.
#[tokio::test]
async fn a_file_that_is_refused_is_named_and_stops_nothing() {
    let files = simulated(6, 2);
    let server = Server::start(served(&files)).await;
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 2);
    let path = |sensor| format!("/mirror/2021-02-14/{}", name(sensor, date(2021, 2, 14)));
    let statuses = [(1, 403), (2, 410), (3, 451), (5, 401), (6, 404)];
    *server.refused.lock().unwrap() = statuses.map(|(id, status)| (path(id), status)).into();
    let store = empty();
    let done = run(&plan, &store).await;
    let failed: Vec<_> = done.failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let words = [
        "403 Forbidden",
        "410 Gone",
        "451 Unavailable For Legal Reasons",
        "401 Unauthorized",
        "404 Not Found",
    ];
    let expected_words = statuses.iter().zip(words).map(|((id, _), words)| {
        format!("{}: the server answered {words}", name(*id, date(2021, 2, 14)))
    });
    assert_eq!(failed, expected_words.collect::<Vec<_>>());
    assert_eq!((done.days, done.files), (2, 7));
    assert_eq!(run(&plan, &store).await.days, 0, "as long as they are refused");
    server.refused.lock().unwrap().clear();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.failed.len()), (1, 0));
    same(all(&store).await, expected(&files));
}

/// A server that refuses everything is asked for few files, and the last is named.
#[tokio::test]
async fn a_server_that_fails_for_everything_ends_a_backfill() {
    let files = simulated(8, 2);
    let server = Server::start(served(&files)).await;
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 2);
    let store = empty();
    let ended = async || {
        let now = at("2026-02-01T12:00:00Z");
        let stop = CancellationToken::new();
        let error = backfill::run(&plan, &store, now, &|_| {}, &stop).await.unwrap_err();
        airshed::reason(&error)
    };
    let refuse = |begin: &str, status| {
        *server.refused.lock().unwrap() = BTreeMap::from([(format!("/mirror/{begin}"), status)]);
    };
    refuse("2021-02-14/2021-02-14_sds011", 403);
    let message = ended().await;
    assert!(
        message.starts_with("the archive's server failed for 5 files in a row")
            && message
                .ends_with("/2021-02-14_sds011_sensor_5.csv: the server answered 403 Forbidden"),
        "{message}"
    );
    let gets =
        server.asked().into_iter().filter(|line| line.starts_with("GET") && line.ends_with("403"));
    assert_eq!(gets.count(), 5);
    refuse("2021-02-14/", 403);
    let message = ended().await;
    assert!(
        message.starts_with("the archive cannot be listed: http://")
            && message.ends_with("/mirror/2021-02-14/: the server answered 403 Forbidden"),
        "{message}"
    );
    server.refused.lock().unwrap().clear();
    let done = run(&plan, &store).await;
    assert_eq!((done.days, done.failed.len()), (1, 0), "the first day was done");
    same(all(&store).await, expected(&files));
}
