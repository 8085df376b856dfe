//! The lock that the code holds or asks for.

use alloc::vec::Vec;

use super::State;
use super::mode::Mode;
use super::pending_drop::PendingDrop;
use crate::ids::{CorrelationId, InstanceId};

/// The lock that the code holds or asks for: one at a time.
#[derive(Debug, Default)]
pub(crate) struct CodeLock {
    /// Of the first that was asked for it.
    pub(crate) id: Option<CorrelationId>,
    /// Whose locks it is.
    pub(crate) of: Vec<InstanceId>,
    /// All of them have given it.
    pub(crate) is_held: bool,
}

impl State {
    /// The code gives a lock back. That is a step if it goes on; the end gives it back in any case.
    pub(crate) fn drop_lock(&mut self, lock: CorrelationId) {
        match self.mode {
            Mode::Between => self.refuse_foreign_call(),
            Mode::Closed => {}
            Mode::Live | Mode::Replay(_) => {
                self.lock = None;
                if lock != CorrelationId::START {
                    self.turn.drops.push_back(PendingDrop::Lock { lock });
                }
            }
        }
    }
}
