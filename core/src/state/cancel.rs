//! Applies a cancel to the state, and says how calls of the code end after it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use super::State;
use super::cancellation::Cancellation;
use super::mode::{Halt, Mode};
use crate::correlation_buffer::Scheduled;
use crate::error::Cancelled;
use crate::event::Event;
use crate::ids::CorrelationId;
use crate::limits::MAX_CANCELLED_CALLS;
use crate::options::ParentClose;

impl State {
    /// Ends what is open and not shielded; gives the wakers to wake. While the execution is parked, the cancels of
    /// its children wait for [`cancel_owed`](Self::cancel_owed).
    pub(crate) fn cancel_open(&mut self, reason: String, is_parked: bool) -> Vec<Waker> {
        let cancelled = Cancelled { reason };
        let (actions, children, wakers) = self.buffer.cancel(self.written.position, &cancelled);
        let mut owed = Vec::new();
        for (id, parent_close) in children {
            if is_parked {
                owed.extend((parent_close == ParentClose::Cancel).then_some(id));
                continue;
            }
            let event = Event::ChildCancelRequested { id };
            match parent_close {
                // In the log, because who is shielded is not.
                ParentClose::Cancel => drop(self.record(event)),
                // It goes on. Older code cancelled it all the same.
                ParentClose::Abandon => self.take_recorded(Some(event)),
            }
        }
        actions.into_iter().for_each(|action| self.act(action));
        self.cancellation = Some(Box::new(Cancellation { cancelled, calls: 0, owed }));
        wakers
    }

    /// Cancels the children that a cancel has reached while the execution was parked.
    pub(crate) fn cancel_owed(&mut self) {
        let owed = self.cancellation.as_mut().map(|come| mem::take(&mut come.owed));
        for id in owed.into_iter().flatten() {
            self.record(Event::ChildCancelRequested { id });
        }
    }

    /// A cancel has come, out of a log whose code is gone over.
    pub(crate) fn note_cancel(&mut self, reason: String) {
        let cancelled = Cancelled { reason };
        self.cancellation = Some(Box::new(Cancellation { cancelled, calls: 0, owed: Vec::new() }));
    }

    /// What a call of the code ends with at once, because a cancel has come.
    pub(crate) fn refuses(&mut self, shielded: bool) -> Option<Cancelled> {
        // A call that does not count is refused in another place.
        let counts = self.halt.is_none() && matches!(self.mode, Mode::Live | Mode::Replay(_));
        let cancellation = self.cancellation.as_mut().filter(|_| counts && !shielded)?;
        cancellation.calls += 1;
        let cancelled = cancellation.cancelled.clone();
        if cancellation.calls > MAX_CANCELLED_CALLS {
            self.halt = Some(Halt::Cancelled(cancelled));
            return None;
        }
        Some(cancelled)
    }

    /// Another turn begins.
    pub(crate) fn forget_refusals(&mut self) {
        if let Some(cancellation) = &mut self.cancellation {
            cancellation.calls = 0;
        }
    }

    /// Something about a cancel that is no event of the history.
    pub(crate) fn schedule_unrecorded(&mut self, scheduled: Scheduled) -> CorrelationId {
        self.last_cancellation += 1;
        let id = CorrelationId::of_cancellation(self.last_cancellation);
        match self.mode {
            Mode::Between => self.refuse_foreign_call(),
            _ if self.halt.is_none() => self.buffer_slot(id, scheduled, false),
            Mode::Live | Mode::Replay(_) | Mode::Closed => {}
        }
        id
    }
}
