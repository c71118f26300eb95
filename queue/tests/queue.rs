//! The channel against the contract.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use airshed_queue::{Channel, ErrorKind, Options, Queue, conformance};

#[tokio::test(start_paused = true)]
async fn the_channel_keeps_the_contract() {
    conformance::run(|| async {
        let dead = Channel::new(Options::default());
        let mut options = Options::default();
        options.max_receives = 3;
        options.dead_letters = Some(dead.clone());
        (Channel::new(options), dead)
    })
    .await;
}

#[tokio::test]
async fn a_full_channel_refuses_until_something_is_acknowledged() {
    let mut options = Options::default();
    options.capacity = 2;
    let queue = Channel::new(options);
    queue.send("a").await.unwrap();
    queue.send("b").await.unwrap();
    let minute = Duration::from_secs(60);
    let held = queue.receive(1, minute, Duration::ZERO).await.unwrap();
    let error = queue.send("c").await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Full, true));
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.hidden), (1, 1));
    queue.ack(&held[0].receipt).await.unwrap();
    queue.send("c").await.unwrap();
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.hidden), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_message_that_waits_is_known() {
    let queue = Channel::new(Options::default());
    let minute = Duration::from_secs(60);
    queue.send("a").await.unwrap();
    tokio::time::sleep(minute).await;
    queue.send("b").await.unwrap();
    tokio::time::sleep(minute).await;
    assert_eq!(queue.depth().await.unwrap().oldest, Some(2 * minute));
    let held = queue.receive(1, minute, Duration::ZERO).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().oldest, Some(minute));
    queue.extend(&held[0].receipt, Duration::ZERO).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().oldest, Some(2 * minute));
}

#[tokio::test]
async fn urls_choose_the_queue() {
    assert!(!airshed_queue::open("channel:", 10, 1).await.unwrap().shared);
    let error = airshed_queue::open("redis:x", 10, 1).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
