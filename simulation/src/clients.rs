//! The clients of a run: they start programs, raise events, suspend and resume, and look at what comes out.

use std::future::Future;
use std::time::Duration;

use reenact::testing::simulation::World;
use reenact::{Client, Error, ErrorKind, InstanceHandle};
use tokio::time::{sleep, timeout};

use crate::history;
use crate::workload::{CANARY, EVENTS, Effects, Program, check, run_program};

/// How long a client waits for the answer to one call, in virtual time.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the faults last, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// After this time without faults, no message comes a second time.
const QUEUES_REST: Duration = Duration::from_secs(120);

/// How long everything may take to come to rest without faults, in virtual time.
const REST: Duration = Duration::from_secs(900);

/// How often a client tries a call.
const TRIES: u32 = 200;

/// Plays all clients of a run. An error says what is wrong.
pub(crate) async fn play(world: World, effects: Effects) -> Result<(), String> {
    let mut next = 0;
    let count = 1 + world.dice().below("instances", 4);
    let clients: Vec<_> = (0..count)
        .map(|number| {
            let program = Program::by_chance(world.dice(), &mut next);
            let id = format!("program-{number}");
            (id.clone(), program.clone(), tokio::spawn(client(world.clone(), id, program)))
        })
        .collect();
    sleep(FAULTS_LAST).await;
    world.heal().await;
    for (id, program, client) in clients {
        match timeout(REST, client).await {
            Ok(Ok(Ok(out))) => {
                check(&program, &out).map_err(|wrong| format!("`{id}`: {wrong}"))?;
            }
            Ok(Ok(Err(wrong))) => return Err(format!("`{id}`: {wrong}")),
            Ok(Err(panic)) => return Err(format!("`{id}`: the client has panicked: {panic}")),
            Err(_) => return Err(waits(&world, &id, &program).await),
        }
        history::check(&world, &id).await.map_err(|wrong| format!("`{id}`: {wrong}"))?;
    }
    let mut numbers = std::collections::BTreeMap::new();
    for (key, (number, _)) in &*effects.all() {
        if let Some(other) = numbers.insert(*number, key.clone()) {
            return Err(format!("activity {number} has run under two keys: {other} and {key}"));
        }
    }
    Ok(())
}

/// What an instance waits for that has not come to rest.
async fn waits(world: &World, id: &str, program: &Program) -> String {
    let client = Client::read_only(world.store().clone());
    let view = match client.view(id).await {
        Ok(view) => view,
        Err(error) => return format!("`{id}` is not at rest, and cannot be looked at: {error}"),
    };
    let open = &view.execution;
    format!(
        "`{id}` is not at rest after {} s without faults; it is {:?}, parked: {:?}, and has {} activities, {} timers, \
         {} waits, {} children open, {} events buffered; its program is {:?}",
        REST.as_secs(),
        view.summary.state,
        open.parked,
        open.activities.items.len(),
        open.timers.items.len(),
        open.waits.items.len(),
        open.children.items.len(),
        open.buffered.items.len(),
        program.steps,
    )
}

/// One client, from the start of its instance to the end of it.
async fn client(world: World, id: String, what: Program) -> Result<Vec<String>, String> {
    sleep(Duration::from_millis(world.dice().below("start at", 10_000))).await;
    let start = |client: Client| {
        let (id, what) = (id.clone(), what.clone());
        async move { client.start_new(run_program, what).id(id).await.map(|_| ()) }
    };
    insist(&world, "start", start, |error| error.kind() == ErrorKind::AlreadyExists).await?;
    let events = (0..EVENTS.len())
        .map(|event| tokio::spawn(raise_all(world.clone(), id.clone(), event, what.takes(event))));
    let mut tasks: Vec<_> = events.collect();
    if world.dice().below("suspends", 4) == 0 {
        tasks.push(tokio::spawn(suspend(world.clone(), id.clone())));
    }
    for task in tasks {
        task.await.map_err(|panic| format!("a client has panicked: {panic}"))??;
    }
    let result = |client: Client| {
        let handle: InstanceHandle<Vec<String>> = client.instance(id.as_str());
        async move { handle.result().await }
    };
    insist_for(&world, "result", result).await
}

/// Raises the events of a name in the order of their numbers, each when the one before is acknowledged.
async fn raise_all(world: World, id: String, event: usize, count: u64) -> Result<(), String> {
    for number in 0..count {
        sleep(Duration::from_millis(world.dice().below("raise after", 6_000))).await;
        let raise = |client: Client| {
            let key = format!("{} {number}", EVENTS[event]);
            let raising = client.instance::<Vec<String>>(id.as_str());
            async move { raising.raise_event(EVENTS[event], number).key(key).await }
        };
        // The instance may have taken it, and ended, before the answer was lost.
        insist(&world, "raise", raise, |error| error.kind() == ErrorKind::Finished).await?;
    }
    Ok(())
}

/// Suspends the instance, and resumes it: that changes nothing but times. A suspension whose answer was lost, and that
/// was asked for again, may come a second time after the instance was resumed; so it is resumed once more when all
/// queues have come to rest.
async fn suspend(world: World, id: String) -> Result<(), String> {
    sleep(Duration::from_millis(world.dice().below("suspend after", 8_000))).await;
    let is_over = |error: &Error| error.kind() == ErrorKind::Finished;
    let suspending = |client: Client| {
        let id = id.clone();
        async move { client.suspend(id.as_str(), CANARY).await }
    };
    insist(&world, "suspend", suspending, is_over).await?;
    sleep(Duration::from_millis(world.dice().below("resume after", 8_000))).await;
    let resuming = |client: Client| {
        let id = id.clone();
        async move { client.resume(id.as_str()).await }
    };
    insist(&world, "resume", resuming, is_over).await?;
    sleep(FAULTS_LAST + QUEUES_REST).await;
    insist(&world, "resume", resuming, is_over).await
}

async fn insist<F>(
    world: &World,
    what: &str,
    call: impl Fn(Client) -> F,
    is_done: impl Fn(&Error) -> bool,
) -> Result<(), String>
where
    F: Future<Output = Result<(), Error>>,
{
    insist_for(world, what, |client| {
        let calling = call(client);
        async {
            match calling.await {
                Err(error) if is_done(&error) => Ok(()),
                result => result,
            }
        }
    })
    .await
}

/// Makes a call until it has its answer, as a program should that does not know whether it counted.
async fn insist_for<F, T>(
    world: &World,
    what: &str,
    call: impl Fn(Client) -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 0..TRIES {
        match timeout(PATIENCE, call(world.client())).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                let text = format!("{error} / {error:?}");
                if text.contains(CANARY) {
                    return Err(format!("{what}: a payload is in an error: {text}"));
                }
                if !may_pass(&error) {
                    return Err(format!("{what}: {text}"));
                }
            }
            Err(_) => {}
        }
        sleep(Duration::from_millis(100 + world.dice().below("again", 900))).await;
    }
    Err(format!("{what}: no answer after {TRIES} tries"))
}

/// Whether the same call may succeed later.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Busy | ErrorKind::ShuttingDown | ErrorKind::Uncertain | ErrorKind::Store
    )
}
