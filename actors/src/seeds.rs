//! The randomness of the runtime: seeds, ids and keys.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use reenact_core::{InstanceId, InvalidName, Timestamp, number_of_seed};
use uuid::{Builder, Uuid};

/// Seeds and ids: keys, hashed with a counter. No system call for each instance.
#[derive(Debug)]
pub(crate) struct Seeds {
    keys: Keys,
    drawn: AtomicU64,
}

#[derive(Debug)]
enum Keys {
    /// The process's random keys, drawn from the system once.
    Random(RandomState),
    /// The numbers are the same in each run.
    Seed(u64),
}

impl Seeds {
    /// What is drawn follows from the seed, if there is one.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let keys = seed.map_or_else(|| Keys::Random(RandomState::new()), Keys::Seed);
        Self { keys, drawn: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let number = match &self.keys {
            Keys::Random(keys) => keys.hash_one(drawn),
            Keys::Seed(seed) => number_of_seed(*seed, drawn),
        };
        // The highest is kept free, for runs without code.
        number >> 1
    }

    /// A text that nothing else has, for what has no key of its own.
    pub(crate) fn unique(&self) -> String {
        let number = Uuid::from_u64_pair(self.next(), self.next());
        number.simple().encode_lower(&mut [0; 32]).to_owned()
    }

    /// A version 7 UUID: ids of later instances are greater.
    pub(crate) fn instance_id(&self, now: Timestamp) -> Result<InstanceId, InvalidName> {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.next().to_le_bytes());
        random[8..].copy_from_slice(&self.next().to_le_bytes()[..2]);
        let id = Builder::from_unix_timestamp_millis(now.as_micros() / 1_000, &random).into_uuid();
        InstanceId::new(id.hyphenated().encode_lower(&mut [0; 36]))
    }
}
