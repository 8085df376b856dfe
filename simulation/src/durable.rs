//! What is durable, as the store itself has said: what was acknowledged must be there at that moment, and logs only
//! grow.

mod begun;
mod doubt;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reenact::core::codec::{decode_command, decode_turn};
use reenact::core::{Event, EventKey, RecordedTurn, RemoteCommand, RemoteEvent, UpdateAnswer};
use reenact::providers::{Batch, Provider, ProviderError};
use reenact::testing::simulation::{View, Witnessed, World};

use self::doubt::Doubts;
use crate::Store;
use crate::history::Log;
use crate::marks::{self, Marks};

/// All that the store has confirmed, read in order.
#[derive(Default)]
pub struct Durable {
    /// Whether the store can have what it has not confirmed: the host that was to hear of it may be gone.
    may_doubt: bool,
    /// Whether others see what is durable before the host that has written it.
    is_seen_early: bool,
    doubts: Doubts,
    /// What was acknowledged by what is in doubt: at the end it must be there.
    owed: Vec<(String, Owed)>,
    read: usize,
    epochs: BTreeMap<u32, u64>,
    logs: BTreeMap<(String, u32), Log>,
    raised: BTreeSet<(String, EventKey)>,
    queued: BTreeSet<(String, EventKey)>,
    answers: BTreeMap<(String, EventKey), (u32, UpdateAnswer)>,
    /// What is to be done to an instance, in its log or in the queue of its shard.
    asked: BTreeMap<(String, Ask), usize>,
    messages: BTreeSet<String>,
    unanswered: Vec<(Arc<Batch>, bool)>,
    pub(crate) marks: Marks,
}

/// What clients ask of an instance, besides events and updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Begin.
    Start,
    /// Come to an end by itself.
    Cancel,
    /// End at once.
    Terminate,
    /// Stand still.
    Suspend,
    /// Go on.
    Resume,
}

/// Something that a client has an `Ok` for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owed {
    Event(EventKey),
    Answer(EventKey),
    Ask(Ask),
}

/// What is known of an instance when a call begins.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// How often the same was asked of it, by what is durable.
    pub(crate) count: usize,
    pub(crate) is_suspended: bool,
}

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the log.
    Log,
    /// In the queue of the shard.
    Queue,
}

impl Durable {
    /// Nothing yet. Of a store that hosts reach by a disk or by requests, it is not known what was written while its host
    /// ended.
    #[must_use]
    pub fn of_store(store: Store) -> Self {
        let (may_doubt, is_seen_early) = (store != Store::Memory, store == Store::Hub);
        Self { may_doubt, is_seen_early, ..Self::default() }
    }

    /// Reads what has come since. An error says what must not be.
    pub(crate) fn read(&mut self, world: &World) -> Result<(), String> {
        let new = world.witness().after(self.read);
        self.read += new.len();
        new.into_iter().try_for_each(|witnessed| self.take(witnessed))
    }

    /// Takes in what the store did.
    ///
    /// # Errors
    /// What must not be.
    pub fn take(&mut self, witnessed: Witnessed) -> Result<(), String> {
        match witnessed {
            Witnessed::Begun(batch) if self.may_doubt => self.doubts.begin(batch),
            Witnessed::InDoubt(batch) => self.doubts.give_up(&batch),
            Witnessed::Appended(batch) => self.confirmed(&batch)?,
            Witnessed::NotAppended { batch, is_written, is_fenced } => {
                if is_fenced {
                    self.marks.insert(marks::FENCED);
                } else {
                    self.unanswered.push((batch, is_written));
                }
            }
            Witnessed::Sent(_, message) => {
                if !self.messages.insert(message.key.clone()) {
                    self.marks.insert(marks::QUEUED_TWICE);
                }
                self.sent(message.to.as_str(), &message.bytes)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// An event was acknowledged: where is it?
    pub(crate) fn place_of(&mut self, id: &str, key: &EventKey) -> Result<Place, String> {
        let event = (id.to_owned(), key.clone());
        if self.raised.contains(&event) {
            return Ok(Place::Log);
        }
        if self.queued.contains(&event) || self.owes(id, Owed::Event(key.clone())) {
            return Ok(Place::Queue);
        }
        Err(format!("event {key} was acknowledged, and is neither in the log nor in a queue"))
    }

    /// The answer to an update that was given to a client must be durable.
    pub(crate) fn check_answered(&mut self, id: &str, key: &EventKey) -> Result<(), String> {
        let is_there = self.answers.contains_key(&(id.to_owned(), key.clone()));
        if is_there || self.owes(id, Owed::Answer(key.clone())) {
            return Ok(());
        }
        Err(format!("the answer to update {key} was given, and is not in the log"))
    }

    /// How often this was asked of an instance, by what is durable.
    fn asked(&self, id: &str, ask: Ask) -> usize {
        self.asked.get(&(id.to_owned(), ask)).copied().unwrap_or_default()
    }

    /// What was acknowledged must be durable.
    ///
    /// # Errors
    /// It is not.
    pub fn check_asked(&mut self, id: &str, ask: Ask) -> Result<(), String> {
        let before = Before { count: 0, is_suspended: true };
        self.check_asked_again(id, ask, before)
    }

    /// How it was before a call that asks this of an instance.
    #[must_use]
    pub fn before(&self, id: &str, ask: Ask) -> Before {
        Before { count: self.asked(id, ask), is_suspended: self.is_suspended(id) }
    }

    /// The same, when it may have been asked before. One that is not suspended need not be resumed; a suspension that waits
    /// in a queue may come after that, and before the client has its answer.
    ///
    /// # Errors
    /// It is not durable.
    pub fn check_asked_again(&mut self, id: &str, ask: Ask, before: Before) -> Result<(), String> {
        let was_suspended = before.is_suspended && self.is_suspended(id);
        let has_no_effect = ask == Ask::Resume && !was_suspended;
        if self.asked(id, ask) > before.count || has_no_effect || self.owes(id, Owed::Ask(ask)) {
            return Ok(());
        }
        Err(format!("{ask:?} was acknowledged, and is neither in the log nor in a queue"))
    }

    fn is_suspended(&self, id: &str) -> bool {
        let mut of_it = self.logs.range((id.to_owned(), 0)..=(id.to_owned(), u32::MAX));
        of_it.next_back().is_some_and(|(_, log)| log.is_suspended())
    }

    /// Whether it may be durable in a turn that is in doubt. Then it must be there at the end.
    fn owes(&mut self, id: &str, what: Owed) -> bool {
        let may_be = self.doubts.of(id, self.is_seen_early).any(|turn| {
            let turn = decode_turn(&turn.bytes);
            turn.is_ok_and(|turn| turn.events.iter().any(|event| what.is_in(event)))
        });
        if may_be {
            self.owed.push((id.to_owned(), what));
        }
        may_be
    }

    /// How many turns all logs have.
    pub(crate) fn turns(&self) -> usize {
        self.logs.values().map(|log| log.turns.len()).sum()
    }

    pub(crate) fn mark(&mut self, mark: &'static str) -> Result<(), String> {
        self.marks.insert(mark);
        Ok(())
    }

    /// What was in doubt is durable, or is not, as the store says now; and what was acknowledged by it is.
    pub(crate) async fn settle(&mut self, store: &View) -> Result<(), String> {
        for batch in self.doubts.all() {
            if !self.contradicts(&batch) && is_stored(store, &batch).await? {
                self.settled(&batch)?;
            }
        }
        for (id, what) in std::mem::take(&mut self.owed) {
            let is_there = match &what {
                Owed::Event(key) => self.raised.contains(&(id.clone(), key.clone())),
                Owed::Answer(key) => self.answers.contains_key(&(id.clone(), key.clone())),
                Owed::Ask(ask) => self.asked(&id, *ask) > 0,
            };
            if !is_there {
                return Err(format!("`{id}`: {what:?} was acknowledged, and is lost"));
            }
        }
        Ok(())
    }

    /// Whether another turn is where one of these was to be: then none of them was stored, and the others are there by a
    /// later try.
    fn contradicts(&self, batch: &Batch) -> bool {
        batch.turns.iter().any(|turn| {
            let of = (turn.summary.instance.to_string(), turn.summary.execution.0);
            let known = self.logs.get(&of).and_then(|log| log.turns.get(turn.number as usize));
            known.is_some_and(|known| *known != turn.bytes)
        })
    }

    /// Each log that is still in the store is there as it was confirmed.
    pub(crate) async fn check_stored(&self, store: &View) -> Result<(), String> {
        let mut newest = BTreeMap::new();
        for (id, execution) in self.logs.keys() {
            newest.insert(id.clone(), *execution);
        }
        for (id, execution) in newest {
            let log = &self.logs[&(id.clone(), execution)];
            let (instance, from) = (id.parse().map_err(|why| format!("{why:?}"))?, 0);
            let number = reenact::core::ExecutionId(execution);
            let page = store.histories().read(&instance, number, from, usize::MAX).await;
            let page = page.map_err(|error| format!("the log of `{id}` is not there: {error}"))?;
            let stored = page.turns.iter().map(|turn| &turn.bytes);
            if !stored.eq(log.turns.iter()) {
                let (count, expected) = (page.turns.len(), log.turns.len());
                return Err(format!(
                    "the log of `{id}` has {count} turns, and is not that of {expected} turns that was confirmed"
                ));
            }
        }
        Ok(())
    }

    fn confirmed(&mut self, batch: &Arc<Batch>) -> Result<(), String> {
        self.doubts.settle(batch);
        let (shard, epoch) = (batch.shard.0, batch.epoch.0);
        let before = self.epochs.insert(shard, epoch).unwrap_or(epoch);
        if epoch < before {
            return Err(format!("shard {shard} was written under epoch {epoch} after {before}"));
        }
        if epoch > before {
            self.marks.insert(marks::OWNER_CHANGED);
        }
        self.read_back(batch);
        self.appended(batch)
    }

    /// It was in doubt, and is durable.
    fn settled(&mut self, batch: &Arc<Batch>) -> Result<(), String> {
        self.doubts.settle(batch);
        self.marks.insert(marks::DOUBT_WRITTEN);
        self.appended(batch)
    }

    fn appended(&mut self, batch: &Batch) -> Result<(), String> {
        let mut begun = BTreeSet::new();
        for turn in &batch.turns {
            let (id, execution) = (turn.summary.instance.as_str(), turn.summary.execution.0);
            let wrong = |wrong: String| format!("execution {execution} of `{id}`: {wrong}");
            while let Some(before) = self.in_doubt_before(id, execution, turn.number) {
                self.settled(&before)?;
            }
            let log = self.logs.entry((id.to_owned(), execution)).or_default();
            let next = log.turns.len() as u64;
            if log.turns.get(turn.number as usize).is_some_and(|known| *known == turn.bytes) {
                // It came a second time while the first was in doubt.
                continue;
            }
            if turn.number != next {
                return Err(wrong(format!("turn {} came for {next}", turn.number)));
            }
            log.turns.push(turn.bytes.clone());
            if turn.number == 0 {
                begun.insert((id, execution));
            }
            let recorded = decode_turn(&turn.bytes).map_err(|why| wrong(why.to_string()))?;
            let begins = execution > 1 && begun.contains(&(id, execution));
            log.take(&recorded, begins, &mut self.marks).map_err(wrong)?;
            self.note(id, execution, &recorded)?;
        }
        Ok(())
    }

    /// What is in doubt and must be there, as a later turn is.
    fn in_doubt_before(&self, id: &str, execution: u32, number: u64) -> Option<Arc<Batch>> {
        let log = self.logs.get(&(id.to_owned(), execution));
        let next = log.map_or(0, |log| log.turns.len() as u64);
        (next < number).then(|| self.doubts.with(id, execution, next)).flatten()
    }

    /// What became of an append whose answer was lost.
    fn read_back(&mut self, batch: &Batch) {
        let marks = &mut self.marks;
        self.unanswered.retain(|(unanswered, is_written)| {
            let is_of_owner = unanswered.shard == batch.shard && unanswered.epoch == batch.epoch;
            if !is_of_owner {
                return unanswered.shard != batch.shard;
            }
            let is_same = unanswered.turns.first().map(|turn| &turn.bytes)
                == batch.turns.first().map(|turn| &turn.bytes);
            match (is_written, is_same) {
                (true, false) => marks.insert(marks::READ_BACK_WRITTEN),
                (false, true) => marks.insert(marks::READ_BACK_ABSENT),
                _ => false,
            };
            false
        });
    }

    fn note(&mut self, id: &str, execution: u32, turn: &RecordedTurn) -> Result<(), String> {
        for event in &*turn.events {
            match event {
                Event::ExternalRaised { key: Some(key), .. } => {
                    let event = (id.to_owned(), key.clone());
                    let is_queued = self.queued.contains(&event);
                    let way = if is_queued { marks::EVENT_QUEUED } else { marks::EVENT_DIRECT };
                    self.marks.insert(way);
                    self.raised.insert(event);
                }
                Event::UpdateAnswered { key, answer } => {
                    self.answered(id, execution, key, answer)?;
                }
                _ => {}
            }
            if let Some(ask) = Ask::of(event) {
                *self.asked.entry((id.to_owned(), ask)).or_default() += 1;
            }
        }
        Ok(())
    }

    fn answered(
        &mut self,
        id: &str,
        execution: u32,
        key: &EventKey,
        answer: &UpdateAnswer,
    ) -> Result<(), String> {
        self.marks.insert(marks::UPDATE_ANSWERED);
        let given = (execution, answer.clone());
        match self.answers.insert((id.to_owned(), key.clone()), given) {
            Some((_, other)) if other != *answer => {
                Err(format!("update {key} of `{id}` has two answers: {other:?} and {answer:?}"))
            }
            _ => Ok(()),
        }
    }

    fn sent(&mut self, id: &str, bytes: &[u8]) -> Result<(), String> {
        let command = decode_command(bytes).map_err(|why| format!("a message: {why}"))?;
        self.commanded(id, &command);
        Ok(())
    }

    fn commanded(&mut self, id: &str, command: &RemoteCommand) {
        let ask = match command {
            RemoteCommand::Start(_) | RemoteCommand::StartWith { .. } => Ask::Start,
            RemoteCommand::Cancel { .. } => Ask::Cancel,
            RemoteCommand::Terminate { .. } => Ask::Terminate,
            RemoteCommand::Suspend { .. } => Ask::Suspend,
            RemoteCommand::Resume => Ask::Resume,
            RemoteCommand::RaiseEvent(event) => return self.raised_by(id, event),
            RemoteCommand::Traced { command, .. } | RemoteCommand::ToInstanceOf { command, .. } => {
                return self.commanded(id, command);
            }
            _ => return,
        };
        if let RemoteCommand::Start(start) | RemoteCommand::StartWith { start, .. } = command {
            start.event.iter().for_each(|event| self.raised_by(id, event));
        }
        *self.asked.entry((id.to_owned(), ask)).or_default() += 1;
    }

    fn raised_by(&mut self, id: &str, event: &RemoteEvent) {
        self.queued.insert((id.to_owned(), event.key.clone()));
    }
}

impl Owed {
    fn is_in(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::Event(key), Event::ExternalRaised { key: Some(raised), .. }) => key == raised,
            (Self::Answer(key), Event::UpdateAnswered { key: answered, .. }) => key == answered,
            (Self::Ask(ask), event) => Ask::of(event) == Some(*ask),
            _ => false,
        }
    }
}

impl Ask {
    /// What an event of a log says to have been asked.
    fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::ExecutionStarted { .. } => Self::Start,
            Event::CancelRequested { .. } => Self::Cancel,
            Event::ExecutionTerminated { .. } => Self::Terminate,
            Event::ExecutionSuspended { .. } => Self::Suspend,
            Event::ExecutionResumed => Self::Resume,
            _ => return None,
        })
    }
}

/// Whether the store has what was to be appended. It has all of a batch, or nothing; another try may have written some of
/// the same turns.
async fn is_stored(store: &View, batch: &Batch) -> Result<bool, String> {
    let mut is_found = false;
    for turn in &batch.turns {
        let of = &turn.summary;
        match store.histories().read(&of.instance, of.execution, turn.number, 1).await {
            Ok(page) if page.turns.first().is_some_and(|it| it.bytes == turn.bytes) => {
                is_found = true;
            }
            // Of an execution that is not kept, or that never was, nothing is known.
            Err(ProviderError::NotFound { .. }) => {}
            Ok(_) | Err(ProviderError::Conflict { .. }) => return Ok(false),
            Err(error) => return Err(format!("the log of `{}`: {error}", of.instance)),
        }
    }
    Ok(is_found)
}
