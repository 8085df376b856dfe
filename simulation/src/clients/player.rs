//! The client of one program.

use std::collections::BTreeMap;
use std::time::Duration;

use reenact::{Client, Error, ErrorKind, InstanceHandle};
use tokio::time::{sleep, timeout};

use super::call::{answered, insist_counted, insist_for};
use super::reader::Items;
use super::repair;
use super::rest::what_it_waits_for;
use super::{FAULTS_LAST, Playing, QUEUES_REST, REST, Run, joined};
use crate::durable::{Ask, Before, Place};
use crate::workload::{
    ASK, Answered, EVENTS, Fate, MARKED, Out, Played, Program, Step, check, check_answer,
    check_items,
};
use crate::{history, marks};

/// What a client has heard: the result, if the instance has completed, and the answers to updates by their numbers.
pub(super) struct Heard {
    out: Option<Vec<Out>>,
    answers: Vec<(u64, Answered)>,
    /// The events that were in the log when they were acknowledged.
    logged: Vec<(usize, u64)>,
}

/// How an instance has ended.
pub(super) enum Ended {
    Completed(Vec<Out>),
    Stopped,
    /// With what is said of it.
    Failed(String),
}

/// What came of a call that suspends or resumes an instance.
struct Interrupted {
    tries: u32,
    /// Whether the instance was suspended before, as the log said; true of one that has ended.
    was_suspended: bool,
}

/// The client of one program, from the start of its instance to the end of it.
#[derive(Clone)]
pub(super) struct Player {
    pub(super) run: Run,
    pub(super) id: String,
    pub(super) program: Program,
    fate: Fate,
    /// How many updates it asks for.
    pub(super) asks: u64,
    /// Whether other programs ask for updates.
    is_requested: bool,
}

impl Player {
    pub(super) fn new(run: &Run, number: usize, played: &Played) -> Self {
        let (program, fate) = (played.program.clone(), played.fate);
        let asks = program.answers() - played.requested;
        let (run, id, is_requested) =
            (run.clone(), format!("program-{number}"), played.requested > 0);
        Self { run, id, program, fate, asks, is_requested }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.program.steps
    }

    pub(super) fn launches(&self) -> impl Iterator<Item = (u64, &[Step])> {
        self.program.launches()
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = (u64, &[Step], bool)> {
        self.program.leaves()
    }

    /// What is wrong, and with whom.
    pub(super) fn names(&self, wrong: &str) -> String {
        format!("`{}`: {wrong}", self.id)
    }

    pub(super) async fn play(self) -> Result<Heard, String> {
        let is_late = self.is_requested && self.run.world.dice().below("starts last", 2) == 0;
        // Others may start it before.
        self.run.pause("start at", if is_late { 40_000 } else { 10_000 }).await;
        self.wait_for_recipients().await?;
        let rivals = self.rivals();
        let asking = self.start().await?;
        let events: Vec<_> = (0..EVENTS.len())
            .filter(|event| self.program.takes(*event) > 0)
            .map(|event| tokio::spawn(self.clone().raise_all(event)))
            .collect();
        let reader = Items::default().read(self.run.clone(), self.id.clone());
        let reader = tokio::spawn(reader);
        let mut tasks: Vec<Playing<()>> = Vec::new();
        let asked = u64::from(asking.is_some());
        let updates = (asked..self.asks).map(|number| tokio::spawn(self.clone().ask(number)));
        let updates: Vec<Playing<Answered>> = asking.into_iter().chain(updates).collect();
        if self.run.world.dice().below("suspends", 4) == 0 {
            tasks.push(tokio::spawn(self.clone().suspend()));
        }
        if self.fate != Fate::Lives {
            tasks.push(tokio::spawn(self.clone().stop()));
        }
        for task in tasks {
            joined(task).await?;
        }
        let mut logged = Vec::new();
        for event in events {
            logged.extend(joined(event).await?);
        }
        let mut answers = Vec::new();
        for (number, update) in (0..).zip(updates) {
            answers.push((number, joined(update).await?));
        }
        let mut ended = self.result().await?;
        if let (Ended::Failed(why), Some(number)) = (&ended, self.program.breaks()) {
            let mended = repair::mend(&self.run, &self.id, number).await;
            mended.map_err(|wrong| format!("{wrong}; it has failed: {why}"))?;
            ended = self.result().await?;
        }
        let out = match ended {
            Ended::Completed(out) => Some(out),
            Ended::Stopped => None,
            Ended::Failed(why) => return Err(format!("it has failed: {why}")),
        };
        for rival in rivals {
            self.check_rival(&joined(rival).await?, out.as_ref())?;
        }
        self.start_late(out.as_ref()).await?;
        self.check_stream(joined(reader).await?, out.is_some()).await?;
        // Its answers are kept when it has ended.
        for number in 0..self.asks {
            answers.push((number, self.ask_now(number).await?));
            self.run.look(|durable| durable.mark(marks::UPDATE_AFTER_END))?;
        }
        Ok(Heard { out, answers, logged })
    }

    pub(super) async fn result(&self) -> Result<Ended, String> {
        let result = |client: Client| {
            let handle: InstanceHandle<Vec<Out>> = client.instance(self.id.as_str());
            async move {
                match handle.result().await {
                    Ok(out) => Ok(Ended::Completed(out)),
                    Err(error) if error.kind() == ErrorKind::Stopped => Ok(Ended::Stopped),
                    Err(error) if error.kind() == ErrorKind::Failed => {
                        Ok(Ended::Failed(format!("{error:?}")))
                    }
                    Err(error) => Err(error),
                }
            }
        };
        insist_for(&self.run, "result", result).await
    }

    /// What a reader has seen from the beginning on is what another one sees after the end, and what must be there.
    async fn check_stream(&self, seen: Items, has_completed: bool) -> Result<(), String> {
        let (run, id) = (&self.run, &self.id);
        let seen = seen.read(run.clone(), id.clone()).await?;
        let all = Items::default().read(run.clone(), id.clone()).await?;
        if seen.items != all.items {
            return Err(format!("a reader has seen {:?}, another one {:?}", seen.items, all.items));
        }
        check_items(&self.program, &all.items, has_completed)
    }

    /// Waits until those have begun to whom the program sends messages. A message that has found nobody may come again
    /// when its instance has begun meanwhile: see `docs/limits.md`.
    async fn wait_for_recipients(&self) -> Result<(), String> {
        for to in self.program.recipients() {
            self.until_there(&format!("program-{to}")).await?;
        }
        Ok(())
    }

    /// Returns when an instance is there.
    pub(super) async fn until_there(&self, id: &str) -> Result<(), String> {
        let view =
            |client: Client| async move { stopped(client.view(id).await, ErrorKind::NotFound) };
        while insist_for(&self.run, "view", view).await?.is_none() {
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Returns when an instance is there that the program has started: its start may be under way when the program has ended.
    pub(super) async fn until_arrived(&self, id: &str) -> Result<(), String> {
        match timeout(QUEUES_REST, self.until_there(id)).await {
            Ok(arrived) => arrived,
            Err(_) => Err(format!("`{id}` was started, and is not there")),
        }
    }

    /// Raises the events of a name in the order of their numbers, each when the one before is acknowledged.
    /// Gives those that were in the log then: all later ones come after them.
    async fn raise_all(self, event: usize) -> Result<Vec<(usize, u64)>, String> {
        let mut logged = Vec::new();
        for number in 0..self.program.takes(event) {
            self.run.pause("raise after", 6_000).await;
            let raise = |client: Client| {
                let raising = client.instance::<Vec<Out>>(self.id.as_str());
                let raising = raising.raise_event(EVENTS[event], number).key(key(event, number));
                async move { raising.await }
            };
            // The instance may have taken it, and ended, before the answer was lost.
            let call = |client: Client| {
                let raising = raise(client);
                async { stopped(raising.await, ErrorKind::Finished) }
            };
            let raised = insist_for(&self.run, "raise", call).await?;
            if raised.is_some() {
                let key = key(event, number).parse().map_err(|why| format!("{why:?}"))?;
                let place = self.run.look(|durable| durable.place_of(&self.id, &key))?;
                logged.extend((place == Place::Log).then_some((event, number)));
            }
        }
        Ok(logged)
    }

    /// Asks for an update after a while, beside other ones.
    async fn ask(self, number: u64) -> Result<Answered, String> {
        self.run.pause("ask after", 12_000).await;
        self.ask_now(number).await
    }

    async fn ask_now(&self, number: u64) -> Result<Answered, String> {
        let starts = self.run.world.dice().below("asks with a start", 4) == 0;
        self.ask_as(number, starts).await
    }

    /// Asks for an update, alone or together with a start.
    pub(super) async fn ask_as(&self, number: u64, starts: bool) -> Result<Answered, String> {
        let ask = |client: Client| async move {
            let key = format!("ask {number}");
            let answer = match starts {
                true => self.ask_with_start(&client, number, key).await,
                false => client.update(self.id.as_str(), ASK, number).key(key).await,
            };
            let answered = stopped(answered(answer), ErrorKind::Finished)?;
            Ok(answered.unwrap_or(Answered::Never))
        };
        let answered = insist_for(&self.run, "ask", ask).await?;
        if answered != Answered::Never {
            let key = format!("ask {number}").parse().map_err(|why| format!("{why:?}"))?;
            self.run.look(|durable| durable.check_answered(&self.id, &key))?;
        }
        Ok(answered)
    }

    /// Suspends the instance, and resumes it: that changes nothing but times. A suspension whose answer was lost, and
    /// that was asked for again, may come a second time after the instance was resumed, and one that waits in a queue
    /// comes after a resumption that goes straight to the host; then it is resumed once more when all queues have come
    /// to rest.
    async fn suspend(self) -> Result<(), String> {
        let id = self.id.as_str();
        self.run.pause("suspend after", 8_000).await;
        let suspending = |client: Client| client.suspend(id, "for a while").into_future();
        let suspended = self.interrupt(Ask::Suspend, suspending).await?;
        self.run.pause("resume after", 8_000).await;
        let resuming = |client: Client| client.resume(id).into_future();
        let resumed = self.interrupt(Ask::Resume, resuming).await?;
        if suspended.tries > 1 || !resumed.was_suspended {
            sleep(FAULTS_LAST + QUEUES_REST).await;
            self.interrupt(Ask::Resume, resuming).await?;
        }
        Ok(())
    }

    /// Asks the instance for something, which is durable when it is acknowledged, or has ended before.
    async fn interrupt<F>(
        &self,
        ask: Ask,
        call: impl Fn(Client) -> F,
    ) -> Result<Interrupted, String>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let id = &self.id;
        let before = || self.run.look(|durable| Ok(durable.before(id, ask)));
        let count = before()?.count;
        // The call that is answered is the last one, and earlier ones may have counted.
        let call = |client| {
            let (before, calling) = (before(), call(client));
            async move { Ok(stopped(calling.await, ErrorKind::Finished)?.map(|()| before)) }
        };
        let (before, tries) = insist_counted(&self.run, "suspend or resume", call).await?;
        let Some(before) = before.transpose()? else {
            return Ok(Interrupted { tries, was_suspended: true });
        };
        let known = Before { count, ..before };
        self.run.look(|durable| durable.check_asked_again(id, ask, known))?;
        Ok(Interrupted { tries, was_suspended: before.is_suspended })
    }

    /// Cancels or terminates the instance.
    async fn stop(self) -> Result<(), String> {
        let id = self.id.as_str();
        self.run.pause("stop after", 12_000).await;
        let stopping = |client: Client| match self.fate {
            Fate::Terminated => client.terminate(id, "called off").into_future(),
            _ => client.cancel(id, "called off").into_future(),
        };
        let call = |client: Client| {
            let stopping = stopping(client);
            async { stopped(stopping.await, ErrorKind::Finished) }
        };
        if insist_for(&self.run, "stop", call).await?.is_none() {
            return self.run.look(|durable| durable.mark(marks::STOP_TOO_LATE));
        }
        let ask = if self.fate == Fate::Terminated { Ask::Terminate } else { Ask::Cancel };
        self.run.look(|durable| durable.check_asked(id, ask))
    }

    /// Waits for the end of this client, and looks at what it has heard and at what is stored. Gives what came out,
    /// if the instance has completed.
    pub(super) async fn check(&self, playing: Playing<Heard>) -> Result<Option<Vec<Out>>, String> {
        let Ok(heard) = timeout(REST, joined(playing)).await else {
            let waits = what_it_waits_for(&self.run.world, &self.id).await;
            let (seconds, steps) = (REST.as_secs(), &self.program.steps);
            return Err(format!(
                "not at rest after {seconds} s without faults: {waits}; its program is {steps:?}"
            ));
        };
        let Heard { out, answers, logged } = heard?;
        history::check(&self.run.world, &self.id).await?;
        let mut known = BTreeMap::new();
        for (number, answer) in &answers {
            let first = *known.entry(*number).or_insert(*answer);
            if first != *answer {
                return Err(format!("update {number} has two answers: {first:?} and {answer:?}"));
            }
        }
        let Some(out) = out else {
            let is_stopped = self.fate != Fate::Lives;
            return if is_stopped { Ok(None) } else { Err("nobody has stopped it".to_owned()) };
        };
        check(&self.program, &out, &logged)?;
        for (number, answer) in known {
            check_answer(&out, number, answer)?;
        }
        self.check_mark().await?;
        Ok(Some(out))
    }

    /// What a program that is cancelled does at its end was done; otherwise it was not.
    pub(super) fn check_undone(&self, has_completed: bool) -> Result<(), String> {
        let Some(undo) = self.program.undo else { return Ok(()) };
        let was_done = self.run.hosts.has_run(undo);
        let never_ran = self.run.look(|durable| Ok(durable.is_cancelled_unbegun(&self.id)))?;
        if was_done == (has_completed || never_ran) {
            return Err(format!("activity {undo} is for a cancel, and has run: {was_done}"));
        }
        let mark = if was_done { marks::UNDONE } else { return Ok(()) };
        self.run.look(|durable| durable.mark(mark))
    }

    /// The attribute of the instance is what it has set.
    async fn check_mark(&self) -> Result<(), String> {
        let client = Client::read_only(self.run.world.store());
        let view = client.view(self.id.as_str()).await.map_err(|error| error.to_string())?;
        let marked = view.summary.attributes.get(MARKED).cloned();
        let expected = self.program.mark().map(Into::into);
        if marked == expected {
            return Ok(());
        }
        Err(format!("its attribute is {marked:?}, and was set to {expected:?}"))
    }
}

/// `None` for an instance that has ended so.
pub(super) fn stopped<T>(result: Result<T, Error>, as_: ErrorKind) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == as_ => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn key(event: usize, number: u64) -> String {
    format!("{} {number}", EVENTS[event])
}
