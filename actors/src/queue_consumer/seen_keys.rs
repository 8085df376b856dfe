//! The keys of commands that were handled a short while ago.

use std::collections::{HashSet, VecDeque};

/// How many keys are remembered: more than a queue consumer has unsettled at a time.
const REMEMBERED: usize = 4_096;

/// Recognises a second delivery of a command that leaves no key in the log, or of a start whose
/// instance may be purged with its log.
#[derive(Debug, Default)]
pub(super) struct SeenKeys {
    known: HashSet<String>,
    /// The oldest key is first.
    order: VecDeque<String>,
}

impl SeenKeys {
    pub(super) fn contains(&self, key: &str) -> bool {
        self.known.contains(key)
    }

    pub(super) fn remember(&mut self, key: &str) {
        if !self.known.insert(key.to_owned()) {
            return;
        }
        self.order.push_back(key.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_keys_are_known_and_the_oldest_are_forgotten() {
        let mut keys = SeenKeys::default();
        (0..=REMEMBERED).for_each(|key| keys.remember(&key.to_string()));
        assert!(!keys.contains("0"));
        assert!(keys.contains("1") && keys.contains(&REMEMBERED.to_string()));
    }
}
