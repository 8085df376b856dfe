//! What people do to an execution that runs: cancel, suspend, resume.

use alloc::string::String;
use core::mem;

use crate::error::Cancelled;
use crate::ids::ExecutionId;
use crate::machine::progress::Progress;
use crate::machine::{ApplyError, Machine};

impl Machine {
    /// Lets the code react to what has woken it. While it is suspended, that is remembered.
    pub(super) fn go_on(&mut self) -> Result<(), ApplyError> {
        self.progress.woken |= self.waker.take_woken();
        let Progress { suspended, held, parked, .. } = self.progress;
        if suspended || held || parked {
            return self.halted();
        }
        if !mem::take(&mut self.progress.woken) {
            return self.end_for_cancel().unwrap_or_else(|| self.rest());
        }
        if let Some(cancelled) = self.cancelled_before_it_began() {
            return self.finish(Err(cancelled.into()));
        }
        self.progress.begun = true;
        self.poll()
    }

    /// Asks the code to end.
    pub(super) fn cancel(&mut self, reason: String) -> Result<(), ApplyError> {
        let wakers = self.shared.lock().cancel_open(reason);
        self.wake(wakers);
        // It need not wait for its delay to end.
        self.progress.woken |= self.cancelled_before_it_began().is_some();
        self.go_on()
    }

    pub(super) fn suspend(&mut self) -> Result<(), ApplyError> {
        self.progress.suspended = true;
        self.halted()
    }

    pub(super) fn resume(&mut self) -> Result<(), ApplyError> {
        self.progress.suspended = false;
        self.go_on()
    }

    pub(super) fn park(&mut self) -> Result<(), ApplyError> {
        self.progress.parked = true;
        self.halted()
    }

    pub(super) fn unpark(&mut self) -> Result<(), ApplyError> {
        self.progress.parked = false;
        self.go_on()
    }

    /// Code that has done nothing has nothing to clean up, and never runs. That of a later execution
    /// has: what the earlier ones have done.
    fn cancelled_before_it_began(&self) -> Option<Cancelled> {
        let state = self.shared.lock();
        let is_new = !self.progress.begun && state.execution == ExecutionId::FIRST;
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
        self.progress.parked && self.outcome.is_none()
    }

    /// Whether the code must not go on until the execution is resumed. What comes meanwhile is
    /// recorded.
    pub fn is_suspended(&self) -> bool {
        self.progress.suspended && self.outcome.is_none()
    }
}
