//! One entry of the correlation buffer: what was scheduled, and its output.

use alloc::boxed::Box;
use core::task::Waker;

use crate::attempts::{Attempts, ChildRetry};
use crate::event_queue::BufferedEvent;
use crate::ids::{InstanceId, Name};
use crate::options::ParentClose;
use crate::output::DurableOutput;
use crate::payload::Payload;
use crate::time::Timestamp;

/// What a durable future stands for.
#[derive(Clone, Debug)]
pub(crate) enum Scheduled {
    Task {
        name: Name,
        input: Payload,
        /// Of those with options or a tag, and of those that had a heartbeat.
        attempts: Option<Box<Attempts>>,
        /// It may run before its schedule is durable.
        local: bool,
    },
    Timer {
        fire_at: Timestamp,
        /// Of a `timeout`, and not one that the code has set itself.
        is_limit: bool,
    },
    Wait {
        name: Name,
    },
    /// For an external event of any name.
    AnyWait,
    Child {
        /// Of the attempt under way.
        instance: InstanceId,
        /// Of those with a policy.
        retry: Option<Box<ChildRetry>>,
        parent_close: ParentClose,
    },
    /// Of a detached orchestration.
    Start {
        instance: InstanceId,
    },
    /// Of an event, to another instance.
    Send {
        to: InstanceId,
        event: Name,
    },
    /// Of a command, to another instance.
    Command {
        to: InstanceId,
        name: &'static str,
    },
    /// Of an update, to another instance.
    Update {
        to: InstanceId,
        update: Name,
        /// The run that sent it.
        lineage: u64,
    },
    Refused,
    /// A cancel, which is no step of the code.
    Cancellation,
    /// A timer that a cancel has stopped, or that was set after one: it never completes.
    Stopped,
}

/// One scheduled thing: open, or complete and not yet taken.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) scheduled: Scheduled,
    /// A cancel does not end it.
    pub(super) shielded: bool,
    /// Who is to be woken by the completion.
    pub(super) waker: Option<Waker>,
    /// The place of the completion in the log, and what it brought.
    pub(super) output: Option<(u64, DurableOutput)>,
    /// What it holds, as it is counted.
    pub(super) held: usize,
}

impl Slot {
    /// What stands in a box that is not in use.
    pub(super) const fn empty() -> Self {
        let scheduled = Scheduled::Refused;
        Self { scheduled, shielded: false, waker: None, output: None, held: 0 }
    }
}

/// How many external events are buffered, of a sort.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Buffered {
    pub(crate) events: usize,
    /// Of their data.
    pub(crate) bytes: usize,
}

impl Buffered {
    pub(super) fn add(&mut self, event: &BufferedEvent) {
        self.events += 1;
        self.bytes += event.data.len();
    }

    pub(super) fn remove(&mut self, event: &BufferedEvent) {
        self.events -= 1;
        self.bytes -= event.data.len();
    }
}

/// What dropping a durable future means for the log.
pub(crate) enum Dropped {
    /// It was complete, or had never been scheduled.
    Nothing,
    /// It was open.
    Open {
        scheduled: Scheduled,
        /// Of the wait that gets the event which this one leaves.
        wake: Option<Waker>,
        /// Its own. To be dropped without the lock: it may own user code.
        stale: Option<Waker>,
    },
}

impl Scheduled {
    /// Whether it is a timer that a cancel has stopped: it never completes.
    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped)
    }

    /// Whether it is a time limit of something else.
    pub(super) const fn is_limit(&self) -> bool {
        matches!(self, Self::Timer { is_limit: true, .. })
    }
}
