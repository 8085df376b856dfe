//! The correlation buffer: what was scheduled and not yet taken, by correlation id.

mod awaited;
mod cancel;
mod held;
mod tasks;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::action::Action;
use crate::attempts::{Attempts, ChildRetry};
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::keys::Keys;
use crate::mailbox::{Mailbox, Raised};
use crate::options::ParentClose;
use crate::output::DurableOutput;
use crate::payload::Payload;
use crate::time::Timestamp;

use awaited::{Awaited, is_stopped};
pub(crate) use cancel::call_off;
use held::Held;
pub(crate) use tasks::{call, task_timers};
use tasks::{deadline_of, forget_deadline, forget_retry};

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
    Refused,
    /// A cancel, which is no step of the code.
    Cancellation,
    /// A timer that a cancel has stopped, or that was set after one: it never completes.
    Stopped,
}

/// One scheduled thing: open, or complete and not yet taken.
#[derive(Debug)]
struct Slot {
    scheduled: Scheduled,
    /// A cancel does not end it.
    shielded: bool,
    /// Who is to be woken by the completion.
    waker: Option<Waker>,
    /// The place of the completion in the log, and what it brought.
    output: Option<(u64, DurableOutput)>,
    /// What it holds, as it is counted.
    held: usize,
}

impl Slot {
    /// What stands in a box that is not in use.
    const fn empty() -> Self {
        let scheduled = Scheduled::Refused;
        Self { scheduled, shielded: false, waker: None, output: None, held: 0 }
    }
}

/// Completions wait here until the code takes them, however long that is: several results of a
/// race can be there at once, and a loser stays for a later await. Every operation costs the
/// logarithm of what is outstanding, whatever the length of the history.
#[derive(Debug, Default)]
pub(crate) struct CorrelationBuffer {
    /// Boxed: the nodes of the tree stay small, and small nodes are cheap to allocate.
    slots: BTreeMap<CorrelationId, Box<Slot>>,
    /// The box of a slot that has gone.
    spare: Option<Box<Slot>>,
    mailboxes: BTreeMap<Name, Mailbox>,
    /// The events that no wait has taken.
    untaken: Buffered,
    /// Of these, the events for which no wait is open. The limits are for these alone: what the code
    /// waits for must be able to reach it, however much there is that nobody asks for.
    unawaited: Buffered,
    /// The places in the log of the events that were taken, since the code began.
    taken: Vec<u64>,
    pub(crate) keys: Keys,
    /// Of the commands that have come.
    pub(crate) commands: Keys,
    open_tasks: usize,
    open_timers: BTreeSet<(Timestamp, CorrelationId)>,
    /// Activities of which an attempt failed, and when the next begins, or began. They count as open
    /// tasks as well.
    retries: BTreeSet<(Timestamp, CorrelationId)>,
    /// When the open activities end that have a time for all of their attempts.
    deadlines: BTreeSet<(Timestamp, CorrelationId)>,
    /// Slots with a waker: what the code awaits.
    awaited: Awaited,
    /// Completions at this place in the log or behind it are not to be seen, but by the machine.
    horizon: Option<u64>,
    /// Slots that were asked for their hidden completions.
    asked_in_vain: Vec<CorrelationId>,
    held: Held,
}

/// How many external events are buffered, of a sort.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Buffered {
    pub(crate) events: usize,
    /// Of their data.
    pub(crate) bytes: usize,
}

impl Buffered {
    fn add(&mut self, event: &Raised) {
        self.events += 1;
        self.bytes += event.data.len();
    }

    fn remove(&mut self, event: &Raised) {
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

impl CorrelationBuffer {
    pub(crate) fn schedule(&mut self, id: CorrelationId, scheduled: Scheduled, shielded: bool) {
        match &scheduled {
            Scheduled::Task { attempts, .. } => {
                self.open_tasks += 1;
                self.deadlines.extend(deadline_of(id, attempts.as_deref()));
            }
            Scheduled::Timer { fire_at, .. } => {
                self.open_timers.insert((*fire_at, id));
            }
            Scheduled::Wait { name } => {
                let mailbox = self.mailboxes.entry(name.clone()).or_default();
                if let Some(event) = mailbox.subscribe(id) {
                    self.unawaited.remove(event);
                }
            }
            Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => {}
        }
        self.insert(id, Slot { scheduled, shielded, waker: None, output: None, held: 0 });
    }

    fn insert(&mut self, id: CorrelationId, mut slot: Slot) {
        self.held.add(&mut slot);
        let boxed = match self.spare.take() {
            Some(mut spare) => {
                *spare = slot;
                spare
            }
            None => Box::new(slot),
        };
        self.slots.insert(id, boxed);
    }

    /// Takes a slot out. Its box is kept for the next one: code that does one thing after the other
    /// needs one slot again and again.
    fn remove(&mut self, id: CorrelationId) -> Option<Slot> {
        let mut boxed = self.slots.remove(&id)?;
        let slot = mem::replace(&mut *boxed, Slot::empty());
        self.held.remove(&slot);
        self.spare = Some(boxed);
        Some(slot)
    }

    /// A slot that is complete from the start: a call that was refused.
    pub(crate) fn schedule_refused(
        &mut self,
        id: CorrelationId,
        position: u64,
        output: DurableOutput,
    ) {
        let output = Some((position, output));
        let scheduled = Scheduled::Refused;
        self.insert(id, Slot { scheduled, shielded: false, waker: None, output, held: 0 });
    }

    /// Whether something is open under that id that can have such an output. Waits are not asked for.
    pub(crate) fn is_open(&self, id: CorrelationId, output: &DurableOutput) -> bool {
        self.slots.get(&id).is_some_and(|slot| {
            slot.output.is_none()
                && matches!(
                    (&slot.scheduled, output),
                    (Scheduled::Task { .. }, DurableOutput::Task(_))
                        | (Scheduled::Timer { .. }, DurableOutput::Timer)
                        | (Scheduled::Child { .. }, DurableOutput::Child(_))
                        | (Scheduled::Start { .. }, DurableOutput::Started(_))
                        | (Scheduled::Send { .. }, DurableOutput::Sent(_))
                )
        })
    }

    /// Buffers the completion of something open; gives the waker to wake, and the time that the task
    /// had to keep, if there was one. `None` when it is not open.
    pub(crate) fn complete(
        &mut self,
        id: CorrelationId,
        position: u64,
        output: DurableOutput,
    ) -> Option<(Option<Waker>, Option<Timestamp>)> {
        let slot = self.slots.get_mut(&id).filter(|slot| slot.output.is_none())?;
        if is_stopped(&slot.scheduled) {
            return None;
        }
        slot.output = Some((position, output));
        self.held.changed(slot);
        let mut deadline = None;
        match &slot.scheduled {
            Scheduled::Task { attempts, .. } => {
                self.open_tasks -= 1;
                if let Some(attempts) = attempts {
                    forget_retry(&mut self.retries, id, Some(attempts));
                    forget_deadline(&mut self.deadlines, id, Some(attempts));
                    deadline = attempts.deadline();
                }
            }
            Scheduled::Timer { fire_at, .. } => {
                self.open_timers.remove(&(*fire_at, id));
            }
            Scheduled::Wait { .. }
            | Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => {}
        }
        Some((self.take_waker(id), deadline))
    }

    /// Buffers an external event; gives the waker of the wait that it makes ready.
    pub(crate) fn raise(&mut self, name: Name, event: Raised) -> Option<Waker> {
        self.untaken.add(&event);
        event.key.iter().for_each(|key| self.keys.remember(key));
        let mailbox = self.mailboxes.entry(name).or_default();
        if !mailbox.awaits_next() {
            self.unawaited.add(&event);
        }
        let ready = mailbox.raise(event)?;
        self.take_waker(ready)
    }

    /// Takes the output of a slot if it is there; the slot is gone then, and what
    /// it stood for is given as well. A waker that is left is to
    /// be dropped without the lock: it may own user code.
    pub(crate) fn take(
        &mut self,
        id: CorrelationId,
    ) -> Option<(DurableOutput, Scheduled, Option<Waker>)> {
        if self.is_hidden(id) {
            return None;
        }
        let slot = self.slots.get_mut(&id)?;
        let output = match (slot.output.take(), &slot.scheduled) {
            (Some((_, output)), _) => output,
            (None, Scheduled::Wait { name }) => {
                let mailbox = self.mailboxes.get_mut(name)?;
                let event = mailbox.take(id)?;
                self.untaken.remove(&event);
                // A completion counts as behind its event.
                self.taken.push(event.position - 1);
                if mailbox.is_idle() {
                    let name = name.clone();
                    self.mailboxes.remove(&name);
                }
                DurableOutput::External(Ok(event.data))
            }
            (None, _) => return None,
        };
        let stale = self.take_waker(id);
        let slot = self.remove(id)?;
        self.held.give(&output);
        Some((output, slot.scheduled, stale))
    }

    /// The place in the log of a slot's completion, if it is there and to be seen.
    pub(crate) fn ready(&self, id: CorrelationId) -> Option<u64> {
        if self.is_hidden(id) { None } else { self.completed_at(id) }
    }

    fn completed_at(&self, id: CorrelationId) -> Option<u64> {
        let slot = self.slots.get(&id)?;
        match (&slot.output, &slot.scheduled) {
            (Some((position, _)), _) => Some(*position),
            (None, Scheduled::Wait { name }) => self.mailboxes.get(name)?.ready(id),
            (None, _) => None,
        }
    }

    fn is_hidden(&self, id: CorrelationId) -> bool {
        let Some(horizon) = self.horizon else {
            return false;
        };
        // What was refused needed nothing from outside.
        let refused = |slot: &Slot| matches!(slot.scheduled, Scheduled::Refused);
        self.completed_at(id).is_some_and(|at| at >= horizon)
            && !self.slots.get(&id).is_some_and(|slot| refused(slot))
    }

    /// Hides the completions from a place in the log on; gives from where on they were hidden.
    pub(crate) fn hide_from(&mut self, position: u64) -> Option<u64> {
        let nearest = self.horizon.map_or(position, |horizon| horizon.min(position));
        self.horizon.replace(nearest)
    }

    /// Hides what was hidden before. Gives the wakers of those who asked in vain: nothing else will
    /// wake them.
    pub(crate) fn hide_as_before(&mut self, horizon: Option<u64>) -> Vec<Waker> {
        self.horizon = horizon;
        let asked = mem::take(&mut self.asked_in_vain);
        asked.into_iter().filter_map(|id| self.take_waker(id)).collect()
    }

    /// A slot that is not complete is asked for: whether this waker is to be [kept](Self::await_slot).
    pub(crate) fn must_keep(&mut self, id: CorrelationId, waker: &Waker) -> bool {
        if self.is_hidden(id) {
            self.asked_in_vain.push(id);
        }
        let Some(slot) = self.slots.get(&id) else { return false };
        !slot.waker.as_ref().is_some_and(|known| known.will_wake(waker))
    }

    /// Keeps the waker of a slot that is not complete; gives back the one that it replaces, or this one
    /// where there is no such slot.
    pub(crate) fn await_slot(&mut self, id: CorrelationId, waker: Waker) -> Option<Waker> {
        let Some(slot) = self.slots.get_mut(&id) else { return Some(waker) };
        if slot.waker.is_none() {
            self.awaited.add(&slot.scheduled);
        }
        slot.waker.replace(waker)
    }

    /// Removes the slot of a future that was dropped before it gave its output.
    pub(crate) fn drop_slot(&mut self, id: CorrelationId) -> Dropped {
        let Some(slot) = self.remove(id) else {
            return Dropped::Nothing;
        };
        if slot.waker.is_some() {
            self.awaited.remove(&slot.scheduled);
        }
        if slot.output.is_some() {
            return Dropped::Nothing;
        }
        let wake = match &slot.scheduled {
            Scheduled::Task { attempts, .. } => {
                self.open_tasks -= 1;
                forget_retry(&mut self.retries, id, attempts.as_deref());
                forget_deadline(&mut self.deadlines, id, attempts.as_deref());
                None
            }
            Scheduled::Timer { fire_at, .. } => {
                self.open_timers.remove(&(*fire_at, id));
                None
            }
            Scheduled::Wait { name } => self.unsubscribe(name, id),
            Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => None,
        };
        Dropped::Open { scheduled: slot.scheduled, wake, stale: slot.waker }
    }

    fn unsubscribe(&mut self, name: &Name, id: CorrelationId) -> Option<Waker> {
        let mailbox = self.mailboxes.get_mut(name)?;
        let ready = mailbox.unsubscribe(id);
        if let Some(event) = mailbox.first_unawaited() {
            // The wait is gone: so one event more is without one.
            self.unawaited.add(event);
        }
        if mailbox.is_idle() {
            self.mailboxes.remove(name);
        }
        self.take_waker(ready?)
    }

    /// Takes the wakers of all slots: nothing is to be woken any more.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.awaited = Awaited::default();
        self.slots.values_mut().filter_map(|slot| slot.waker.take()).collect()
    }

    fn take_waker(&mut self, id: CorrelationId) -> Option<Waker> {
        let slot = self.slots.get_mut(&id)?;
        let waker = slot.waker.take()?;
        self.awaited.remove(&slot.scheduled);
        Some(waker)
    }

    /// Number of slots.
    pub(crate) fn outstanding(&self) -> usize {
        self.slots.len()
    }

    /// Whether a wait is open for the next event of that name.
    pub(crate) fn awaits_next(&self, name: &Name) -> bool {
        self.mailboxes.get(name).is_some_and(Mailbox::awaits_next)
    }

    pub(crate) fn unawaited(&self) -> Buffered {
        self.unawaited
    }

    /// The events that nobody has taken.
    pub(crate) fn untaken_size(&self) -> Buffered {
        self.untaken
    }

    /// The places in the log of the events that were taken since the code began, which begins anew.
    pub(crate) fn forget_taken(&mut self) -> Vec<u64> {
        mem::take(&mut self.taken)
    }

    /// Forgets what was scheduled, as the code begins anew: nothing but the events that nobody has taken
    /// is left, and the keys. Gives the wakers that the code has left: they may be its own.
    pub(crate) fn begin_anew(&mut self) -> Vec<Waker> {
        self.open_tasks = 0;
        self.open_timers.clear();
        self.retries.clear();
        self.horizon = None;
        self.asked_in_vain.clear();
        self.mailboxes.values_mut().for_each(Mailbox::end_waits);
        self.mailboxes.retain(|_, mailbox| !mailbox.is_idle());
        self.unawaited = self.untaken;
        let wakers = self.take_wakers();
        self.slots.clear();
        self.held = Held::default();
        wakers
    }

    /// The events that nobody has taken, in the order in which they came.
    pub(crate) fn untaken(&self) -> Vec<(Name, Raised)> {
        let by_name = self.mailboxes.iter();
        let mut events: Vec<_> = by_name
            .flat_map(|(name, mailbox)| mailbox.events().map(|event| (name.clone(), event.clone())))
            .collect();
        events.sort_unstable_by_key(|(_, event)| event.position);
        events
    }

    /// Whether a task is under way at that time, and not only between two attempts.
    pub(crate) fn has_running_tasks(&self, now: Timestamp) -> bool {
        self.open_tasks > self.retries.len()
            || self.retries.first().is_some_and(|(at, _)| *at <= now)
    }

    /// When there is something to do although nothing comes from outside: now, while a first attempt
    /// is under way.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        if self.open_tasks > self.retries.len() {
            return Some(Timestamp::EPOCH);
        }
        self.open_timers.first().into_iter().chain(self.retries.first()).map(|(at, _)| *at).min()
    }

    /// What was due first of all that is due at that time and open: a timer, or an activity that has
    /// used up its time. Of two that were due together, the one that was scheduled first.
    pub(crate) fn due_first(&self, now: Timestamp) -> Option<CorrelationId> {
        let first = self.open_timers.first().into_iter().chain(self.deadlines.first()).min()?;
        (first.0 <= now).then_some(first.1)
    }

    /// What a shell must have under way for what is open, in the order of scheduling.
    pub(crate) fn open_actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (&id, slot) in self.all_open() {
            match slot.scheduled.clone() {
                Scheduled::Task { name, input, attempts, local } => {
                    actions.extend(task_timers(id, attempts.as_deref()));
                    if attempts.as_ref().is_none_or(|attempts| attempts.retry_at.is_none()) {
                        actions.push(call(id, name, input, attempts.as_deref(), local));
                    }
                }
                Scheduled::Timer { fire_at, .. } => {
                    actions.push(Action::CreateTimer { id, fire_at })
                }
                Scheduled::Wait { name } => actions.push(Action::WaitExternal { id, name }),
                Scheduled::Child { .. }
                | Scheduled::Start { .. }
                | Scheduled::Send { .. }
                | Scheduled::Refused
                | Scheduled::Cancellation
                | Scheduled::Stopped => {}
            }
        }
        actions
    }

    /// What is open under that id, if it is.
    pub(crate) fn open(&self, id: CorrelationId) -> Option<&Scheduled> {
        let open = self.slots.get(&id).filter(|slot| slot.output.is_none())?;
        (!is_stopped(&open.scheduled)).then_some(&open.scheduled)
    }

    /// The child that is open under that id, if one is.
    pub(crate) fn open_child(&self, id: CorrelationId) -> Option<&InstanceId> {
        match self.open(id)? {
            Scheduled::Child { instance, .. } => Some(instance),
            _ => None,
        }
    }

    /// When, and whether, the child that is open under that id is tried again.
    pub(crate) fn child_retry(&self, id: CorrelationId) -> Option<&ChildRetry> {
        match self.open(id)? {
            Scheduled::Child { retry, .. } => retry.as_deref(),
            _ => None,
        }
    }

    /// The next attempt of a child is under way; whether the child is open.
    pub(crate) fn next_attempt_of_child(&mut self, id: CorrelationId, next: InstanceId) -> bool {
        let slot = self.slots.get_mut(&id).filter(|slot| slot.output.is_none());
        match slot.map(|slot| &mut slot.scheduled) {
            Some(Scheduled::Child { instance, .. }) => {
                *instance = next;
                true
            }
            _ => false,
        }
    }

    fn all_open(&self) -> impl Iterator<Item = (&CorrelationId, &Slot)> {
        let open = self.slots.iter().filter(|(_, slot)| slot.output.is_none());
        open.map(|(id, slot)| (id, &**slot))
    }
}
