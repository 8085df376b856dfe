//! The clients of a run: they start programs, raise events, ask for updates, suspend and resume, and look at what comes
//! out.

mod call;

use std::collections::BTreeMap;
use std::time::Duration;

use reenact::testing::simulation::World;
use reenact::{Client, Error, ErrorKind, InstanceHandle};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::call::{answered, insist, insist_for};
use crate::history;
use crate::workload::{
    ASK, Answered, CANARY, EVENTS, Effects, MARKED, Out, Program, check, check_answer, run_program,
};

/// How long the faults last, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// After this time without faults, no message comes a second time.
const QUEUES_REST: Duration = Duration::from_secs(120);

/// How long everything may take to come to rest without faults, in virtual time.
const REST: Duration = Duration::from_secs(900);

/// Plays all clients of a run. An error says what is wrong.
pub(crate) async fn play(world: World, effects: Effects) -> Result<(), String> {
    let mut next = 0;
    let count = 1 + world.dice().below("instances", 4);
    let clients: Vec<_> = (0..count)
        .map(|number| {
            let program = Program::by_chance(world.dice(), &mut next);
            let client = Player { world: world.clone(), id: format!("program-{number}"), program };
            (client.clone(), tokio::spawn(client.play()))
        })
        .collect();
    sleep(FAULTS_LAST).await;
    world.heal().await;
    for (client, playing) in clients {
        client.check(playing).await.map_err(|wrong| format!("`{}`: {wrong}", client.id))?;
    }
    let mut numbers = BTreeMap::new();
    for (key, (number, _)) in &*effects.all() {
        if let Some(other) = numbers.insert(*number, key.clone()) {
            return Err(format!("activity {number} has run under two keys: {other} and {key}"));
        }
    }
    Ok(())
}

/// What a client has heard: the result, and the answers to updates by their numbers.
struct Heard {
    out: Vec<Out>,
    answers: Vec<(u64, Answered)>,
}

/// The client of one program, from the start of its instance to the end of it.
#[derive(Clone)]
struct Player {
    world: World,
    id: String,
    program: Program,
}

type Playing<T> = JoinHandle<Result<T, String>>;

impl Player {
    async fn play(self) -> Result<Heard, String> {
        self.pause("start at", 10_000).await;
        self.start().await?;
        let mut tasks: Vec<Playing<()>> = (0..EVENTS.len())
            .filter(|event| self.program.takes(*event) > 0)
            .map(|event| tokio::spawn(self.clone().raise_all(event)))
            .collect();
        let updates =
            (0..self.program.answers()).map(|number| tokio::spawn(self.clone().ask(number)));
        let updates: Vec<Playing<Answered>> = updates.collect();
        if self.world.dice().below("suspends", 4) == 0 {
            tasks.push(tokio::spawn(self.clone().suspend()));
        }
        for task in tasks {
            joined(task).await?;
        }
        let mut answers = Vec::new();
        for (number, update) in (0..).zip(updates) {
            answers.push((number, joined(update).await?));
        }
        let id = &self.id;
        let result = |client: Client| {
            let handle: InstanceHandle<Vec<Out>> = client.instance(id.as_str());
            async move { handle.result().await }
        };
        let out = insist_for(&self.world, "result", result).await?;
        // Its answers are kept when it has ended.
        for number in 0..self.program.answers() {
            answers.push((number, self.ask_now(number).await?));
        }
        Ok(Heard { out, answers })
    }

    /// Starts the instance: alone, or together with its first event.
    async fn start(&self) -> Result<(), String> {
        let together = self.world.dice().below("starts with", 3) == 0;
        let event = (0..EVENTS.len()).find(|event| together && self.program.takes(*event) > 0);
        let start = |client: Client| {
            let start = client.start_new(run_program, self.program.clone()).id(self.id.as_str());
            async move {
                let start = match event {
                    Some(event) => start.and_raise(EVENTS[event], 0).event_key(key(event, 0)),
                    None => start,
                };
                start.await.map(|_| ())
            }
        };
        let is_done = |error: &Error| match event {
            Some(_) => error.kind() == ErrorKind::Finished,
            None => error.kind() == ErrorKind::AlreadyExists,
        };
        insist(&self.world, "start", start, is_done).await
    }

    /// Raises the events of a name in the order of their numbers, each when the one before is acknowledged.
    async fn raise_all(self, event: usize) -> Result<(), String> {
        for number in 0..self.program.takes(event) {
            self.pause("raise after", 6_000).await;
            let raise = |client: Client| {
                let raising = client.instance::<Vec<Out>>(self.id.as_str());
                let raising = raising.raise_event(EVENTS[event], number).key(key(event, number));
                async move { raising.await }
            };
            // The instance may have taken it, and ended, before the answer was lost.
            insist(&self.world, "raise", raise, is_over).await?;
        }
        Ok(())
    }

    /// Asks for an update after a while, beside other ones.
    async fn ask(self, number: u64) -> Result<Answered, String> {
        self.pause("ask after", 12_000).await;
        self.ask_now(number).await
    }

    async fn ask_now(&self, number: u64) -> Result<Answered, String> {
        let ask = |client: Client| {
            let asking = client.update(self.id.as_str(), ASK, number).key(format!("ask {number}"));
            async move { answered(asking.await) }
        };
        insist_for(&self.world, "ask", ask).await
    }

    /// Suspends the instance, and resumes it: that changes nothing but times. A suspension whose answer was lost, and
    /// that was asked for again, may come a second time after the instance was resumed; so it is resumed once more when
    /// all queues have come to rest.
    async fn suspend(self) -> Result<(), String> {
        let id = self.id.as_str();
        self.pause("suspend after", 8_000).await;
        let suspending = |client: Client| client.suspend(id, CANARY).into_future();
        insist(&self.world, "suspend", suspending, is_over).await?;
        self.pause("resume after", 8_000).await;
        let resuming = |client: Client| client.resume(id).into_future();
        insist(&self.world, "resume", resuming, is_over).await?;
        sleep(FAULTS_LAST + QUEUES_REST).await;
        insist(&self.world, "resume", resuming, is_over).await
    }

    async fn pause(&self, what: &'static str, longest: u64) {
        sleep(Duration::from_millis(self.world.dice().below(what, longest))).await;
    }

    /// Waits for the end of this client, and looks at what it has heard and at what is stored.
    async fn check(&self, playing: Playing<Heard>) -> Result<(), String> {
        let Ok(heard) = timeout(REST, joined(playing)).await else {
            return Err(self.waits().await);
        };
        let heard = heard?;
        check(&self.program, &heard.out)?;
        for (number, answer) in &heard.answers {
            check_answer(&heard.out, *number, *answer)?;
        }
        self.check_mark().await?;
        history::check(&self.world, &self.id).await
    }

    /// The attribute of the instance is what it has set.
    async fn check_mark(&self) -> Result<(), String> {
        let client = Client::read_only(self.world.store());
        let view = client.view(self.id.as_str()).await.map_err(|error| error.to_string())?;
        let marked = view.summary.attributes.get(MARKED).cloned();
        let expected = self.program.mark().map(Into::into);
        if marked == expected {
            return Ok(());
        }
        Err(format!("its attribute is {marked:?}, and was set to {expected:?}"))
    }

    /// What an instance waits for that has not come to rest.
    async fn waits(&self) -> String {
        let client = Client::read_only(self.world.store());
        let view = match client.view(self.id.as_str()).await {
            Ok(view) => view,
            Err(error) => return format!("it is not at rest, and cannot be looked at: {error}"),
        };
        let open = &view.execution;
        format!(
            "it is not at rest after {} s without faults; it is {:?}, parked: {:?}, and has {} activities, {} timers, \
             {} waits, {} children open, {} events buffered; its program is {:?}",
            REST.as_secs(),
            view.summary.state,
            open.parked,
            open.activities.items.len(),
            open.timers.items.len(),
            open.waits.items.len(),
            open.children.items.len(),
            open.buffered.items.len(),
            self.program.steps,
        )
    }
}

async fn joined<T>(task: Playing<T>) -> Result<T, String> {
    task.await.map_err(|panic| format!("a client has panicked: {panic}"))?
}

fn key(event: usize, number: u64) -> String {
    format!("{} {number}", EVENTS[event])
}

fn is_over(error: &Error) -> bool {
    error.kind() == ErrorKind::Finished
}
