//! A record of what a provider has promised, and its comparison with the hub.

use std::collections::{BTreeMap, BTreeSet};

use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::azure::Azure;
use reenact_providers::{HistoryStore, InstanceFilter, PageRequest, Sharing};

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Acknowledged,
    Doubtful,
    Refused,
}

#[derive(Clone, Debug)]
struct Attempt {
    instance: InstanceId,
    from: u64,
    fate: Fate,
}

/// The answers that a provider gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    attempts: Vec<Attempt>,
    purged: BTreeSet<InstanceId>,
    /// Keys of messages that were acknowledged as sent and have not come yet.
    pub(crate) expected: BTreeSet<String>,
    /// Keys of messages that were refused.
    pub(crate) refused: BTreeSet<String>,
    /// Keys of messages whose removal was acknowledged.
    pub(crate) gone: BTreeSet<String>,
    /// Whether the service lost an answer and then said falsely that the queue does not exist: so a provider
    /// says that a message was refused which is in the queue.
    pub(crate) was_misled: bool,
    /// Whether a message went into quarantine.
    pub(crate) was_kept: bool,
}

impl Record {
    /// Two turns are about to be appended.
    pub(crate) fn attempt(&mut self, instance: &InstanceId, from: u64) -> usize {
        let (instance, fate) = (instance.clone(), Fate::Doubtful);
        self.attempts.push(Attempt { instance, from, fate });
        self.attempts.len() - 1
    }

    pub(crate) fn ends(&mut self, attempt: usize, fate: Fate) {
        self.attempts[attempt].fate = fate;
    }

    /// Whether the newest append of an instance was in doubt and has turned out to be there.
    pub(crate) fn settle(&mut self, instance: &InstanceId, length: u64) -> bool {
        let newest = self.attempts.iter_mut().rev().find(|attempt| attempt.instance == *instance);
        let Some(newest) = newest.filter(|newest| newest.fate == Fate::Doubtful) else {
            return false;
        };
        let is_there = length > newest.from;
        // The shard has another owner by now: what has not come does not come any more.
        newest.fate = if is_there { Fate::Acknowledged } else { Fate::Refused };
        is_there
    }

    pub(crate) fn purged(&mut self, instance: InstanceId) {
        self.purged.insert(instance);
    }

    pub(crate) fn came(&self, key: &str) {
        let may_come = self.was_misled || !self.refused.contains(key);
        assert!(may_come, "{key} was refused and has come");
    }

    /// What is in the hub is what was said.
    pub(crate) async fn check(&self, provider: &Azure) {
        self.check_histories(provider).await;
        let kept = provider.quarantined(None, 10).await.unwrap();
        let kept = kept.iter().filter(|(_, what)| what.raw == b"rotten").count();
        assert_eq!(kept, 1, "what is in quarantine stays there");
    }

    /// All that was acknowledged is there once and in order, and nothing else.
    pub(crate) async fn check_histories(&self, provider: &Azure) {
        let listed = provider.list(&InstanceFilter::new(), &PageRequest::new()).await;
        let listed = listed.unwrap().instances.into_iter().map(|summary| summary.instance);
        let listed: BTreeSet<InstanceId> = listed.collect();
        let mut expected: BTreeMap<&InstanceId, Vec<(usize, u64)>> = BTreeMap::new();
        for (number, attempt) in self.attempts.iter().enumerate() {
            assert_ne!(attempt.fate, Fate::Doubtful, "doubts were settled");
            let is_gone = self.purged.contains(&attempt.instance);
            if attempt.fate == Fate::Acknowledged && !is_gone {
                let turns = [(number, attempt.from), (number, attempt.from + 1)];
                expected.entry(&attempt.instance).or_default().extend(turns);
            }
        }
        assert!(listed.iter().eq(expected.keys().copied()), "{listed:?}, {self:?}");
        for (instance, turns) in expected {
            let stored = provider.read(instance, ExecutionId::FIRST, 0, 1_000).await.unwrap();
            assert_eq!(stored.next, None);
            let stored = stored.turns.into_iter().map(|turn| (turn.number, turn.bytes.to_vec()));
            let turns =
                turns.into_iter().map(|(attempt, number)| (number, written(attempt, number)));
            let (stored, turns): (Vec<_>, Vec<_>) = (stored.collect(), turns.collect());
            let short = |turns: &[(u64, Vec<u8>)]| -> Vec<String> {
                turns.iter().map(|(n, b)| format!("{n}: {}", text(b))).collect()
            };
            assert_eq!(short(&stored), short(&turns), "{instance}: each once, in order");
        }
    }
}

/// The bytes of a turn: no two attempts write the same.
pub(crate) fn written(attempt: usize, number: u64) -> Vec<u8> {
    let mut bytes = format!("attempt {attempt}, turn {number}.").into_bytes();
    bytes.resize(400, b' ');
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}
