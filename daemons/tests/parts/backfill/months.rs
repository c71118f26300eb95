//! Months from a server: zip files, and parts in Parquet.

use super::server::Server;
use super::*;

const ZIP: &str = "/mirror/csv_per_month/2021-02/2021-02_sds011.zip";
const PART: &str = "/mirror/parquet/2021-02/sds011/part-00000.snappy.parquet";

/// The rows of files in one.
fn whole(files: &[(u64, Date, String)]) -> String {
    let rows = files.iter().flat_map(|(.., text)| text.lines().skip(1));
    let head = files[0].2.lines().next().unwrap();
    [head].into_iter().chain(rows).map(|line| format!("{line}\n")).collect()
}

fn zip_of(files: &[(u64, Date, String)]) -> Vec<u8> {
    zipped(&[("2021-02_sds011.csv".to_owned(), whole(files))])
}

/// A server with months, and with pages that link to them and to what is of no interest.
async fn server(files: &[(u64, Date, String)], has_zip: bool) -> Server {
    let mut pages = BTreeMap::from([
        ("/mirror/", "<a href='csv_per_month/'>x</a><a href=parquet/>y</a>"),
        (
            "/mirror/parquet/2021-02/",
            "<a href=\"../\">..</a><a href='bmp180/'>b</a><a href='/mirror/parquet/2021-02/sds011/'>s</a>",
        ),
        (
            "/mirror/parquet/2021-02/sds011/",
            "<a href=_SUCCESS>_</a><A HREF=part-00001.snappy.parquet>1</A><a href='part-00000.snappy.parquet?x=1'>0</a>",
        ),
    ]);
    if has_zip {
        pages.insert(
            "/mirror/csv_per_month/2021-02/",
            "<a href='2021-02_bmp180.zip'>b</a><a href='2021-02_sds011.zip'>s</a><a href='2021-03_sds011.zip'>later</a>",
        );
    }
    let pages = pages.into_iter().map(|(path, page)| (path.to_owned(), page.to_owned()));
    let server = Server::start(pages.collect()).await;
    let (some, others) = files.split_at(files.len() / 2);
    *server.packed.lock().unwrap() = BTreeMap::from([
        (ZIP.to_owned(), zip_of(files)),
        (PART.to_owned(), parquet_of(some, true)),
        (PART.replace("00000", "00001"), parquet_of(others, false)),
    ]);
    server
}

/// The name of a month's file does not say whether a sensor is indoors.
fn same_but_indoor(mut stored: Vec<Reading>, mut expected: Vec<Reading>) {
    stored.iter_mut().chain(&mut expected).for_each(|reading| reading.indoor = None);
    same(stored, expected);
}

#[tokio::test]
async fn months_on_a_server_are_read_like_days() {
    let files = simulated(5, 3);
    for (below, has_zip, read) in [
        ("", true, 1),
        ("csv_per_month/", true, 1),
        ("csv_per_month/2021-02", true, 1),
        ("csv_per_month/2021-02/2021-02_sds011.zip", true, 1),
        ("", false, 2),
        ("parquet/", true, 2),
        ("parquet/2021-02/sds011/", true, 2),
    ] {
        let server = server(&files, has_zip).await;
        let folder = tempfile::tempdir().unwrap();
        let url = format!("{}{below}", server.base).parse().unwrap();
        let plan = plan(Archive::Url(url), folder.path(), 3);
        let store = empty();
        let done = run(&plan, &store).await;
        assert_eq!((done.days, done.files, done.failed.len()), (3, read, 0), "{below}");
        let rows = whole(&files).lines().count() as u64 - 1;
        assert_eq!((done.report.rows, done.report.kept), (rows, rows), "{below}");
        same_but_indoor(all(&store).await, expected(&files));
        let asked = server.asked();
        assert!(!asked.iter().any(|line| line.contains("bmp180")), "{asked:?}");
        let fetched = |line: &&String| line.contains(".zip 200") || line.contains(".parquet 200");
        assert_eq!(asked.iter().filter(fetched).count() as u64, read, "{below}: {asked:?}");
        assert_eq!(server.at_once.load(Relaxed), 1, "one connection");
        assert_eq!(run(&plan, &store).await.days, 0, "{below}");
        assert!(server.asked().is_empty());
    }
}

/// A server with folders of days is not asked for months, which would be gigabytes for a day that it
/// does not have.
#[tokio::test]
async fn months_are_not_fetched_where_there_are_days() {
    let files = simulated(2, 2);
    for folder_of in ["2019-12-31/", "2019/"] {
        let server = server(&files, true).await;
        let page = format!("<a href='csv_per_month/'>x</a><a href={folder_of}>d</a>");
        server.files.lock().unwrap().insert("/mirror/".to_owned(), page);
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 2);
        let done = run(&plan, &empty()).await;
        assert_eq!((done.days, done.without_files), (0, 2));
        assert!(!server.asked().iter().any(|line| line.contains("csv_per_month")));
    }
}

/// Stopped after each day, and with copies: what has not changed is not sent again.
#[tokio::test]
async fn months_continue_by_day_and_are_kept_as_copies() {
    let files = simulated(3, 4);
    for has_zip in [true, false] {
        let server = server(&files, has_zip).await;
        let folder = tempfile::tempdir().unwrap();
        let copies = folder.path().join("copies");
        let plan = Backfill {
            copies: Some(copies.clone()),
            ..plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 4)
        };
        let store = empty();
        let mut days = 0;
        for _ in 0..4 {
            let stop = CancellationToken::new();
            let shown = |step: Step| {
                if let Step::Stored(_) = step {
                    stop.cancel();
                }
            };
            let now = at("2026-02-01T12:00:00Z");
            days += backfill::run(&plan, &store, now, &shown, &stop).await.unwrap().days;
        }
        assert_eq!(days, 4);
        same_but_indoor(all(&store).await, expected(&files));
        let asked = server.asked();
        let count = |status: &str| {
            let of_files = |line: &&String| line.contains(".zip") || line.contains(".parquet");
            asked.iter().filter(of_files).filter(|line| line.ends_with(status)).count()
        };
        let each = if has_zip { 1 } else { 2 };
        assert_eq!((count(" 200"), count(" 304")), (each, 3 * each), "{asked:?}");
        // The copies are an archive.
        let source = Backfill { archive: Archive::Paths(vec![copies]), copies: None, ..plan };
        let store = empty();
        assert_eq!(run(&source, &store).await.failed, []);
        same_but_indoor(all(&store).await, expected(&files));
    }
}

/// A month that is refused or damaged is named, and its days are done again when it has changed.
#[tokio::test]
async fn a_month_that_cannot_be_had_is_named() {
    let files = simulated(3, 2);
    for has_tags in [true, false] {
        let server = server(&files, true).await;
        server.has_tags.store(has_tags, Relaxed);
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(Archive::Url(server.base.parse().unwrap()), folder.path(), 2);
        let store = empty();
        server.refused.lock().unwrap().insert(ZIP.to_owned(), 403);
        let done = run(&plan, &store).await;
        let failed = |done: &Backfilled| {
            let failed = done.failed.iter().map(|(name, why)| format!("{name}: {why}"));
            failed.collect::<Vec<_>>()
        };
        assert_eq!(failed(&done), ["2021-02_sds011.zip: the server answered 403 Forbidden"]);
        server.refused.lock().unwrap().clear();
        let sound = zip_of(&files);
        server.packed.lock().unwrap().insert(ZIP.to_owned(), sound[..sound.len() - 200].to_vec());
        let done = run(&plan, &store).await;
        assert_eq!(failed(&done).len(), 1, "{:?}", failed(&done));
        assert_eq!(run(&plan, &store).await.days, 0, "as long as it is the same");
        server.packed.lock().unwrap().insert(ZIP.to_owned(), sound);
        let done = run(&plan, &store).await;
        assert_eq!((done.days, done.failed.len()), (2, 0));
        same_but_indoor(all(&store).await, expected(&files));
        assert_eq!(run(&plan, &store).await.days, 0);
    }
}
