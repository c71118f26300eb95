//! Which flags a deployment computes.

use store::{Flags, Reading};

use crate::neighbours::Limits;

/// Which of the stored flags are computed, and the limits beside neighbours.
///
/// Flags that follow from a reading itself, such as `negative` or a mean that is `zero`, are not stored
/// and always there. The default computes all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagging {
    /// Any of [`Flagging::ALL`].
    pub computed: Flags,
    /// Beside neighbours.
    pub limits: Limits,
}

impl Default for Flagging {
    fn default() -> Self {
        Self { computed: Self::ALL, limits: Limits::default() }
    }
}

impl Flagging {
    /// The flags that are computed from samples, neighbours, humidity and place, and stored.
    pub const ALL: Flags = Flags::STORED;

    /// Sets the flags of [`neighbours`](crate::neighbours), and removes those that are not computed.
    pub fn beside_neighbours(&self, readings: &mut [Reading]) {
        self.limits.flag(readings);
        self.only_computed(readings);
    }

    /// Removes the flags that are not computed.
    pub fn only_computed(&self, readings: &mut [Reading]) {
        let off = Self::ALL.difference(self.computed);
        if !off.is_empty() {
            for reading in readings {
                reading.stored_flags = reading.stored_flags.difference(off);
            }
        }
    }
}
