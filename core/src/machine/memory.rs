//! The bytes that an execution holds in memory.

use core::mem;

use super::Machine;
use crate::event::Event;

impl Machine {
    /// What the execution holds in memory beyond a few KiB that each one takes, in bytes, about:
    ///
    /// - what is scheduled and has not been taken: inputs, outputs, external events, messages;
    /// - the input of the code, which may hold it as long as it runs, and the code's future;
    /// - of the outputs that the code has taken, those of the calls that were made together: it may be
    ///   gathering them. A call that is made while no other is open begins anew.
    ///
    /// What the code keeps besides is known where the code [says it](crate::OrchestrationContext::set_held_bytes). The history counts only where it is
    /// [kept](crate::MachineConfig::keep_history).
    pub fn held_bytes(&self) -> usize {
        let code = self
            .phase
            .running()
            .map_or(0, |running| mem::size_of_val(&*running.future) + running.input_bytes);
        let state = self.shared.lock();
        let kept = match self.config.keep_history {
            true => {
                let payloads = usize::try_from(state.written.bytes).unwrap_or(usize::MAX);
                let events = usize::try_from(self.history.len()).unwrap_or(usize::MAX);
                payloads.saturating_add(events.saturating_mul(mem::size_of::<Event>()))
            }
            false => 0,
        };
        kept.saturating_add(code + state.held_bytes())
    }
}
