//! The contract of stores, and what only a store in SQLite's file has to keep.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::path::Path;

use airshed_sqlite_store::Sqlite;
use store::conformance::{self, Model, all, assert_same};
use store::{ErrorKind, Query, Reading, Store, Timestamp, View, Window};

async fn open(path: &Path) -> Sqlite {
    Sqlite::open(path).await.unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn reading(sensor: u64, second: i64) -> Reading {
    Reading { pm10: Some(5.into()), ..Reading::new(sensor, Window::Hour, at(second)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept() {
    let folders = RefCell::new(Vec::new());
    let empty = || async {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("readings.db")).await;
        folders.borrow_mut().push(folder);
        store
    };
    conformance::run(empty).await;
    conformance::run_snapshots(empty).await;
}

#[tokio::test]
async fn whatever_is_put_and_asked_it_answers_as_the_model_does() {
    use proptest::strategy::{Strategy, ValueTree};
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("readings.db")).await;
    let model = Model::default();
    let mut runner = proptest::test_runner::TestRunner::default();
    for _ in 0..100 {
        let batch = conformance::readings().new_tree(&mut runner).unwrap().current();
        if store.put(&batch).await.is_ok() {
            model.put(&batch);
        }
        let query = conformance::query().new_tree(&mut runner).unwrap().current();
        assert_same(&all(&store, &query).await, &model.query(&query));
    }
    let everything = Query::everything();
    assert_same(&all(&store, &everything).await, &model.query(&everything));
    assert!(!model.query(&everything).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_puts_at_the_same_time_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings.db");
    let putters: Vec<_> = (0..4u64)
        .map(|sensor| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = open(&path).await;
                for hour in 0..25 {
                    store.put(&[reading(sensor, hour * 3600)]).await.unwrap();
                }
            })
        })
        .collect();
    for putter in putters {
        putter.await.unwrap();
    }
    let store = open(&path).await;
    assert_eq!(store.summary().await.unwrap().readings(), 100);
    assert_eq!(store.version(at(0), at(86_400)).await.unwrap().as_deref(), Some("100"));
}

#[tokio::test]
async fn a_page_that_finds_nothing_for_long_ends_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("readings.db")).await;
    let many: Vec<_> = (0..200_001).map(|n| reading(n % 1000, (n / 1000) as i64)).collect();
    store.put(&many).await.unwrap();
    let mut query = Query::everything();
    query.countries = vec!["DE".parse().unwrap()];
    let page = store.query(&query, None).await.unwrap();
    assert!(page.is_empty());
    let page = store.query(&query, Some(page.next.expect("there are more"))).await.unwrap();
    assert!(page.is_empty() && page.next.is_none());
}

#[tokio::test]
async fn what_is_no_store_of_this_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = async |name: &str, prepare: fn(&Path)| {
        let path = folder.path().join(name);
        prepare(&path);
        Sqlite::open(path).await.unwrap_err()
    };
    let sql = |path: &Path, sql: &str| {
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    };
    let text = refused("text", |path| std::fs::write(path, "no database ".repeat(100)).unwrap());
    assert_eq!(text.await.kind(), ErrorKind::Damaged);
    let path = folder.path().join("other");
    sql(&path, "CREATE TABLE cats (name TEXT)");
    assert_eq!(Sqlite::open(path).await.unwrap_err().kind(), ErrorKind::Invalid);
    let path = folder.path().join("newer");
    drop(open(&path).await);
    sql(&path, "PRAGMA user_version = 3");
    assert_eq!(Sqlite::open(&path).await.unwrap_err().kind(), ErrorKind::TooNew);
    sql(&path, "PRAGMA user_version = 1");
    assert_eq!(Sqlite::open(path).await.unwrap_err().kind(), ErrorKind::Invalid);
    let nowhere = Sqlite::open(folder.path().join("no/such/directory")).await.unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Denied);
    assert!(nowhere.to_string().contains("no/such/directory"), "{nowhere}");
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_named_and_the_rest_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings.db");
    let store = open(&path).await;
    store.put(&[reading(1, 0), reading(1, 86_400)]).await.unwrap();
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch("UPDATE readings SET P1 = 'much' WHERE day = 0").unwrap();
    let error = store.query(&Query::everything(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let message = error.to_string();
    assert!(message.contains("readings.db") && message.contains("P1"), "{message}");
    assert!(std::error::Error::source(&error).is_some());
    let next_day = Query::new(at(86_400), at(90_000));
    assert_same(&all(&store, &next_day).await, &[reading(1, 86_400)]);
}
