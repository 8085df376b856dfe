//! The correlation buffer: by correlation id, what was scheduled and whose output the code has not taken.

mod any_waits;
mod awaited;
mod cancel;
mod due;
mod events;
mod held;
mod open;
mod scheduled;
mod tasks;
mod visibility;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::event_queue::{BufferedEvent, EventQueue, TakenLast};
use crate::ids::{CorrelationId, Name};
use crate::output::DurableOutput;
use crate::seen_keys::SeenKeys;
use crate::time::Timestamp;

use any_waits::AnyWaits;
use awaited::Awaited;
pub(crate) use cancel::call_off;
use due::Due;
use held::Held;
use scheduled::Slot;
pub(crate) use scheduled::{Buffered, Dropped, Scheduled};

/// Completions wait here until the code takes them, however long that is: several results of a
/// race can be there at once, and a loser stays for a later await. Every operation costs the
/// logarithm of what is outstanding, whatever the length of the history.
#[derive(Debug, Default)]
pub(crate) struct CorrelationBuffer {
    /// Boxed: the nodes of the tree stay small, and small nodes are cheap to allocate.
    slots: BTreeMap<CorrelationId, Box<Slot>>,
    /// The box of a slot that has gone.
    spare: Option<Box<Slot>>,
    queues: BTreeMap<Name, EventQueue>,
    /// The waits for events of any name: none, in most programs.
    any: Option<Box<AnyWaits>>,
    /// The events that no wait has taken.
    untaken: Buffered,
    /// Of these, the events for which no wait is open. The limits are for these alone: what the code
    /// waits for must be able to reach it, however much there is that nobody asks for.
    unawaited: Buffered,
    /// The places in the log of the events that were taken, since the code began.
    taken: Vec<u64>,
    /// Of the event that was taken last, if it has one, and its place: it may be an update.
    key_of_last: Option<TakenLast>,
    pub(crate) keys: SeenKeys,
    /// Of the commands that have come.
    pub(crate) commands: SeenKeys,
    due: Due,
    /// Slots with a waker: what the code awaits.
    awaited: Awaited,
    /// Completions at this place in the log or after it are not to be seen, but by the machine.
    horizon: Option<u64>,
    /// Slots that were asked for their hidden completions.
    asked_in_vain: Vec<CorrelationId>,
    held: Held,
}

impl CorrelationBuffer {
    pub(crate) fn schedule(&mut self, id: CorrelationId, scheduled: Scheduled, shielded: bool) {
        match &scheduled {
            Scheduled::Task { attempts, .. } => {
                self.due.add_task(id, attempts.as_deref());
            }
            Scheduled::Timer { fire_at, .. } => {
                self.due.add_timer(id, *fire_at);
            }
            Scheduled::Wait { name } => {
                let queue = self.queues.entry(name.clone()).or_default();
                if let Some(event) = queue.subscribe(id) {
                    self.unawaited.remove(event);
                }
                self.count_beside_any();
            }
            Scheduled::AnyWait => {
                self.any.get_or_insert_default().subscribe(id, &self.queues);
                self.count_beside_any();
            }
            Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Command { .. }
            | Scheduled::Update { .. }
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
                        | (Scheduled::Command { .. }, DurableOutput::Commanded(_))
                        | (Scheduled::Update { .. }, DurableOutput::Updated(_))
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
        if slot.scheduled.is_stopped() {
            return None;
        }
        slot.output = Some((position, output));
        self.held.changed(slot);
        let mut deadline = None;
        match &slot.scheduled {
            Scheduled::Task { attempts, .. } => {
                self.due.remove_task(id, attempts.as_deref());
                deadline = attempts.as_ref().and_then(|attempts| attempts.deadline());
            }
            Scheduled::Timer { fire_at, .. } => {
                self.due.remove_timer(id, *fire_at);
            }
            Scheduled::Wait { .. }
            | Scheduled::AnyWait
            | Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Command { .. }
            | Scheduled::Update { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => {}
        }
        Some((self.take_waker(id), deadline))
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
                let name = name.clone();
                let event = self.take_event_of_wait(&name, id)?;
                DurableOutput::External(Ok(self.note_event_taken(&name, event)))
            }
            (None, Scheduled::AnyWait) => {
                let (name, event) = self.take_event_of_any(id)?;
                let data = self.note_event_taken(&name, event);
                DurableOutput::AnyExternal(Ok((name, data)))
            }
            (None, _) => return None,
        };
        let stale = self.take_waker(id);
        let slot = self.remove(id)?;
        self.held.give(&output);
        Some((output, slot.scheduled, stale))
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
                self.due.remove_task(id, attempts.as_deref());
                None
            }
            Scheduled::Timer { fire_at, .. } => {
                self.due.remove_timer(id, *fire_at);
                None
            }
            Scheduled::Wait { name } => self.unsubscribe(name, id),
            Scheduled::AnyWait => self.unsubscribe_any(id),
            Scheduled::Child { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Command { .. }
            | Scheduled::Update { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => None,
        };
        Dropped::Open { scheduled: slot.scheduled, wake, stale: slot.waker }
    }

    /// Number of slots.
    pub(crate) fn outstanding(&self) -> usize {
        self.slots.len()
    }

    /// Forgets what was scheduled, as the code begins anew: nothing but the events that nobody has taken
    /// is left, and the keys. Gives the wakers that the code has left: they may be its own.
    pub(crate) fn begin_anew(&mut self) -> Vec<Waker> {
        self.due = Due::default();
        self.horizon = None;
        self.asked_in_vain.clear();
        self.any.iter_mut().for_each(|any| any.end_waits());
        self.queues.values_mut().for_each(EventQueue::end_waits);
        self.queues.retain(|_, queue| !queue.is_idle());
        self.unawaited = self.untaken;
        let wakers = self.take_wakers();
        self.slots.clear();
        self.held = Held::default();
        wakers
    }

    /// What is held of what was scheduled and has come, and of what the code was given last, in bytes,
    /// about.
    pub(crate) fn held_bytes(&self) -> usize {
        let events = self.untaken.bytes + self.untaken.events * mem::size_of::<BufferedEvent>();
        let taken = mem::size_of_val(&*self.taken);
        let keys = self.keys.held_bytes() + self.commands.held_bytes();
        self.held.bytes() + events + taken + keys
    }

    /// Whether a task is under way at that time, and not only between two attempts.
    pub(crate) fn has_running_tasks(&self, now: Timestamp) -> bool {
        self.due.has_running_tasks(now)
    }

    /// When there is something to do although nothing comes from outside: now, while a first attempt
    /// is under way.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.due.wake_at()
    }

    /// What was due first of all that is due at that time and open: a timer, or an activity that has
    /// used up its time. Of two that were due together, the one that was scheduled first.
    pub(crate) fn due_first(&self, now: Timestamp) -> Option<CorrelationId> {
        self.due.first(now)
    }
}
