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
    deliveries: u64,
}

/// What would be delivered next of a sender's messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    /// Whether it is a large one that has waited for long.
    pub(crate) is_late: bool,
    pub(crate) is_large: bool,
    /// Of the last delivery to its sender.
    pub(crate) served: u64,
    /// Of its arrival.
    pub(crate) number: u64,
}

/// The messages of a sender, each with the number of its arrival.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    small: VecDeque<(u64, Message)>,
    large: VecDeque<(u64, Message)>,
    /// The number of the last delivery to this sender, while it has messages.
    served: u64,
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
        self.deliveries += 1;
        lanes.served = self.deliveries;
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

    /// The message that is next, if one can be delivered now.
    pub(crate) fn next(
        &self,
        has_room_for_large: bool,
        now: Instant,
        patience: Duration,
    ) -> Option<Next> {
        let large = self.large.front().filter(|_| has_room_for_large);
        let large = large.map(|(number, message)| Next {
            is_late: now - message.sent >= patience,
            is_large: true,
            served: self.served,
            number: *number,
        });
        let small = self.small.front();
        let small = small.map(|(number, _)| Next {
            is_late: false,
            is_large: false,
            served: self.served,
            number: *number,
        });
        large.filter(|large| large.is_late || small.is_none()).or(small)
    }
}
