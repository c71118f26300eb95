use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use queue::Receipt;

/// The name of a message's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// When it was sent: nanoseconds since 1970.
    pub(crate) sent: u64,
    /// Distinguishes messages sent at the same time.
    random: u64,
    /// The number of receives.
    pub(crate) receives: u32,
}

impl Name {
    /// Of a message that is sent now.
    pub(crate) fn new(sent: u64) -> Self {
        Self { sent, random: RandomState::new().hash_one(sent), receives: 0 }
    }

    pub(crate) fn received(&self) -> Self {
        Self { receives: self.receives + 1, ..*self }
    }

    pub(crate) fn never_received(&self) -> Self {
        Self { receives: 0, ..*self }
    }

    pub(crate) fn ready(&self) -> String {
        let Self { sent, random, receives } = self;
        format!("{sent:020}-{random:016x}.{receives}")
    }

    pub(crate) fn hidden(&self, until: u64) -> String {
        format!("{}.{until:020}", self.ready())
    }

    /// A hidden message's file, and until when it is hidden; `None` for any other file.
    pub(crate) fn of_hidden(file: &str) -> Option<(Self, u64)> {
        let (name, until) = file.rsplit_once('.')?;
        Some((name.parse().ok()?, until.parse().ok()?))
    }

    /// What names the delivery: a message has no two with one number of receives.
    pub(crate) fn receipt(&self) -> Receipt {
        Receipt::new(self.ready())
    }

    /// `None` for an invalid receipt.
    pub(crate) fn of_receipt(receipt: &Receipt) -> Option<Self> {
        receipt.as_str().parse().ok()
    }
}

/// The file does not belong to the queue.
#[derive(Debug)]
pub(crate) struct NotAMessage;

impl FromStr for Name {
    type Err = NotAMessage;

    fn from_str(file: &str) -> Result<Self, NotAMessage> {
        let parse = || {
            let (id, receives) = file.split_once('.')?;
            let (sent, random) = id.split_once('-')?;
            let random = u64::from_str_radix(random, 16).ok()?;
            Some(Self { sent: sent.parse().ok()?, random, receives: receives.parse().ok()? })
        };
        parse().filter(|name| name.ready() == file).ok_or(NotAMessage)
    }
}
