//! How many instances there are, by orchestration and state.

use std::collections::BTreeMap;

use reenact_core::Name;

use super::{InstanceState, InstanceSummary};

/// How many instances there are of each orchestration in each state.
///
/// ```
/// use reenact_core::Name;
/// use reenact_providers::{InstanceCounts, InstanceState};
///
/// let order = Name::new("order").unwrap();
/// let mut counts = InstanceCounts::default();
/// counts.add(&order, InstanceState::Failed, 2);
/// assert_eq!(counts.all().of(InstanceState::Failed), 2);
/// assert_eq!(counts.orchestrations().next(), Some((&order, counts.all())));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceCounts {
    by_name: BTreeMap<Name, StateCounts>,
}

/// How many instances there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts([u64; InstanceState::ALL.len()]);

impl InstanceCounts {
    /// Of all orchestrations.
    pub fn all(&self) -> StateCounts {
        self.by_name.values().fold(StateCounts::default(), |all, counts| all.and(*counts))
    }

    /// The orchestrations that have instances, by name, and how many.
    pub fn orchestrations(&self) -> impl Iterator<Item = (&Name, StateCounts)> {
        self.by_name.iter().map(|(name, counts)| (name, *counts))
    }

    /// Counts more of them.
    pub fn add(&mut self, name: &Name, state: InstanceState, more: u64) {
        if let Some(counts) = self.by_name.get_mut(name) {
            counts.0[state as usize] += more;
        } else if more > 0 {
            let mut counts = StateCounts::default();
            counts.0[state as usize] = more;
            self.by_name.insert(name.clone(), counts);
        }
    }

    /// Counts one more.
    pub fn add_one(&mut self, summary: &InstanceSummary) {
        self.add(&summary.name, summary.state, 1);
    }

    /// Counts one less, of which there may be none.
    pub fn subtract_one(&mut self, summary: &InstanceSummary) {
        if let Some(counts) = self.by_name.get_mut(&summary.name) {
            let count = &mut counts.0[summary.state as usize];
            *count = count.saturating_sub(1);
            if counts.total() == 0 {
                self.by_name.remove(&summary.name);
            }
        }
    }

    /// Counts all of these as well.
    pub fn add_all(&mut self, others: &Self) {
        for (name, counts) in &others.by_name {
            for state in InstanceState::ALL {
                self.add(name, *state, counts.of(*state));
            }
        }
    }
}

impl StateCounts {
    /// In this state.
    pub const fn of(&self, state: InstanceState) -> u64 {
        self.0[state as usize]
    }

    /// In any state.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn and(mut self, other: Self) -> Self {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
        self
    }
}
