//! The contract of [`Queue`] as tests, for custom queues.
//!
//! Visibility timeouts are whole seconds, as in SQS; with tokio's paused time an in-process queue
//! passes without waiting.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Delivery, Depth, ErrorKind, Queue};

const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(60);

/// Runs every test; `empty` creates an empty queue that moves a message to its dead-letter queue
/// after three receives, and that dead-letter queue. Panics if the contract is violated.
pub async fn run<Q: Queue, F: Future<Output = (Q, Q)>>(empty: impl Fn() -> F) {
    many_are_sent_and_acknowledged_at_once(&empty().await.0).await;
    what_waits_is_counted(&empty().await.0).await;
    an_empty_queue_waits_and_gives_nothing(&empty().await.0).await;
    every_message_arrives_and_once_acknowledged_never_again(&empty().await.0).await;
    what_is_not_acknowledged_comes_again(&empty().await.0).await;
    extending_hides_longer_and_zero_hands_back(&empty().await.0).await;
    a_receipt_that_ran_out_extends_nothing(&empty().await.0).await;
    a_message_never_acknowledged_is_given_up(empty().await).await;
    a_send_wakes_who_waits(&empty().await.0).await;
    dropping_a_receive_loses_nothing(&empty().await.0).await;
}

async fn what_waits_is_counted(queue: &impl Queue) {
    assert_eq!(queue.depth().await.expect("depth"), Depth::default());
    let begun = Instant::now();
    for n in 0..3 {
        queue.send(&format!("message {n}")).await.expect("send");
    }
    // A remote queue counts with a delay.
    while queue.depth().await.expect("depth").waiting != 3 {
        sleep(SHORT).await;
    }
    let taken = receive(queue, 1, LONG, SHORT).await.len();
    loop {
        let Depth { waiting, hidden, oldest } = queue.depth().await.expect("depth");
        if (waiting, hidden) == (3 - taken, taken) {
            assert!(oldest.is_none_or(|oldest| oldest <= begun.elapsed()), "{oldest:?}");
            break;
        }
        sleep(SHORT).await;
    }
}

async fn an_empty_queue_waits_and_gives_nothing(queue: &impl Queue) {
    let start = Instant::now();
    assert_eq!(receive(queue, 10, LONG, SHORT).await, []);
    assert!(start.elapsed() >= SHORT.mul_f32(0.9), "it must wait");
}

async fn every_message_arrives_and_once_acknowledged_never_again(queue: &impl Queue) {
    let sent: BTreeSet<_> = (0..25).map(|n| format!("message {n} 🌫")).collect();
    for body in &sent {
        queue.send(body).await.expect("send");
    }
    let mut arrived = BTreeSet::new();
    while arrived.len() < sent.len() {
        let deliveries = receive(queue, 10, SHORT, LONG).await;
        assert!((1..=10).contains(&deliveries.len()), "at least one, at most what was asked");
        for delivery in deliveries {
            assert_eq!(delivery.receives, 1);
            queue.ack(&delivery.receipt).await.expect("ack");
            queue.ack(&delivery.receipt).await.expect("a second ack is no error");
            arrived.insert(delivery.body);
        }
    }
    assert_eq!(arrived, sent);
    assert_eq!(receive(queue, 10, SHORT, SHORT * 2).await, []);
}

async fn many_are_sent_and_acknowledged_at_once(queue: &impl Queue) {
    let sent: Vec<_> = (0..23).map(|n| format!("message {n}")).collect();
    queue.send_all(&sent).await.expect("send");
    let mut arrived = Vec::new();
    while arrived.len() < sent.len() {
        arrived.extend(receive(queue, 10, LONG, LONG).await);
    }
    let receipts: Vec<_> = arrived.iter().map(|delivery| delivery.receipt.clone()).collect();
    queue.ack_all(&receipts).await.expect("ack");
    queue.ack_all(&receipts).await.expect("a second ack is no error");
    let bodies: BTreeSet<_> = arrived.into_iter().map(|delivery| delivery.body).collect();
    assert_eq!(bodies, sent.into_iter().collect());
    assert_eq!(receive(queue, 10, SHORT, SHORT).await, []);
}

async fn what_is_not_acknowledged_comes_again(queue: &impl Queue) {
    queue.send("a").await.expect("send");
    let first = one(queue, SHORT).await;
    assert_eq!(receive(queue, 1, SHORT, Duration::ZERO).await, [], "hidden");
    let again = one(queue, SHORT).await;
    assert_eq!((again.body.as_str(), again.receives), ("a", 2));
    queue.ack(&first.receipt).await.expect("a late ack is no error");
}

async fn extending_hides_longer_and_zero_hands_back(queue: &impl Queue) {
    queue.send("a").await.expect("send");
    let first = one(queue, SHORT).await;
    queue.extend(&first.receipt, LONG).await.expect("extend");
    assert_eq!(receive(queue, 1, SHORT, SHORT * 2).await, [], "still hidden");
    queue.extend(&first.receipt, Duration::ZERO).await.expect("hand back");
    let start = Instant::now();
    assert_eq!(one(queue, LONG).await.receives, 2);
    assert!(start.elapsed() < LONG / 2, "handed back at once");
}

async fn a_receipt_that_ran_out_extends_nothing(queue: &impl Queue) {
    queue.send("a").await.expect("send");
    let first = one(queue, SHORT).await;
    let second = one(queue, LONG).await;
    queue.ack(&second.receipt).await.expect("ack");
    let error = queue.extend(&first.receipt, LONG).await.expect_err("it ran out");
    assert_eq!(error.kind(), ErrorKind::Expired);
}

async fn a_message_never_acknowledged_is_given_up((queue, dead): (impl Queue, impl Queue)) {
    queue.send("poison").await.expect("send");
    for receives in 1..=3 {
        assert_eq!(one(&queue, SHORT).await.receives, receives);
    }
    assert_eq!(receive(&queue, 1, SHORT, SHORT * 2).await, [], "given up");
    // A dead-letter queue has no dead-letter queue itself: messages stay until they are
    // acknowledged.
    for _ in 0..7 {
        assert_eq!(one(&dead, SHORT).await.body, "poison");
    }
    let last = one(&dead, LONG).await;
    dead.ack(&last.receipt).await.expect("ack");
    assert_eq!(receive(&dead, 1, SHORT, SHORT).await, []);
}

async fn a_send_wakes_who_waits(queue: &impl Queue) {
    let start = Instant::now();
    let send = async {
        sleep(Duration::from_secs(1)).await;
        queue.send("a").await.expect("send");
    };
    let (deliveries, ()) = tokio::join!(receive(queue, 1, LONG, LONG), send);
    assert_eq!(deliveries.len(), 1);
    assert!(start.elapsed() < LONG / 2, "woken by the send, not by the end of the wait");
}

async fn dropping_a_receive_loses_nothing(queue: &impl Queue) {
    let dropped = tokio::time::timeout(SHORT, receive(queue, 1, LONG, LONG)).await;
    assert!(dropped.is_err(), "nothing was there");
    queue.send("a").await.expect("send");
    assert_eq!(one(queue, SHORT).await.body, "a");
}

async fn one(queue: &impl Queue, visibility: Duration) -> Delivery {
    let mut deliveries = receive(queue, 1, visibility, LONG).await;
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

async fn receive(
    queue: &impl Queue,
    max: usize,
    visibility: Duration,
    wait: Duration,
) -> Vec<Delivery> {
    queue.receive(max, visibility, wait).await.expect("receive")
}
