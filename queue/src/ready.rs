//! The messages that can be delivered, by sender and size.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::channel::Message;

#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// Only senders that have a message.
    senders: HashMap<String, Lanes>,
    messages: usize,
    arrivals: u64,
}

/// The messages of a sender, each with the number of its arrival.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    small: VecDeque<(u64, Message)>,
    large: VecDeque<(u64, Message)>,
}

impl Ready {
    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    pub(crate) fn push(&mut self, message: Message) {
        let number = self.arrivals;
        self.arrivals += 1;
        self.messages += 1;
        let lanes = self.senders.entry(message.sender.clone()).or_default();
        lanes.of(message.is_large).push_back((number, message));
    }

    pub(crate) fn senders(&self) -> impl Iterator<Item = (&str, &Lanes)> {
        self.senders.iter().map(|(sender, lanes)| (sender.as_str(), lanes))
    }

    pub(crate) fn pop(&mut self, sender: &str, is_large: bool) -> Option<Message> {
        let lanes = self.senders.get_mut(sender)?;
        let (_, message) = lanes.of(is_large).pop_front()?;
        self.messages -= 1;
        if lanes.small.is_empty() && lanes.large.is_empty() {
            self.senders.remove(sender);
        }
        Some(message)
    }

    /// When the message was sent that has waited longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let lanes = self.senders.values().flat_map(|lanes| [&lanes.small, &lanes.large]);
        lanes.flatten().map(|(_, message)| message.sent).min()
    }
}

impl Lanes {
    fn of(&mut self, is_large: bool) -> &mut VecDeque<(u64, Message)> {
        if is_large { &mut self.large } else { &mut self.small }
    }

    /// Whether the next message is a large one, and the number of its arrival.
    pub(crate) fn next(
        &self,
        has_room_for_large: bool,
        now: Instant,
        patience: Duration,
    ) -> Option<(bool, u64)> {
        let number = |lane: &VecDeque<(u64, Message)>| lane.front().map(|(number, _)| *number);
        let large = number(&self.large).filter(|_| has_room_for_large);
        let has_waited = |(_, message): &(u64, Message)| now - message.sent >= patience;
        match (number(&self.small), large) {
            (Some(_), Some(large)) if self.large.front().is_some_and(has_waited) => {
                Some((true, large))
            }
            (Some(small), _) => Some((false, small)),
            (None, large) => Some((true, large?)),
        }
    }
}
