//! The contract of queues, and what only a queue in a directory has to keep.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airshed_file_queue::{FileQueue, Options};
use queue::{Depth, ErrorKind, Queue};
use tokio::time::Instant;

const LONG: Duration = Duration::from_secs(60);

async fn open(directory: &Path, options: Options) -> (FileQueue, FileQueue) {
    FileQueue::open(directory, options).await.unwrap()
}

/// Gives up after three receives; its time is tokio's, which a test can pause.
fn tried_three_times() -> Options {
    let (begun, began) = (Instant::now(), SystemTime::now());
    let mut options = Options::default();
    options.max_receives = 3;
    options.clock = Arc::new(move || began + begun.elapsed());
    options
}

#[tokio::test(start_paused = true)]
async fn the_contract_is_kept() {
    let folders = std::cell::RefCell::new(Vec::new());
    queue::conformance::run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let queues = open(folder.path(), tried_three_times()).await;
        folders.borrow_mut().push(folder);
        queues
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_receives_at_the_same_time_receives_different_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), Options::default()).await;
    let sent: Vec<_> = (0..200).map(|n| format!("message {n}")).collect();
    queue.send_all(&sent).await.unwrap();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let folder = folder.path().to_owned();
            tokio::spawn(async move {
                let (queue, _) = open(&folder, Options::default()).await;
                let mut received = Vec::new();
                loop {
                    let some = queue.receive(3, LONG, Duration::ZERO).await.unwrap();
                    if some.is_empty() {
                        return received;
                    }
                    received.extend(some);
                }
            })
        })
        .collect();
    let mut received = Vec::new();
    for receiver in receivers {
        received.extend(receiver.await.unwrap());
    }
    assert_eq!(received.len(), sent.len(), "each once");
    let receipts: Vec<_> = received.iter().map(|delivery| delivery.receipt.clone()).collect();
    let bodies: BTreeSet<_> = received.into_iter().map(|delivery| delivery.body).collect();
    assert_eq!(bodies, sent.into_iter().collect());
    queue.ack_all(&receipts).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test]
async fn messages_outlive_the_process_and_foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), Options::default()).await;
    queue.send("kept").await.unwrap();
    queue.send("hidden").await.unwrap();
    let first = queue.receive(1, LONG, LONG).await.unwrap().remove(0);
    drop(queue);
    std::fs::write(folder.path().join("ready/notes.txt"), "not a message").unwrap();
    std::fs::write(folder.path().join("new/half"), "being written by somebody").unwrap();

    let (queue, _) = open(folder.path(), Options::default()).await;
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.hidden), (1, 1));
    let second = queue.receive(10, LONG, LONG).await.unwrap();
    assert_eq!(second.len(), 1);
    queue.ack_all(&[first.receipt, second[0].receipt.clone()]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
    assert!(folder.path().join("ready/notes.txt").exists());
    assert!(folder.path().join("new/half").exists());
}

#[tokio::test]
async fn a_late_acknowledgement_counts_until_somebody_else_receives() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), Options::default()).await;
    queue.send("a").await.unwrap();
    let delivery = queue.receive(1, Duration::ZERO, LONG).await.unwrap().remove(0);
    assert_eq!(queue.depth().await.unwrap().waiting, 1, "ready again");
    let error = queue.extend(&delivery.receipt, LONG).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    queue.ack(&delivery.receipt).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test]
async fn a_place_that_is_no_directory_is_refused_with_the_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = FileQueue::open(file.path(), Options::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
