//! Durable before visible: what a turn wants done stays sealed until a store has answered.

use crate::ids::ShardId;

/// Proof that an append is durable. Only a store makes one, when the append has succeeded; only a
/// receipt opens a [`Sealed`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a receipt releases what was sealed"]
pub struct Receipt {
    shard: ShardId,
    commit: u64,
}

impl Receipt {
    /// For stores alone: the append that was the `commit`-th of its shard is durable.
    pub const fn issue(shard: ShardId, commit: u64) -> Self {
        Self { shard, commit }
    }

    /// The shard that was appended to.
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// The number of the append within its shard, as the store counts.
    pub const fn commit(&self) -> u64 {
        self.commit
    }
}

/// Something that must not leave before the events that caused it are durable. There is no way to
/// it but a [`Receipt`]; dropping it is what happens when the append fails for good.
#[derive(Debug)]
#[must_use = "what is sealed is lost unless it is released"]
pub struct Sealed<T>(T);

impl<T> Sealed<T> {
    /// Seals a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens the seal: the append that carried the causing events is durable.
    pub fn release(self, _proof: &Receipt) -> T {
        self.0
    }
}

impl<T> Sealed<alloc::vec::Vec<T>> {
    /// How much there is in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
