//! The configuration of a machine, and the functions that its shell provides.

use alloc::string::String;
use alloc::sync::Arc;

use crate::catalog::ActivityCatalog;
use crate::code::CodeCatalog;
use crate::wake::ForeignWakeHook;

/// What a [`Machine`](crate::Machine) takes from its shell. The default suits unit tests.
#[derive(Clone)]
pub struct MachineConfig {
    /// At replay, compare also what is only reported or was settled when it was recorded: statuses, how
    /// children are called (close and retry policies), and what the code ends with. What the code asks
    /// for is always compared: kinds, names and ids, inputs, lengths of timers, versions and ids of
    /// children, recipients and data of events.
    pub strict: bool,
    /// How to run a poll of user code so that a panic in it becomes a message. Without std there is
    /// no way to catch one: the default lets it pass through.
    pub catch_panic: CatchPanic,
    /// The activities that may be scheduled, and the orchestrations that may be called; all of them when
    /// `None`.
    pub activities: Option<Arc<dyn ActivityCatalog>>,
    /// The versions that an execution may continue as; its own when `None`.
    pub versions: Option<Arc<dyn CodeCatalog>>,
    /// The shell carries out [`Turn::local`](crate::Turn::local): it runs local activities before what
    /// schedules them is durable. Otherwise they come with the other actions.
    pub local_in_place: bool,
    /// Distinguishes threads, so that a wake from another thread is noticed even while a turn is under
    /// way. Without std there is no way to; then such a wake counts as the code's own.
    pub this_thread: Option<fn() -> u64>,
    /// Called when something wakes the code from outside a turn. The shell then asks
    /// [`Machine::foreign_wake`](crate::Machine::foreign_wake) and drops the machine.
    pub on_foreign_wake: Option<ForeignWakeHook>,
    /// The store takes [large payloads](crate::limits::MAX_LARGE_PAYLOAD_BYTES). What is recorded counts at replay,
    /// whatever this says.
    pub large_payloads: bool,
    /// Keep the [history](crate::Machine::history), so that it can be looked at: each event, with its
    /// payload, stays in memory as long as the machine. A shell that runs many executions sets this to
    /// `false`; the machine needs its counters only.
    pub keep_history: bool,
}

/// Runs a closure; the message of its panic, if it panics.
pub type CatchPanic = fn(&mut dyn FnMut()) -> Result<(), String>;

impl Default for MachineConfig {
    fn default() -> Self {
        Self {
            strict: false,
            catch_panic: |poll| {
                poll();
                Ok(())
            },
            activities: None,
            versions: None,
            local_in_place: false,
            this_thread: None,
            on_foreign_wake: None,
            large_payloads: false,
            keep_history: true,
        }
    }
}
