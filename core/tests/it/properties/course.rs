//! What happens to a random orchestration, from its start to its end.

use proptest::sample::Index;
use reenact_core::{
    Action, ActivityError, ChildError, Command, CorrelationId, InstanceId, Message, MessageKind,
    NotTaken, OrchestrationError, Payload,
};

use super::program::{ASK, DRAIN, EVENTS};
use super::requests::{asked_by_another, open_updates, returned};
use crate::support::instance::{
    Instance, SEED, cancel, complete, fire, payload, raise, raise_once, suspend,
};
use crate::support::messages::{delivered, sent};

/// One thing that happens. Where nothing of the kind is open, nothing happens.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    Complete(Index),
    Fail(Index),
    /// With what may pass: it is tried again, where that is wanted.
    FailForNow(Index),
    Heartbeat(Index),
    /// An activity emits items, the first of which may come again.
    Emit(Index, u64),
    /// It has returned, and is completed from outside.
    Defer(Index),
    Fire(Index),
    Raise(usize),
    RaiseTheKeyAgain(usize),
    /// Somebody sends an update, or the one before with its key again.
    Ask(bool),
    /// Another instance sends an update, and it is said to have come twice.
    AskByAnother,
    /// An update or a request for a lock is answered by the instance that was asked, or never will be.
    Return(Index, u8),
    /// Right, early, late or for something that never was.
    CompleteWhateverHasThatId(u64),
    EndChild(Index),
    FailChild(Index),
    /// With what may pass: it is tried again, where that is wanted.
    FailChildForNow(Index),
    /// A message arrives, and is said to have arrived twice.
    Deliver(Index),
    Refuse(Index),
    Cancel,
    Suspend,
    Resume,
}

/// An instance on its course, with the numbers of the events that were raised on it.
pub(crate) struct Course {
    pub(crate) instance: Instance,
    pub(crate) raised: [u64; EVENTS.len()],
    /// Number of updates that were sent by clients.
    pub(crate) asked: u64,
    /// Number of updates that were sent by other instances.
    pub(crate) asked_by_others: u64,
    /// What has arrived at others or was refused there, in this order.
    pub(crate) settled: Vec<Message>,
}

impl Course {
    pub(crate) fn new(instance: Instance) -> Self {
        let raised = [0; EVENTS.len()];
        Self { instance, raised, asked: 0, asked_by_others: 0, settled: Vec::new() }
    }

    pub(crate) fn go(&mut self, moves: &[Move]) {
        for a_move in moves {
            if self.is_over() {
                return;
            }
            self.make(a_move);
        }
    }

    /// Gives the orchestration whatever it waits for, until it ends.
    pub(crate) fn come_to_an_end(&mut self) {
        self.go_on_until(|instance| instance.machine.outcome().is_some());
    }

    /// Gives the orchestration whatever it waits for, until that holds.
    pub(crate) fn go_on_until(&mut self, holds: impl Fn(&Instance) -> bool) {
        for _ in 0..1_000 {
            if holds(&self.instance) {
                return;
            }
            let timers = self.open_timers();
            self.give_something(&timers);
        }
        panic!("it does not end: {:#?}", self.instance.log());
    }

    pub(crate) fn is_over(&self) -> bool {
        self.instance.machine.outcome().is_some()
    }

    pub(crate) fn make(&mut self, a_move: &Move) {
        match a_move {
            Move::Complete(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.complete(id, id * 10);
                }
            }
            Move::Fail(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.fail(id, ActivityError::fatal("it failed"));
                }
            }
            Move::FailForNow(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.fail(id, ActivityError::retryable("busy"));
                }
            }
            Move::Heartbeat(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.heartbeat(id, id);
                }
            }
            Move::Emit(which, number) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    // It may be refused, where others are missing.
                    let _ = self.instance.emit(id, "stream-0", *number, &[id, *number]);
                }
            }
            Move::Defer(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.fail(id, ActivityError::later());
                }
            }
            Move::Fire(which) => {
                if let Some(id) = pick(&self.open_timers(), which) {
                    self.instance.fire(id);
                }
            }
            Move::Raise(event) => self.raise(*event),
            Move::RaiseTheKeyAgain(event) => self.raise_twice(*event),
            Move::Ask(again) => self.ask(*again),
            Move::AskByAnother => self.ask_by_another(),
            Move::Return(which, how) => {
                if let Some((id, of)) = pick(&self.open_updates(), which) {
                    self.return_update(id, of, *how);
                }
            }
            Move::CompleteWhateverHasThatId(id) => self.complete_any(*id),
            Move::EndChild(which) => {
                if let Some((id, child)) = pick(&self.open_children(), which) {
                    self.end_child(id, child, |_| Ok(payload(id.0 * 10)));
                }
            }
            Move::FailChild(which) => {
                if let Some((id, child)) = pick(&self.open_children(), which) {
                    let reason = "enough".to_string();
                    self.end_child(id, child, |child| {
                        Err(ChildError::Terminated { child, reason })
                    });
                }
            }
            Move::FailChildForNow(which) => {
                if let Some((id, child)) = pick(&self.open_children(), which) {
                    let error = OrchestrationError::new("busy");
                    self.end_child(id, child, |child| Err(ChildError::Failed { child, error }));
                }
            }
            Move::Deliver(which) => {
                if let Some(message) = pick(&self.under_way(), which) {
                    self.deliver(message);
                }
            }
            Move::Refuse(which) => {
                if let Some(message) = pick(&self.under_way(), which) {
                    self.refuse(message);
                }
            }
            Move::Cancel => drop(self.instance.apply(cancel("no stock"))),
            Move::Suspend => drop(self.instance.apply(suspend("audit"))),
            Move::Resume => drop(self.instance.apply(Command::Resume)),
        }
    }

    /// Tells its end twice: it counts once.
    fn end_child(
        &mut self,
        id: CorrelationId,
        child: InstanceId,
        how: impl FnOnce(InstanceId) -> Result<Payload, ChildError>,
    ) {
        let result = how(child.clone()).map_err(Box::new);
        let command = Command::CompleteChild { lineage: self.run_of(&child), id, child, result };
        self.instance.apply(command.clone());
        assert!(self.instance.apply(command).is_empty());
    }

    /// The run that a child was started by: another one after a rewind.
    fn run_of(&self, child: &InstanceId) -> u64 {
        let under_way = self.under_way();
        let mut starts = under_way.iter().chain(self.settled.iter().rev());
        let start = starts.find(|message| message.to == *child);
        start.map_or(SEED, |message| message.id.lineage)
    }

    fn deliver(&mut self, message: Message) {
        let command = delivered(&message);
        self.instance.apply(command.clone());
        if !self.is_over() {
            assert!(self.instance.apply(command).is_empty(), "it counts once");
        }
        self.settled.push(message);
    }

    fn refuse(&mut self, message: Message) {
        let why = match message.id.kind {
            MessageKind::Start => NotTaken::AlreadyExists,
            MessageKind::Event | MessageKind::Update | MessageKind::Command => NotTaken::NotFound,
            // Those are never refused.
            MessageKind::Cancel | MessageKind::Result | MessageKind::Return => {
                return self.deliver(message);
            }
        };
        self.instance.apply(Command::RefuseMessage { message: message.id, why });
        self.settled.push(message);
    }

    /// Lets everything arrive that is left open the end.
    pub(crate) fn tell_all(&mut self) {
        let (mut outbox, end) = (self.instance.machine.outbox(), self.instance.turns().len() - 1);
        while let Some(message) = outbox.under_way().pop() {
            let settled = outbox.settle(&[message.id], end as u64, self.instance.now);
            assert!(settled.is_some(), "it is new");
            self.settled.push(message);
        }
        assert!(outbox.is_empty());
    }

    fn under_way(&self) -> Vec<Message> {
        sent(&self.instance.machine.open_actions())
    }

    fn open_children(&self) -> Vec<(CorrelationId, InstanceId)> {
        let open = self.instance.machine.open_children(usize::MAX).into_iter();
        open.map(|open| (open.id, open.instance)).collect()
    }

    fn raise(&mut self, event: usize) {
        self.instance.apply(raise(EVENTS[event], self.raised[event]));
        self.raised[event] += 1;
    }

    fn raise_twice(&mut self, event: usize) {
        let number = self.raised[event];
        let raised = raise_once(EVENTS[event], number, &format!("{event}-{number}"));
        self.instance.apply(raised.clone());
        assert!(self.instance.apply(raised).is_empty());
        self.raised[event] += 1;
    }

    /// Sent again, it is no event. Its answer comes again, if it has one.
    fn ask(&mut self, again: bool) {
        self.asked += u64::from(!again || self.asked == 0);
        let asked = self.asked;
        let answer = self.instance.apply(raise_once(ASK, asked, &format!("ask-{asked}")));
        let is_new = !answer.recorded.events.is_empty();
        assert!(again || is_new, "{answer:?}");
    }

    fn ask_by_another(&mut self) {
        self.asked_by_others += 1;
        let asked = asked_by_another(self.asked_by_others);
        self.instance.apply(asked.clone());
        if !self.is_over() {
            let again = self.instance.apply(asked);
            assert!(again.recorded.events.is_empty(), "it counts once: {again:?}");
        }
    }

    /// Answers an update of the code twice: it counts once.
    fn return_update(&mut self, id: CorrelationId, from: InstanceId, how: u8) {
        let under_way = self.under_way();
        let mut sent = under_way.iter().chain(self.settled.iter().rev());
        let sent = sent.find(|sent| sent.id.id == id && sent.id.kind == MessageKind::Update);
        let lineage = sent.map_or(SEED, |sent| sent.id.lineage);
        let answer = returned(how, id);
        let command = Command::ReturnUpdate { lineage, id, from, answer };
        self.instance.apply(command.clone());
        if !self.is_over() {
            assert!(self.instance.apply(command).is_empty(), "it counts once");
        }
    }

    fn open_updates(&self) -> Vec<(CorrelationId, InstanceId)> {
        open_updates(self.instance.machine.history())
    }

    fn complete_any(&mut self, id: u64) {
        if self.open_drain() == Some(id) {
            return;
        }
        for command in [complete(id, id * 10), fire(id), complete(id, id)] {
            self.instance.apply(command);
        }
    }

    /// Gives the orchestration what it waits for; of timers, those.
    pub(crate) fn give_something(&mut self, timers: &[u64]) {
        if self.instance.machine.is_suspended() {
            self.instance.apply(Command::Resume);
        }
        let tasks = self.open_tasks();
        for message in self.under_way() {
            if self.is_over() {
                return;
            }
            self.deliver(message);
        }
        for (id, child) in self.open_children() {
            if self.is_over() {
                return;
            }
            if self.open_children().iter().any(|open| open.0 == id) {
                self.end_child(id, child, |_| Ok(payload(id.0 * 10)));
            }
        }
        for (id, of) in self.open_updates() {
            if self.is_over() {
                return;
            }
            self.return_update(id, of, 0);
        }
        if self.is_over() {
            return;
        }
        tasks.iter().for_each(|id| drop(self.instance.complete(*id, id * 10)));
        timers.iter().for_each(|id| drop(self.instance.fire(*id)));
        if let Some(drain) = self.open_drain() {
            EVENTS.iter().for_each(|event| drop(self.instance.raise(event, ())));
            self.instance.complete(drain, ());
        } else if tasks.is_empty() && timers.is_empty() {
            let open = self.instance.machine.open_waits();
            for _ in open.iter().filter(|(_, name)| name.as_str() == ASK) {
                if self.is_over() {
                    return;
                }
                self.ask(false);
            }
            for event in self.open_waits() {
                // One may have been enough.
                if self.is_over() {
                    return;
                }
                self.raise(event);
            }
        }
    }

    fn open_drain(&self) -> Option<u64> {
        self.open(|action| match action {
            Action::CallActivity { id, name, .. } if name.as_str() == DRAIN => Some(id.0),
            _ => None,
        })
        .pop()
    }

    pub(crate) fn open_tasks(&self) -> Vec<u64> {
        let open = self.instance.machine.open_activities(usize::MAX).into_iter();
        open.filter(|open| open.name.as_str() != DRAIN).map(|open| open.id.0).collect()
    }

    fn open_timers(&self) -> Vec<u64> {
        self.open(|action| match action {
            Action::CreateTimer { id, .. } => Some(id.0),
            _ => None,
        })
    }

    fn open_waits(&self) -> Vec<usize> {
        let open = self.instance.machine.open_waits().into_iter();
        open.filter_map(|(_, name)| EVENTS.iter().position(|event| *event == name.as_str()))
            .collect()
    }

    fn open<T>(&self, wanted: impl FnMut(&Action) -> Option<T>) -> Vec<T> {
        self.instance.machine.open_actions().iter().filter_map(wanted).collect()
    }
}

fn pick<T: Clone>(of: &[T], which: &Index) -> Option<T> {
    (!of.is_empty()).then(|| which.get(of).clone())
}
