//! What a start does where there is an instance of its id.

use reenact_core::IdReuse;
use reenact_providers::InstanceState;

/// What a start does where there is an instance of its id, by the state of that one. By default it is an error in
/// every state. The host that has the instance decides, in one step with the start: of several starts at the same
/// time, one is first.
///
/// ```
/// use reenact_actors::ReusePolicy;
/// use reenact_providers::InstanceState;
///
/// // As Durable Task has it: replaced in these states, an error in all others.
/// let again = ReusePolicy::new().replacing([InstanceState::Failed, InstanceState::Terminated]);
/// // Replaced when it has failed, otherwise taken as it is.
/// let one = ReusePolicy::new().replacing([InstanceState::Failed]).or_attach();
/// # drop((again, one));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a policy does nothing until a start has it"]
pub struct ReusePolicy(IdReuse);

/// What becomes of an instance that has the id of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// The start is an error.
    Refuse,
    /// It is what was to be started.
    Attach,
    /// It makes room.
    Replace,
}

impl ReusePolicy {
    /// An error in every state.
    pub fn new() -> Self {
        Self::default()
    }

    /// In one of these states, the instance is replaced: a new one begins under its id, as its next
    /// [execution](reenact_core::ExecutionId). One that has not ended is terminated in the same step.
    ///
    /// The history of the earlier one is gone then, with its status, its events and their keys. Who waits for its
    /// result on its host learns that it was terminated. Its parent, and its children by their
    /// [parent-close policies](reenact_core::ParentClose), learn what they would learn of a termination. The new one
    /// may call children under the ids that the earlier one has used: they are replaced as well, whatever
    /// they do.
    ///
    /// [`InstanceState::Importing`] never counts.
    pub fn replacing(mut self, states: impl IntoIterator<Item = InstanceState>) -> Self {
        self.0.replaced |= states.into_iter().map(bit).fold(0, |all, bit| all | bit);
        self
    }

    /// In one of these states, and where it is not replaced, the instance is taken for the one that was to be
    /// started: nothing is stored.
    pub fn attaching(mut self, states: impl IntoIterator<Item = InstanceState>) -> Self {
        self.0.attached |= states.into_iter().map(bit).fold(0, |all, bit| all | bit);
        self
    }

    /// In every state in which it is not replaced, the instance is taken for the one that was to be started,
    /// whether it runs or has ended. Nothing is stored, and its orchestration and its input may be others.
    pub fn or_attach(self) -> Self {
        use InstanceState::{Cancelled, Completed, Failed, Parked, Running, Suspended, Terminated};
        self.attaching([Running, Suspended, Parked, Completed, Failed, Terminated, Cancelled])
    }

    /// Whether it is an error in every state.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Whether there is a state in which an instance is replaced.
    pub(crate) fn may_replace(self) -> bool {
        self.0.replaced != 0
    }

    /// What becomes of an instance in a state.
    pub(crate) fn of(self, state: InstanceState) -> Reuse {
        let is_in = |states: u16| states & bit(state) != 0;
        match (is_in(self.0.replaced), is_in(self.0.attached)) {
            (true, _) => Reuse::Replace,
            (false, true) => Reuse::Attach,
            (false, false) => Reuse::Refuse,
        }
    }
}

/// As it goes into a queue.
impl From<ReusePolicy> for IdReuse {
    fn from(policy: ReusePolicy) -> Self {
        policy.0
    }
}

/// As it comes out of one.
impl From<IdReuse> for ReusePolicy {
    fn from(stored: IdReuse) -> Self {
        Self(stored)
    }
}

/// The bit of a state in a set. Never changed: sets go through queues.
const fn bit(state: InstanceState) -> u16 {
    match state {
        InstanceState::Running => 1,
        InstanceState::Completed => 1 << 1,
        InstanceState::Failed => 1 << 2,
        InstanceState::Terminated => 1 << 3,
        InstanceState::Cancelled => 1 << 4,
        InstanceState::Suspended => 1 << 5,
        InstanceState::Parked => 1 << 6,
        // Nothing happens to it. So does it to one of a state that this host does not know.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_in_which_it_is_replaced_goes_before_one_in_which_it_is_taken() {
        let policy = ReusePolicy::new().replacing([InstanceState::Failed]).or_attach();
        assert_eq!(policy.of(InstanceState::Failed), Reuse::Replace);
        assert_eq!(policy.of(InstanceState::Running), Reuse::Attach);
        assert_eq!(policy.of(InstanceState::Importing), Reuse::Refuse);
        assert_eq!(ReusePolicy::new().of(InstanceState::Running), Reuse::Refuse);
    }

    #[test]
    fn a_policy_comes_out_of_a_queue_as_it_went_in() {
        let policy = ReusePolicy::new().replacing([InstanceState::Parked, InstanceState::Running]);
        assert_eq!(IdReuse::from(policy), IdReuse { replaced: 0b100_0001, attached: 0 });
        assert_eq!(ReusePolicy::from(IdReuse::from(policy)), policy);
    }
}
