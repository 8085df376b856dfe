//! What is durable, as the store itself has said: what was acknowledged must be there at that moment, and logs only
//! grow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reenact::core::codec::{decode_command, decode_turn};
use reenact::core::{Event, EventKey, RecordedTurn, RemoteCommand, RemoteEvent, UpdateAnswer};
use reenact::providers::{Batch, Provider};
use reenact::testing::simulation::{Witnessed, World};

use crate::Store;
use crate::history::Log;
use crate::marks::{self, Marks};

/// All that the store has confirmed, read in order.
#[derive(Default)]
pub(crate) struct Durable {
    /// Whether the store can have what it has not confirmed: the host that was to hear of it may be gone.
    is_partial: bool,
    read: usize,
    epochs: BTreeMap<u32, u64>,
    logs: BTreeMap<(String, u32), Log>,
    raised: BTreeSet<(String, EventKey)>,
    queued: BTreeSet<(String, EventKey)>,
    answers: BTreeMap<(String, EventKey), (u32, UpdateAnswer)>,
    /// What is to be done to an instance, in its log or in the queue of its shard.
    asked: BTreeSet<(String, Ask)>,
    messages: BTreeSet<String>,
    unanswered: Vec<(Arc<Batch>, bool)>,
    pub(crate) marks: Marks,
}

/// What clients ask of an instance, besides events and updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Start,
    Cancel,
    Terminate,
    Suspend,
    Resume,
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
    /// Of a store on a disk it is not known what was written while its host ended.
    pub(crate) fn of_store(store: Store) -> Self {
        Self { is_partial: store != Store::Memory, ..Self::default() }
    }

    /// Reads what has come since. An error says what must not be.
    pub(crate) fn read(&mut self, world: &World) -> Result<(), String> {
        if self.is_partial {
            return Ok(());
        }
        let new = world.witness().after(self.read);
        self.read += new.len();
        for witnessed in new {
            match witnessed {
                Witnessed::Appended(batch) => self.appended(&batch)?,
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
        }
        Ok(())
    }

    /// An event was acknowledged: where is it?
    pub(crate) fn place_of(&self, id: &str, key: &EventKey) -> Result<Place, String> {
        let event = (id.to_owned(), key.clone());
        if self.raised.contains(&event) {
            return Ok(Place::Log);
        }
        if self.is_partial || self.queued.contains(&event) {
            return Ok(Place::Queue);
        }
        Err(format!("event {key} was acknowledged, and is neither in the log nor in a queue"))
    }

    /// The answer to an update that was given to a client must be durable.
    pub(crate) fn check_answered(&self, id: &str, key: &EventKey) -> Result<(), String> {
        if self.is_partial || self.answers.contains_key(&(id.to_owned(), key.clone())) {
            return Ok(());
        }
        Err(format!("the answer to update {key} was given, and is not in the log"))
    }

    /// What was acknowledged must be durable.
    pub(crate) fn check_asked(&self, id: &str, ask: Ask) -> Result<(), String> {
        if self.is_partial || self.asked.contains(&(id.to_owned(), ask)) {
            return Ok(());
        }
        Err(format!("{ask:?} was acknowledged, and is neither in the log nor in a queue"))
    }

    pub(crate) fn mark(&mut self, mark: &'static str) -> Result<(), String> {
        self.marks.insert(mark);
        Ok(())
    }

    /// Each log that is still in the store is there as it was confirmed.
    pub(crate) async fn check_stored(&self, world: &World) -> Result<(), String> {
        let mut newest = BTreeMap::new();
        for (id, execution) in self.logs.keys() {
            newest.insert(id.clone(), *execution);
        }
        for (id, execution) in newest {
            let log = &self.logs[&(id.clone(), execution)];
            let (instance, from) = (id.parse().map_err(|why| format!("{why:?}"))?, 0);
            let number = reenact::core::ExecutionId(execution);
            let page = world.store().histories().read(&instance, number, from, usize::MAX).await;
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

    fn appended(&mut self, batch: &Batch) -> Result<(), String> {
        let (shard, epoch) = (batch.shard.0, batch.epoch.0);
        let before = self.epochs.insert(shard, epoch).unwrap_or(epoch);
        if epoch < before {
            return Err(format!("shard {shard} was written under epoch {epoch} after {before}"));
        }
        if epoch > before {
            self.marks.insert(marks::OWNER_CHANGED);
        }
        self.read_back(batch);
        let mut begun = BTreeSet::new();
        for turn in &batch.turns {
            let (id, execution) = (turn.summary.instance.as_str(), turn.summary.execution.0);
            let log = self.logs.entry((id.to_owned(), execution)).or_default();
            let wrong = |wrong: String| format!("execution {execution} of `{id}`: {wrong}");
            if turn.number != log.turns.len() as u64 {
                let expected = log.turns.len();
                return Err(wrong(format!("turn {} came for {expected}", turn.number)));
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
            let ask = match event {
                Event::ExecutionStarted { .. } => Ask::Start,
                Event::CancelRequested { .. } => Ask::Cancel,
                Event::ExecutionTerminated { .. } => Ask::Terminate,
                Event::ExecutionSuspended { .. } => Ask::Suspend,
                Event::ExecutionResumed => Ask::Resume,
                Event::ExternalRaised { key: Some(key), .. } => {
                    let event = (id.to_owned(), key.clone());
                    let is_queued = self.queued.contains(&event);
                    let way = if is_queued { marks::EVENT_QUEUED } else { marks::EVENT_DIRECT };
                    self.marks.insert(way);
                    self.raised.insert(event);
                    continue;
                }
                Event::UpdateAnswered { key, answer } => {
                    self.answered(id, execution, key, answer)?;
                    continue;
                }
                _ => continue,
            };
            self.asked.insert((id.to_owned(), ask));
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
        self.asked.insert((id.to_owned(), ask));
    }

    fn raised_by(&mut self, id: &str, event: &RemoteEvent) {
        self.queued.insert((id.to_owned(), event.key.clone()));
    }
}
