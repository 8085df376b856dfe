//! The phases of an execution: before its start, with its code alive, and at its end.

use alloc::boxed::Box;

use crate::attributes::Attributes;
use crate::code::{CodeFuture, OrchestrationCode};
use crate::message::Origin;
use crate::options::TimeLimits;
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::published::PublishedValues;
use crate::time::Timestamp;
use crate::trace_context::ReceivedTrace;

/// The phase of an execution, with what exists in that phase only.
pub(super) enum Phase {
    /// Nothing is recorded of it.
    Unstarted(Unstarted),
    /// Its code is alive.
    Running(Running),
    /// Its code is gone.
    Ended(Ended),
}

/// What the start records besides its own event.
#[derive(Default)]
pub(super) struct Unstarted {
    /// Who starts the instance, where another one does.
    pub(super) origin: Option<Box<Origin>>,
    /// The status of the execution before this one.
    pub(super) status: Option<Payload>,
    /// What it had published.
    pub(super) published: PublishedValues,
    /// The attributes with which it begins.
    pub(super) attributes: Attributes,
    /// The trace in which it was asked for.
    pub(super) trace: Option<Box<ReceivedTrace>>,
    /// How long it may take.
    pub(super) limits: TimeLimits,
    /// When it ends with all of its executions, of one that is not the first.
    pub(super) total_ends_at: Option<Timestamp>,
}

/// Code that is alive, and why it runs or does not.
pub(super) struct Running {
    pub(super) future: CodeFuture,
    /// Payload bytes of what the code was started with.
    pub(super) input_bytes: usize,
    /// It has run, if only a little.
    pub(super) begun: bool,
    /// It is to run: something has woken it.
    pub(super) woken: bool,
    /// It must not run before it is resumed.
    pub(super) suspended: bool,
    /// It was rewound, and must not run before its timer: it has yet to see what has come since.
    pub(super) rewound: bool,
    /// It could not run, and must not before it is unparked.
    pub(super) parked: bool,
}

/// What is left of an execution at its end.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// What it has continued as, where that is another version.
    pub(super) next: Option<Box<OrchestrationCode>>,
}

impl Phase {
    /// Before a start, which may be that of an execution that follows another one.
    pub(super) fn unstarted(
        status: Option<Payload>,
        published: PublishedValues,
        total_ends_at: Option<Timestamp>,
    ) -> Self {
        Self::Unstarted(Unstarted { status, published, total_ends_at, ..Unstarted::default() })
    }

    pub(super) const fn running(&self) -> Option<&Running> {
        match self {
            Self::Running(running) => Some(running),
            Self::Unstarted(_) | Self::Ended(_) => None,
        }
    }

    pub(super) const fn running_mut(&mut self) -> Option<&mut Running> {
        match self {
            Self::Running(running) => Some(running),
            Self::Unstarted(_) | Self::Ended(_) => None,
        }
    }

    pub(super) const fn ended(&self) -> Option<&Ended> {
        match self {
            Self::Ended(ended) => Some(ended),
            Self::Unstarted(_) | Self::Running(_) => None,
        }
    }

    /// What the start is to record. Empty when it was taken, or when there was nothing.
    pub(super) fn take_unstarted(&mut self) -> Unstarted {
        match self {
            Self::Unstarted(unstarted) => core::mem::take(unstarted),
            Self::Running(_) | Self::Ended(_) => Unstarted::default(),
        }
    }

    /// The code's future, taken out of the phase that it leaves.
    pub(super) fn into_future(self) -> Option<CodeFuture> {
        match self {
            Self::Running(running) => Some(running.future),
            Self::Unstarted(_) | Self::Ended(_) => None,
        }
    }
}

impl Running {
    /// Code that has not run.
    pub(super) const fn new(future: CodeFuture, input_bytes: usize) -> Self {
        Self {
            future,
            input_bytes,
            begun: false,
            woken: false,
            suspended: false,
            rewound: false,
            parked: false,
        }
    }

    /// Whether the code must not run, whatever wakes it.
    pub(super) const fn is_held_up(&self) -> bool {
        self.suspended || self.rewound || self.parked
    }
}
