//! The workers that are connected, and the work that waits for them.
//!
//! Work goes to a worker that has the code and a free place, in turn among the workers and among the names. It comes
//! again when a stream breaks before the answer. The first answer counts.

mod filter;
mod parts;
mod waiting;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::filter::Accepts;
use self::parts::Parts;
pub(crate) use self::parts::RefusedPart;
use self::waiting::Waiting;
pub(crate) use self::wire::SentWork;
use crate::decision::Decision;
use crate::entities::{EntityDone, EntityWork};
use crate::events::Encoded;
use crate::failure::Failure;
use crate::interpreter::{History, Run};
use crate::limits::{DEFAULT_PLACES, FIRST_PAUSE, LARGE_QUESTION_BYTES, MAX_PAUSE, MAX_WORKERS};
use crate::proto::{GetWorkItemsRequest, OrchestratorResponse, WorkerCapability};
use crate::start::Trace;
use crate::text::Text;

/// Work for a worker.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Decide(Asked),
    Act(ActivityWork),
    Operate(OperationWork),
}

/// What an execution asks.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) run: Arc<Run>,
    pub(crate) history: Arc<History>,
}

/// An activity that is to run.
#[derive(Clone, Debug)]
pub(crate) struct ActivityWork {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) instance: String,
    pub(crate) call: i32,
    pub(crate) input: Option<Text>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) trace: Trace,
}

/// An operation that an entity is to do.
#[derive(Clone, Debug)]
pub(crate) struct OperationWork {
    pub(crate) entity: String,
    pub(crate) request: String,
    pub(crate) work: EntityWork,
}

/// What a worker has answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Decided(Decision),
    Acted(Text),
    Operated(EntityDone),
    /// It failed, or its answer made no sense.
    Failed(Failure),
}

/// The kinds of work, each of which has places of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Decide,
    Act,
    Operate,
}

/// No work is open under this token, or for this call: it was answered before, or it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such work is open: it was answered before, or its instance has ended, or the sidecar has started anew"
)]
pub(crate) struct UnknownWork;

/// As many workers are connected as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_WORKERS} workers are connected, which is the most")]
pub(crate) struct TooManyWorkers;

/// All workers, and all work.
#[derive(Debug)]
pub(crate) struct Workers {
    /// In front of the numbers of tokens, so that none of an earlier process is one of this.
    prefix: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    waiting: Waiting,
    workers: BTreeMap<u64, Worker>,
    /// The worker that was given work last: the next one after it goes first.
    served: u64,
}

/// Work that has no answer yet.
#[derive(Debug)]
struct Open {
    work: Work,
    answer: oneshot::Sender<Answer>,
    /// Who has it.
    worker: Option<u64>,
    parts: Parts,
    /// How often a stream has ended that it was sent over, where it is large.
    broken: u32,
}

#[derive(Debug)]
struct Worker {
    accepts: Accepts,
    places: [usize; 3],
    /// Whether it can have a large history streamed.
    takes_streams: bool,
    work: mpsc::UnboundedSender<SentWork>,
}

/// A worker that is connected. Dropped, it is gone, and what it has not answered waits for others.
#[derive(Debug)]
pub(crate) struct Connected {
    workers: Arc<Workers>,
    id: u64,
}

/// Work that waits for its answer. Dropped, it is taken back.
struct Submitted<'a> {
    workers: &'a Workers,
    id: u64,
}

impl Workers {
    pub(crate) fn new(prefix: String) -> Arc<Self> {
        Arc::new(Self { prefix, state: Mutex::default() })
    }

    /// Waits until a worker has answered, for as long as it takes.
    ///
    /// Dropped, the work is taken back: a worker that has it is not informed, and its answer is refused.
    pub(crate) async fn submit(&self, work: Work) -> Answer {
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut state = self.lock();
            let id = state.next_number();
            state.waiting.push(&work, id);
            state.open.insert(id, Open::new(work, answer));
            state.hand_out(&self.prefix);
            id
        };
        let _submitted = Submitted { workers: self, id };
        answered
            .await
            .unwrap_or_else(|_| Answer::Failed(Failure::new("Abandoned", "the work was given up")))
    }

    /// A worker connects, and gets work from now on.
    pub(crate) fn connect(
        self: &Arc<Self>,
        request: GetWorkItemsRequest,
    ) -> Result<(Connected, mpsc::UnboundedReceiver<SentWork>), TooManyWorkers> {
        let (work, received) = mpsc::unbounded_channel();
        let mut state = self.lock();
        if state.workers.len() >= MAX_WORKERS {
            return Err(TooManyWorkers);
        }
        let places = |wanted: i32| match usize::try_from(wanted) {
            Ok(0) | Err(_) => DEFAULT_PLACES,
            Ok(wanted) => wanted,
        };
        let places = [
            places(request.max_concurrent_orchestration_work_items),
            places(request.max_concurrent_activity_work_items),
            places(request.max_concurrent_entity_work_items),
        ];
        let id = state.next_number();
        let takes_streams =
            request.capabilities.contains(&WorkerCapability::HistoryStreaming.into());
        let accepts = Accepts::of(request.work_item_filters);
        state.workers.insert(id, Worker { accepts, places, takes_streams, work });
        state.hand_out(&self.prefix);
        drop(state);
        Ok((Connected { workers: self.clone(), id }, received))
    }

    /// Takes the answer of a worker, by the token of the work.
    pub(crate) fn answer(&self, token: &str, answer: Answer) -> Result<(), UnknownWork> {
        let id = self.number(token).ok_or(UnknownWork)?;
        self.answer_to(id, answer)
    }

    /// Takes the result of an activity from a worker that knows no tokens.
    pub(crate) fn answer_call(
        &self,
        instance: &str,
        call: i32,
        answer: Answer,
    ) -> Result<(), UnknownWork> {
        let is_it = |work: &Work| match work {
            Work::Act(work) => work.call == call && work.instance == instance,
            Work::Decide(_) | Work::Operate(_) => false,
        };
        let id = self.find(is_it).ok_or(UnknownWork)?;
        self.answer_to(id, answer)
    }

    /// The token of what an instance asks, for workers that know none.
    pub(crate) fn token_of_question(&self, instance: &str) -> Option<String> {
        let is_it = |work: &Work| match work {
            Work::Decide(asked) => asked.run.instance() == instance,
            Work::Act(_) | Work::Operate(_) => false,
        };
        self.find(is_it).map(|id| token(&self.prefix, id))
    }

    /// What comes before the question of an execution, if it asks: the worker has it streamed.
    pub(crate) fn past_of_question(
        &self,
        instance: &str,
        execution: Option<&str>,
    ) -> Option<Vec<Encoded>> {
        let state = self.lock();
        state.open.values().find_map(|open| match &open.work {
            Work::Decide(Asked { run, history }) => (run.instance() == instance
                && execution.is_none_or(|execution| execution == run.execution()))
            .then(|| history.past.clone()),
            Work::Act(_) | Work::Operate(_) => None,
        })
    }

    /// Keeps a part of an answer. Returns the whole answer with the last.
    pub(crate) fn gather(
        &self,
        token: &str,
        part: OrchestratorResponse,
    ) -> Result<Option<OrchestratorResponse>, RefusedPart> {
        let id = self.number(token).ok_or(UnknownWork)?;
        let mut state = self.lock();
        let open = state.open.get_mut(&id).ok_or(UnknownWork)?;
        let is_last = !part.is_partial;
        open.parts.push(part)?;
        Ok(is_last.then(|| std::mem::take(&mut open.parts).join()))
    }

    /// A worker gives work back: it waits for others, and for the same one.
    pub(crate) fn abandon(&self, token: &str) -> Result<(), UnknownWork> {
        let id = self.number(token).ok_or(UnknownWork)?;
        let mut state = self.lock();
        let state = &mut *state;
        let open = state.open.get_mut(&id).ok_or(UnknownWork)?;
        if let Some(worker) = open.worker.take() {
            free(&mut state.workers, worker, &open.work);
            open.parts = Parts::default();
            // After what waits, so that others have their turn before it is given back again.
            state.waiting.push(&open.work, id);
            state.hand_out(&self.prefix);
        }
        Ok(())
    }

    /// Work that was held back waits for workers, unless nobody wants it any more.
    fn wait_again(&self, id: u64) {
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(open) = state.open.get(&id) {
            state.waiting.push_first(&open.work, id);
            state.hand_out(&self.prefix);
        }
    }

    /// Ends the streams of all workers.
    pub(crate) fn disconnect(&self) {
        self.lock().workers.clear();
    }

    fn answer_to(&self, id: u64, answer: Answer) -> Result<(), UnknownWork> {
        let mut state = self.lock();
        let open = state.take(id).ok_or(UnknownWork)?;
        state.hand_out(&self.prefix);
        drop(state);
        open.answer.send(answer).map_err(|_| UnknownWork)
    }

    fn find(&self, is_it: impl Fn(&Work) -> bool) -> Option<u64> {
        let state = self.lock();
        state.open.iter().find(|(_, open)| is_it(&open.work)).map(|(id, _)| *id)
    }

    fn number(&self, token: &str) -> Option<u64> {
        token.strip_prefix(&self.prefix)?.parse().ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Gives the work that waits to workers with free places.
    fn hand_out(&mut self, prefix: &str) {
        loop {
            let after = self.served + 1;
            let order = self.workers.range(after..).chain(self.workers.range(..after));
            let found = order.into_iter().find_map(|(id, worker)| {
                let next = self.waiting.first_for(|kind, name, version| {
                    worker.places[kind as usize] > 0 && worker.accepts.takes(kind, name, version)
                })?;
                Some((*id, next))
            });
            let Some((worker, next)) = found else { return };
            let number = self.waiting.take(&next);
            self.served = worker;
            if let Some(number) = number {
                self.give(prefix, worker, number);
            }
        }
    }

    fn give(&mut self, prefix: &str, id: u64, number: u64) {
        let (Some(open), Some(worker)) = (self.open.get_mut(&number), self.workers.get_mut(&id))
        else {
            return;
        };
        open.worker = Some(id);
        let places = &mut worker.places[open.work.kind() as usize];
        *places = places.saturating_sub(1);
        // A worker whose stream has ended is about to be removed, with all that it has.
        let token = token(prefix, number);
        let _ = worker.work.send(SentWork::new(&open.work, token, worker.takes_streams));
    }

    /// Takes out work that is answered, or that nobody wants any more.
    fn take(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        match open.worker {
            Some(worker) => free(&mut self.workers, worker, &open.work),
            None => self.waiting.remove(&open.work, id),
        }
        Some(open)
    }
}

impl Open {
    fn new(work: Work, answer: oneshot::Sender<Answer>) -> Self {
        Self { work, answer, worker: None, parts: Parts::default(), broken: 0 }
    }

    /// How long it is held back when the stream has ended that it was sent over. A question that is too large for the client
    /// of a worker ends its stream each time, with all other work on it: so it comes ever less often.
    fn pause(&mut self, was_streamed: bool) -> Option<Duration> {
        let Work::Decide(Asked { run, history }) = &self.work else { return None };
        let bytes = history.bytes();
        if was_streamed || bytes < LARGE_QUESTION_BYTES {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.broken)).min(MAX_PAUSE);
        self.broken += 1;
        tracing::warn!(
            target: "reenact::sidecar",
            instance = run.instance(),
            bytes,
            streams_ended = self.broken,
            "the stream of a worker has ended after it was sent a large question; if its client takes no messages of this size (4 MiB, unless it says otherwise), let it take larger ones, or let the orchestration continue as new"
        );
        Some(pause)
    }
}

/// The place of work becomes free.
fn free(workers: &mut BTreeMap<u64, Worker>, worker: u64, work: &Work) {
    if let Some(worker) = workers.get_mut(&worker) {
        worker.places[work.kind() as usize] += 1;
    }
}

fn token(prefix: &str, number: u64) -> String {
    format!("{prefix}{number}")
}

impl Work {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Decide(_) => Kind::Decide,
            Self::Act(_) => Kind::Act,
            Self::Operate(_) => Kind::Operate,
        }
    }

    /// Whose code it is.
    fn name(&self) -> &str {
        match self {
            Self::Decide(asked) => asked.run.name(),
            Self::Act(work) => &work.name,
            Self::Operate(work) => {
                let id = work.entity.strip_prefix('@').and_then(|rest| rest.split_once('@'));
                id.map_or(&work.entity, |(entity_type, _)| entity_type)
            }
        }
    }

    fn version(&self) -> &str {
        match self {
            Self::Decide(asked) => asked.run.version().unwrap_or_default(),
            Self::Act(work) => work.version.as_deref().unwrap_or_default(),
            Self::Operate(_) => "",
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut state = self.workers.lock();
        let state = &mut *state;
        let takes_streams =
            state.workers.remove(&self.id).is_some_and(|worker| worker.takes_streams);
        let mut left: Vec<_> =
            state.open.iter_mut().filter(|(_, open)| open.worker == Some(self.id)).collect();
        // The oldest goes first again.
        left.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(**id));
        for (id, open) in left {
            open.worker = None;
            open.parts = Parts::default();
            let pause = open.pause(takes_streams).and_then(|pause| self.wait_for(*id, pause));
            if pause.is_none() {
                state.waiting.push_first(&open.work, *id);
            }
        }
        state.hand_out(&self.workers.prefix);
    }
}

impl Connected {
    /// Lets work wait for others after a while. Without a runtime, nothing happens.
    fn wait_for(&self, id: u64, pause: Duration) -> Option<()> {
        let workers = Arc::downgrade(&self.workers);
        tokio::runtime::Handle::try_current().ok()?.spawn(async move {
            tokio::time::sleep(pause).await;
            if let Some(workers) = workers.upgrade() {
                workers.wait_again(id);
            }
        });
        Some(())
    }
}

impl Drop for Submitted<'_> {
    fn drop(&mut self) {
        let mut state = self.workers.lock();
        if state.take(self.id).is_some() {
            state.hand_out(&self.workers.prefix);
        }
    }
}
