//! `Receipt` and `Sealed`: actions stay sealed until a store has confirmed their events.

use crate::ids::ShardId;

/// Proof that an append is durable. Only a store makes one, when the append has succeeded; only a
/// receipt opens a [`Sealed`], and only that of its own append, or of a later one.
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
///
/// A seal belongs to an append once its events do ([`go_into`](Self::go_into)). Before, nothing opens it.
#[derive(Debug)]
#[must_use = "what is sealed is lost unless it is released"]
pub struct Sealed<T> {
    value: T,
    shard: ShardId,
    /// The newest commit of the shard before the append.
    after: u64,
}

impl<T> Sealed<T> {
    /// Seals a value.
    pub const fn new(value: T) -> Self {
        // No commit is after this one.
        Self { value, shard: ShardId(u32::MAX), after: u64::MAX }
    }

    /// The causing events go into an append to this shard, whose newest commit is `after` (0 when the caller
    /// knows of none): from now on the receipt of a later commit of the shard opens the seal.
    pub const fn go_into(&mut self, shard: ShardId, after: u64) {
        self.shard = shard;
        self.after = after;
    }

    /// Opens the seal: the append that carried the causing events is durable.
    ///
    /// # Panics
    /// When the receipt is of another shard, or of an earlier append: the effects would leave before their
    /// events are durable.
    pub fn release(self, proof: &Receipt) -> T {
        assert!(
            proof.shard == self.shard && proof.commit > self.after,
            "a receipt of commit {} of shard {} cannot open a seal of shard {} after commit {}",
            proof.commit,
            proof.shard,
            self.shard,
            self.after,
        );
        self.value
    }
}

impl<T> Sealed<alloc::vec::Vec<T>> {
    /// How much there is in it.
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(shard: u32, after: u64) -> Sealed<&'static str> {
        let mut sealed = Sealed::new("act");
        sealed.go_into(ShardId(shard), after);
        sealed
    }

    #[test]
    fn the_receipt_of_its_append_or_of_a_later_one_opens_a_seal() {
        assert_eq!(seal(1, 4).release(&Receipt::issue(ShardId(1), 5)), "act");
        assert_eq!(seal(1, 0).release(&Receipt::issue(ShardId(1), 9)), "act");
    }

    #[test]
    #[should_panic(
        expected = "a receipt of commit 4 of shard 1 cannot open a seal of shard 1 after commit 4"
    )]
    fn the_receipt_of_an_earlier_append_does_not() {
        seal(1, 4).release(&Receipt::issue(ShardId(1), 4));
    }

    #[test]
    #[should_panic(expected = "cannot open a seal of shard 1")]
    fn the_receipt_of_another_shard_does_not() {
        seal(1, 4).release(&Receipt::issue(ShardId(2), 5));
    }

    #[test]
    #[should_panic(expected = "cannot open a seal")]
    fn nothing_opens_the_seal_of_what_is_in_no_append() {
        Sealed::new("act").release(&Receipt::issue(ShardId(u32::MAX), u64::MAX));
    }
}
