//! Cancel, terminate, suspend and resume, and the run of the code that they hold back or let go on.

use alloc::string::String;
use core::mem;

use crate::error::Cancelled;
use crate::ids::ExecutionId;
use crate::machine::phase::{Ended, Running};
use crate::machine::{ApplyError, Machine};
use crate::outcome::Outcome;
use crate::zoo::{self, Bug};

impl Machine {
    /// Lets the code react to what has woken it. While it is suspended, that is remembered.
    pub(super) fn run_code(&mut self) -> Result<(), ApplyError> {
        let Some(running) = self.phase.running_mut() else { return self.halted() };
        let woken = self.waker.take_woken();
        if !(zoo::planted(Bug::WakeLostWhileSuspended) && running.suspended) {
            running.woken |= woken;
        }
        if running.is_held_up() {
            return self.halted();
        }
        if !mem::take(&mut running.woken) {
            return self.end_for_cancel().unwrap_or_else(|| self.rest());
        }
        if let Some(cancelled) = self.cancelled_before_it_began() {
            return self.finish(Err(cancelled.into()));
        }
        self.note(|running| running.begun = true);
        self.poll()
    }

    /// Notes something of code that is alive.
    pub(super) fn note(&mut self, note: impl FnOnce(&mut Running)) {
        if let Some(running) = self.phase.running_mut() {
            note(running);
        }
    }

    /// Asks the code to end.
    pub(super) fn cancel(&mut self, reason: String) -> Result<(), ApplyError> {
        self.record_given_trace();
        let wakers = self.shared.lock().cancel_open(reason, self.is_parked());
        self.wake(wakers);
        // It need not wait for its delay to end.
        let ends = self.cancelled_before_it_began().is_some();
        self.note(|running| running.woken |= ends);
        self.run_code()
    }

    /// Ends the execution without asking the code.
    pub(super) fn terminate(&mut self, reason: String) -> Result<(), ApplyError> {
        self.record_given_trace();
        self.end(Ended { outcome: Outcome::Terminated { reason }, next: None });
        Ok(())
    }

    pub(super) fn suspend(&mut self) -> Result<(), ApplyError> {
        self.record_given_trace();
        self.note(|running| running.suspended = true);
        self.halted()
    }

    pub(super) fn resume(&mut self) -> Result<(), ApplyError> {
        self.record_given_trace();
        self.note(|running| running.suspended = false);
        self.run_code()
    }

    pub(super) fn park(&mut self) -> Result<(), ApplyError> {
        self.note(|running| running.parked = true);
        self.halted()
    }

    pub(super) fn unpark(&mut self) -> Result<(), ApplyError> {
        self.note(|running| running.parked = false);
        self.shared.lock().cancel_owed();
        self.run_code()
    }

    /// The trace in which somebody asked for the input of this turn. It stands before what comes of that.
    fn record_given_trace(&mut self) {
        let given = self.given_trace.take();
        let mut state = self.shared.lock();
        let trace = state.trace_of_input(given);
        state.record_trace(trace);
    }

    /// Code that has done nothing has nothing to clean up, and never runs. That of a later execution
    /// has: what the earlier ones have done.
    fn cancelled_before_it_began(&self) -> Option<Cancelled> {
        let has_begun = self.phase.running().is_some_and(|running| running.begun);
        let state = self.shared.lock();
        let is_new = !has_begun && state.execution == ExecutionId::FIRST;
        state.cancellation.as_ref().filter(|_| is_new).map(|come| come.cancelled.clone())
    }

    /// Why a cancel was requested, if one was.
    pub fn cancel_requested(&self) -> Option<String> {
        let state = self.shared.lock();
        state.cancellation.as_ref().map(|come| come.cancelled.reason.clone())
    }

    /// Whether the execution was [parked](crate::Event::ExecutionParked), as far as its log knows: its
    /// code does not run before a [`Command::Unpark`](crate::Command::Unpark).
    pub fn is_parked(&self) -> bool {
        self.phase.running().is_some_and(|running| running.parked)
    }

    /// Whether the code must not go on until the execution is resumed. What comes meanwhile is
    /// recorded.
    pub fn is_suspended(&self) -> bool {
        self.phase.running().is_some_and(|running| running.suspended)
    }
}
