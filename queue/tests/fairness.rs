//! The channel is fair among senders, and leaves room beside large messages: held against a model.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use airshed_queue::{Channel, Options, Queue, Receipt, Sender};
use proptest::prelude::*;

const HIDDEN: Duration = Duration::from_secs(3600 * 24 * 365);
const PATIENCE: Duration = Duration::from_secs(60);
const LARGE: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Step {
    Send { sender: u8, is_large: bool },
    Receive,
    Ack(usize),
    GiveBack(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..4, any::<bool>()).prop_map(|(sender, is_large)| Step::Send { sender, is_large }),
        4 => Just(Step::Receive),
        2 => any::<usize>().prop_map(Step::Ack),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => (1u64..50).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..80)
}

/// A message of the model, in the order of arrival.
#[derive(Debug, Clone)]
struct Sent {
    body: String,
    sender: u8,
    is_large: bool,
    at: u64,
}

/// Which message is next, by looking at all of them.
fn next(
    waiting: &[Sent],
    held: &BTreeMap<String, (Sent, Receipt)>,
    turns: &BTreeMap<u8, usize>,
    now: u64,
) -> Option<usize> {
    let in_flight = |sender| held.values().filter(|(sent, _)| sent.sender == sender).count();
    let large = held.values().filter(|(sent, _)| sent.is_large).count();
    let is_late = |sent: &Sent| sent.is_large && now - sent.at >= PATIENCE.as_secs();
    // Messages of one sender and one size come in order.
    let is_first = |at: usize, sent: &Sent| {
        let is_same = |other: &Sent| other.sender == sent.sender && other.is_large == sent.is_large;
        !waiting[..at].iter().any(is_same)
    };
    let able = waiting.iter().enumerate().filter(|(at, sent)| is_first(*at, sent));
    let able = able.filter(|(_, sent)| !sent.is_large || large < LARGE);
    let order = |at: usize, sent: &Sent| {
        let turn = turns.get(&sent.sender).copied().unwrap_or_default();
        (!is_late(sent), in_flight(sent.sender), sent.is_large, turn, at)
    };
    able.min_by_key(|(at, sent)| order(*at, sent)).map(|(at, _)| at)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_next_message_is_that_of_the_rule(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut options = Options::default();
            (options.large_in_flight, options.patience) = (LARGE, PATIENCE);
            options.max_receives = u32::MAX;
            let queue = Channel::new(options);
            let (mut waiting, mut now) = (Vec::<Sent>::new(), 0);
            let (mut held, mut turns) = (BTreeMap::new(), BTreeMap::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Send { sender, is_large } => {
                        let body = format!("{number:03}");
                        let name = sender.to_string();
                        queue.send_from(&body, Sender::new(&name, is_large)).await.unwrap();
                        waiting.push(Sent { body, sender, is_large, at: now });
                    }
                    Step::Receive => {
                        let expected = next(&waiting, &held, &turns, now);
                        let received = queue.receive(1, HIDDEN, Duration::ZERO).await.unwrap();
                        let body = received.first().map(|one| one.body.clone());
                        assert_eq!(body, expected.map(|at| waiting[at].body.clone()));
                        if let Some(at) = expected {
                            let sent = waiting.remove(at);
                            turns.insert(sent.sender, number);
                            // Who has no message any more has not had a turn.
                            turns.retain(|sender, _| waiting.iter().any(|sent| sent.sender == *sender));
                            held.insert(sent.body.clone(), (sent, received[0].receipt.clone()));
                        }
                    }
                    Step::Ack(at) if !held.is_empty() => {
                        let body = held.keys().nth(at % held.len()).unwrap().clone();
                        queue.ack(&held.remove(&body).unwrap().1).await.unwrap();
                    }
                    Step::GiveBack(at) if !held.is_empty() => {
                        let body = held.keys().nth(at % held.len()).unwrap().clone();
                        let (sent, receipt) = held.remove(&body).unwrap();
                        queue.extend(&receipt, Duration::ZERO).await.unwrap();
                        queue.depth().await.unwrap(); // it is back from now on
                        waiting.push(sent);
                    }
                    Step::Pass(seconds) => {
                        tokio::time::advance(Duration::from_secs(seconds)).await;
                        now += seconds;
                    }
                    Step::Ack(_) | Step::GiveBack(_) => {}
                }
                let depth = queue.depth().await.unwrap();
                assert_eq!((depth.waiting, depth.hidden), (waiting.len(), held.len()));
            }
        });
    }
}
