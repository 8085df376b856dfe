//! Step 9: a process that is killed in the middle of its work, and what comes of that work.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use reenact::prelude::*;
use reenact::{Error, Event, History, InstanceFilter, InstanceState, PageRequest};

use super::failure::{Failure, Held, same};
use super::page::Page;
use super::place::{Place, Site};
use super::texts::{self, LICENCE};

/// The argument that makes the program a worker: with the place and the name of the run after it.
pub(crate) const WORKER: &str = "--worker";

/// Instances that the worker runs.
const INSTANCES: usize = 40;

/// Activities of an instance, one after the other.
const STEPS: usize = 5;

/// Activities after which the worker is killed.
const KILLED_AFTER: usize = INSTANCES * STEPS / 3;

/// How long an activity takes.
const WORK: Duration = Duration::from_millis(20);

/// What the worker says when each start is acknowledged, when an activity has run, and at the end.
const STARTED: &str = "started";
const WORKED: &str = "worked";
const ENDED: &str = "ended";

/// Counts the words of some lines of the licence.
#[activity]
async fn count_part(_ctx: ActivityContext, part: usize) -> Result<usize, ActivityError> {
    tokio::time::sleep(WORK).await;
    say(WORKED);
    words_of(part)
}

fn words_of(part: usize) -> Result<usize, ActivityError> {
    let lines = texts::text(LICENCE)?.lines().skip(part).step_by(STEPS);
    Ok(lines.map(|line| line.split_whitespace().count()).sum())
}

/// Counts all parts, one after the other.
#[orchestration]
async fn count_parts(
    ctx: OrchestrationContext,
    number: usize,
) -> Result<usize, OrchestrationError> {
    let mut words = number;
    for part in 0..STEPS {
        words += ctx.call_activity(count_part, part).await?;
    }
    Ok(words)
}

/// A line to the process that has started this one.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody may listen any more.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What the process does that is killed: starts what is not there, and waits for all of it.
pub(crate) async fn work(site: &Site, run: &str) -> Held {
    let host = host_of(site).await?;
    let mut instances = Vec::new();
    for number in 0..INSTANCES {
        let id = format!("{run}-{number}");
        match host.start_new(count_parts, number).id(&id).await {
            Ok(instance) => instances.push(instance),
            Err(Error::AlreadyExists { instance }) => instances.push(host.instance(&instance)),
            Err(error) => return Err(error.into()),
        }
    }
    say(STARTED);
    for instance in instances {
        instance.result().await?;
    }
    host.shutdown().await?;
    say(ENDED);
    Ok(())
}

async fn host_of(site: &Site) -> Held<Host> {
    let host = site.host().await?.orchestration(count_parts).activity(count_part);
    Ok(host.start().await?)
}

/// Kills a worker, starts another one, and looks at what the log says then.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(9, "A process is killed in the middle of its work, and another one goes on")?;
    let Some(site) = place.site() else {
        return page.say("Left out: what is in memory goes with its process.");
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let run = format!("run-{}", since.as_millis());
    let first = worker(&site, &run, Some(KILLED_AFTER)).await?;
    page.say(format_args!(
        "A worker process has started {INSTANCES} instances of {STEPS} activities each; when \
         {first} of"
    ))?;
    page.say("them had run, it was killed with SIGKILL. Another worker opens the same store.")?;
    let second = worker(&site, &run, None).await?;
    page.say(format_args!("It has run {second} activities, and all instances have ended."))?;
    let again = (first + second).saturating_sub(INSTANCES * STEPS);
    verify(&site, &run).await?;
    page.say(format_args!(
        "Result: {INSTANCES} of {INSTANCES} with the right result, each event once; \
         {again} activities ran"
    ))?;
    page.say("        a second time, under the same idempotency key.")
}

/// Runs a worker to its end, or until a number of activities have run and it is killed. Returns how
/// many have run.
async fn worker(site: &Site, run: &str, killed_after: Option<usize>) -> Held<usize> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg(WORKER);
    site.give(&mut command);
    command.arg(run).stdout(Stdio::piped());
    let child = command.spawn()?;
    // Its lines are waited for where that holds nobody up.
    let listened = tokio::task::spawn_blocking(move || listen(child, killed_after)).await;
    listened.map_err(Failure::new)?
}

/// Ends when nobody reads its output any more.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It has usually ended by now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen(child: Child, killed_after: Option<usize>) -> Held<usize> {
    let Worker(child) = &mut Worker(child);
    let out = child.stdout.take().ok_or_else(|| Failure::new("the worker says nothing"))?;
    let mut worked = 0;
    let mut started = false;
    let mut ended = false;
    for line in BufReader::new(out).lines() {
        match &*line? {
            STARTED => started = true,
            WORKED => worked += 1,
            ENDED => ended = true,
            _ => {}
        }
        if started && killed_after.is_some_and(|enough| worked >= enough) {
            child.kill()?;
        }
    }
    child.wait()?;
    if !started || ended != killed_after.is_none() {
        return Err(Failure::new("the worker did not run to where it was to end"));
    }
    Ok(worked)
}

/// Each instance has the right result, and each of its events once.
async fn verify(site: &Site, run: &str) -> Held {
    let host = host_of(site).await?;
    let filter =
        InstanceFilter::new().id_prefix(format!("{run}-")).states([InstanceState::Completed]);
    let page = PageRequest::new().limit(INSTANCES + 1);
    let instances = host.list(&filter, &page).await?.instances;
    same("the completed instances", &instances.len(), &INSTANCES)?;
    let mut words = 0;
    for part in 0..STEPS {
        words += words_of(part)?;
    }
    for summary in instances {
        let instance = host.instance::<usize>(&summary.instance);
        let number: usize = summary.instance.as_str()[run.len() + 1..].parse()?;
        same("a result", &instance.result().await?, &(words + number))?;
        verify_history(&instance.history().await?)?;
    }
    host.shutdown().await?;
    Ok(())
}

fn verify_history(history: &History) -> Held {
    let count =
        |wanted: fn(&Event) -> bool| history.events().filter(|entry| wanted(entry.event)).count();
    same("the starts", &count(|event| matches!(event, Event::ExecutionStarted { .. })), &1)?;
    same("the calls", &count(|event| matches!(event, Event::TaskScheduled { .. })), &STEPS)?;
    same("the completions", &count(|event| matches!(event, Event::TaskCompleted { .. })), &STEPS)?;
    same("the ends", &count(Event::is_terminal), &1)
}
