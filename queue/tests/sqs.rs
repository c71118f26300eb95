//! SQS against the contract, on an emulator.
#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/emulator/mod.rs"]
mod emulator;

use std::cell::Cell;
use std::time::Duration;

use airshed_queue::sqs::{Endpoint, Sqs, dead_letters, provision};
use airshed_queue::{ErrorKind, Queue, conformance};
use emulator::Emulator;

#[tokio::test]
async fn sqs_keeps_the_contract() {
    let emulator = Emulator::ministack();
    let endpoint = Endpoint::Emulator(emulator.url());
    let number = Cell::new(0);
    conformance::run(|| async {
        number.set(number.get() + 1);
        let name = format!("RequestSend{}", number.get());
        assert!(provision(&name, 3, &endpoint).await.unwrap());
        assert!(!provision(&name, 3, &endpoint).await.unwrap(), "it is there already");
        let queue = Sqs::open(&name, None, &endpoint).await.unwrap();
        (queue, Sqs::open(&dead_letters(&name), None, &endpoint).await.unwrap())
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_missing_one_is_named() {
    let emulator = Emulator::ministack();
    let endpoint = Endpoint::Emulator(emulator.url());
    let error = Sqs::open("RequestSend", None, &endpoint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("airshed provision"), "{error}");

    provision("RequestSend", 5, &endpoint).await.unwrap();
    let queue = Sqs::open("RequestSend", Some(3), &endpoint).await.unwrap();
    queue.send_all(&["a".to_owned(), "b".to_owned()]).await.unwrap();
    queue.send("c").await.unwrap();
    let error = queue.send("d").await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Full, true));
    let taken = queue.receive(10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    assert_eq!(taken.len(), 3);
    // The depth is asked for anew every second.
    while let Err(error) = queue.send("d").await {
        assert_eq!(error.kind(), ErrorKind::Full);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let error = queue.send(&"x".repeat(300_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
