//! Releases the effects of durable turns; of many, one portion at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use foldhash::HashMap;
use reenact_core::{Action, InstanceId, Receipt};
use tokio::sync::oneshot;

use super::entry::{Entry, PendingTurn};
use crate::activity::{ActivityCall, EndedCall};
use crate::context::ShardContext;
use crate::error::ParkReason;
use crate::message::Answer;
use crate::run::Run;
use crate::telemetry::Story;
use crate::trace::RunTrace;

/// The maximum number of actions of one append that are carried out before the next append begins. The
/// actions of a larger entry are carried out in portions.
const AT_ONCE: usize = 1_024;

/// The metrics read the clock after an append that took this long: to read it costs more than a quick one would change.
const WORTH_A_LOOK: Duration = Duration::from_micros(100);

/// The number of actions that are carried out before other tasks run, and new entries are appended.
const PORTION: usize = 256;

/// Carries out the effects of a shard's turns once they are durable. The effects of one instance keep
/// their order, and do not wait for those of another.
///
/// Effects that are left when the shard goes down follow from the log. The answers, which depend on
/// durable turns only, are given.
pub(super) struct Releases {
    shard: Arc<ShardContext>,
    /// The steps that are not carried out yet, by instance.
    under_way: HashMap<InstanceId, VecDeque<Step>>,
    /// Each of these instances once, in the order in which they go on.
    turns: VecDeque<InstanceId>,
    /// Notified when nothing is under way.
    waiting: Vec<oneshot::Sender<()>>,
}

/// A part of the effects of an entry. A receipt has opened its seal.
enum Step {
    /// Reports the turn to those that follow the instance.
    Report(Box<Story>),
    Begin(Run),
    Act(Run, RunTrace, vec::IntoIter<Action>),
    /// Releases an attempt whose end is durable.
    LetGo(EndedCall),
    Answer(Answer, Arc<Receipt>),
    Park(ParkReason),
    Notify(oneshot::Sender<()>),
}

impl Releases {
    pub(super) fn new(shard: Arc<ShardContext>) -> Self {
        let (under_way, turns) = (HashMap::default(), VecDeque::new());
        Self { shard, under_way, turns, waiting: Vec::new() }
    }

    /// Releases what an append has made durable: at once, except for the part that is too much.
    pub(super) fn release(&mut self, entries: impl Iterator<Item = Entry>, receipt: Receipt) {
        let receipt = Arc::new(receipt);
        let mut left = AT_ONCE;
        for entry in entries {
            if let Entry::Turn(turn) = &entry {
                self.count(turn);
            }
            let actions = entry.actions();
            if actions > left || self.must_wait(&entry) {
                self.put_off(entry, &receipt);
            } else {
                left -= actions;
                self.release_now(entry, &receipt);
            }
        }
    }

    /// Counts an append. After one that took a while, the clock is read: the activities that it releases begin then.
    /// Otherwise the time counts that the clock had for the turns.
    pub(super) fn has_appended(&self, turns: usize, bytes: usize, took: Duration) {
        let recorder = &self.shard.recorder;
        recorder.appended(turns, bytes, took);
        if took >= WORTH_A_LOOK {
            recorder.set_now(self.shard.now());
        }
    }

    /// Counts an append that has failed for good. Its turns count nothing.
    pub(super) fn has_lost_append(&self) {
        self.shard.recorder.has_lost_append();
    }

    /// Whether any effects are left.
    pub(super) fn is_under_way(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Carries out the next portion.
    pub(super) fn go_on(&mut self) {
        let mut left = PORTION;
        while left > 0
            && let Some(instance) = self.turns.pop_front()
            && let Some(steps) = self.under_way.get_mut(&instance)
        {
            left = go_on(&self.shard, &instance, steps, left);
            if steps.is_empty() {
                self.under_way.remove(&instance);
            } else {
                self.turns.push_back(instance);
            }
        }
        if self.turns.is_empty() {
            self.waiting.drain(..).for_each(notify);
        }
    }

    /// Whether the entry must wait for effects of its instance that are under way. An answer need not: it
    /// says what is durable, and not what is carried out.
    fn must_wait(&self, entry: &Entry) -> bool {
        let Some(instance) = self.is_under_way().then(|| entry.instance()).flatten() else {
            return false;
        };
        let has_effects = match entry {
            Entry::Turn(turn) => turn.has_effects(),
            Entry::Park(..) | Entry::Barrier(..) => true,
            Entry::Answer(_) | Entry::Open(..) => false,
        };
        has_effects && self.under_way.contains_key(instance)
    }

    /// Counts what a durable turn has ended or begun.
    fn count(&self, turn: &PendingTurn) {
        let PendingTurn { instance, run, tally, known, .. } = turn;
        if let (Some(ended), None) = (&tally.activity, known) {
            // An attempt may still wait or run; its call has its end.
            let call = ActivityCall { instance: instance.clone(), run: *run, id: ended.id };
            self.shard.workers.is_counted(&call);
        }
        let attempt = known.as_ref().map(EndedCall::counted);
        self.shard.recorder.count(tally, self.shard.host.recorder.activities(), attempt);
        turn.successor.iter().for_each(|turn| self.count(turn));
    }

    fn put_off(&mut self, entry: Entry, receipt: &Arc<Receipt>) {
        let Some(instance) = entry.instance().cloned() else {
            return self.release_now(entry, receipt);
        };
        let steps = self.under_way.entry(instance.clone()).or_insert_with(|| {
            self.turns.push_back(instance);
            VecDeque::new()
        });
        match entry {
            Entry::Turn(turn) => turn.into_steps(receipt, steps),
            Entry::Park(_, reason) => steps.push_back(Step::Park(*reason)),
            Entry::Barrier(_, reply) => steps.push_back(Step::Notify(reply)),
            Entry::Answer(answer) => answer.give(receipt),
            Entry::Open(reply, open) => drop(reply.send(*open)),
        }
    }

    fn release_now(&mut self, entry: Entry, receipt: &Receipt) {
        match entry {
            Entry::Turn(turn) => release_turn(&self.shard, *turn, receipt),
            Entry::Answer(answer) => answer.give(receipt),
            Entry::Park(instance, reason) => self.shard.park(&instance, *reason),
            Entry::Barrier(None, reply) if self.is_under_way() => self.waiting.push(reply),
            Entry::Barrier(_, reply) => notify(reply),
            // The receiver may be gone.
            Entry::Open(reply, open) => drop(reply.send(*open)),
        }
    }
}

impl Drop for Releases {
    fn drop(&mut self) {
        // In the order of their turns: that of the table is random.
        for instance in std::mem::take(&mut self.turns) {
            for step in self.under_way.remove(&instance).into_iter().flatten() {
                if let Step::Answer(answer, receipt) = step {
                    answer.give(&receipt);
                }
            }
        }
    }
}

fn release_turn(shard: &ShardContext, turn: PendingTurn, receipt: &Receipt) {
    let PendingTurn { instance, run, actions, answer, known, successor, trace, story, .. } = turn;
    // First: what its actions bring about comes after it.
    story.iter().for_each(|story| story.report());
    shard.dispatch(&instance, run, &trace, actions.release(receipt));
    // Released only now: a call that was asked for again before this turn must not run a second time.
    drop(known);
    successor.into_iter().for_each(|turn| release_turn(shard, turn, receipt));
    // When a client gets the answer, the effects are carried out.
    if let Some(answer) = answer {
        answer.give(receipt);
    }
}

/// Carries out the next steps of an instance, at most `left` actions; returns how many of these are
/// left.
fn go_on(
    shard: &ShardContext,
    instance: &InstanceId,
    steps: &mut VecDeque<Step>,
    mut left: usize,
) -> usize {
    while left > 0
        && let Some(step) = steps.pop_front()
    {
        match step {
            Step::Act(run, trace, mut actions) => {
                left -= shard.carry_out_all(instance, run, &trace, actions.by_ref().take(left));
                if actions.len() > 0 {
                    steps.push_front(Step::Act(run, trace, actions));
                }
            }
            Step::Report(story) => story.report(),
            Step::Begin(run) => shard.begin_actions(instance, run),
            Step::LetGo(known) => drop(known),
            Step::Answer(answer, receipt) => answer.give(&receipt),
            Step::Park(reason) => shard.park(instance, reason),
            Step::Notify(reply) => notify(reply),
        }
    }
    left
}

/// Calls that are cancelled together are cancelled from the last to the first: those that run come
/// last, so that no other call begins in the places that they leave.
fn last_calls_first(actions: &mut [Action]) {
    let is_cancel = |action: &Action| matches!(action, Action::CancelActivity { .. });
    for several in actions.chunk_by_mut(|one, next| is_cancel(one) && is_cancel(next)) {
        several.reverse();
    }
}

fn notify(reply: oneshot::Sender<()>) {
    // The receiver may be gone.
    let _ = reply.send(());
}

impl PendingTurn {
    /// Its steps, in the order of [`release_turn`].
    fn into_steps(self, receipt: &Arc<Receipt>, steps: &mut VecDeque<Step>) {
        let Self { run, actions, answer, known, successor, trace, story, .. } = self;
        steps.extend(story.map(Step::Report));
        steps.push_back(Step::Begin(run));
        let mut actions = actions.release(receipt);
        last_calls_first(&mut actions);
        steps.push_back(Step::Act(run, trace, actions.into_iter()));
        steps.extend(known.map(Step::LetGo));
        successor.into_iter().for_each(|turn| turn.into_steps(receipt, steps));
        steps.extend(answer.map(|answer| Step::Answer(answer, receipt.clone())));
    }

    /// Whether it has effects other than its answer.
    fn has_effects(&self) -> bool {
        self.run.is_without_code()
            || !self.actions.is_empty()
            || self.successor.iter().any(Self::has_effects)
    }

    fn actions(&self) -> usize {
        self.actions.len() + self.successor.iter().map(Self::actions).sum::<usize>()
    }
}

impl Entry {
    /// Its instance, if its order among the entries of the instance counts.
    fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::Turn(turn) => Some(&turn.instance),
            Self::Park(instance, _) => Some(instance),
            Self::Barrier(instance, _) => instance.as_ref(),
            Self::Answer(_) | Self::Open(..) => None,
        }
    }

    fn actions(&self) -> usize {
        match self {
            Self::Turn(turn) => turn.actions(),
            Self::Answer(_) | Self::Park(..) | Self::Barrier(..) | Self::Open(..) => 0,
        }
    }
}
