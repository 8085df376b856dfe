//! The process that is killed.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use reenact::prelude::*;
use reenact::{Error, Event, History, InstanceFilter, InstanceState, PageRequest};

use super::ledger::Ledger;

/// How many instances are started and raised an event on at a time.
const AT_ONCE: u64 = 8;

/// How many steps an instance has.
pub(crate) const STEPS: u64 = 3;

/// How many events an instance waits for.
pub(crate) const EVENTS: u64 = 2;

/// What a worker is to do.
pub(crate) struct Order {
    directory: PathBuf,
    /// The first number of the instances that it starts; `None`: it starts none, and ends when all
    /// have ended.
    first: Option<u64>,
}

/// The file with the events that were acknowledged: they are not to be raised again.
const RAISED: &str = "raised";

impl Order {
    const DIRECTORY: &str = "REENACT_TEST_KILLS_DIRECTORY";
    const FIRST: &str = "REENACT_TEST_KILLS_FIRST";

    pub(crate) fn of_this_process() -> Option<Self> {
        let directory = std::env::var_os(Self::DIRECTORY)?.into();
        let first = std::env::var(Self::FIRST).ok();
        Some(Self { directory, first: first.and_then(|first| first.parse().ok()) })
    }

    pub(crate) fn give(
        command: &mut std::process::Command,
        directory: &std::path::Path,
        first: Option<u64>,
    ) {
        command.env(Self::DIRECTORY, directory);
        if let Some(first) = first {
            command.env(Self::FIRST, first.to_string());
        }
    }

    /// Tells the last worker which events were acknowledged.
    pub(crate) fn tell_raised(directory: &Path, raised: impl Iterator<Item = (u64, u64)>) {
        let lines = raised.map(|(number, event)| format!("{number} {event}\n"));
        std::fs::write(directory.join(RAISED), lines.collect::<String>()).expect("a file");
    }

    fn raised(&self) -> BTreeSet<(u64, u64)> {
        let text = std::fs::read_to_string(self.directory.join(RAISED))
            .expect("the file of raised events is readable");
        let event = |line: &str| {
            let (number, event) = line.split_once(' ')?;
            Some((number.parse().ok()?, event.parse().ok()?))
        };
        text.lines().map(|line| event(line).expect("two numbers")).collect()
    }
}

static LEDGER: OnceLock<Ledger> = OnceLock::new();

#[activity]
async fn enter(ctx: ActivityContext, what: String) -> Result<String, ActivityError> {
    LEDGER.get().expect("it was opened").record(&ctx.idempotency_key(), &what);
    Ok(what)
}

/// Steps, events and timers in turns. The result tells all that it went through.
#[orchestration]
async fn order(ctx: OrchestrationContext, number: u64) -> Result<String, OrchestrationError> {
    let mut went_through = Vec::new();
    for step in 0..STEPS {
        went_through.push(ctx.call_activity(enter, format!("{number}/{step}")).await?);
        ctx.timer(Duration::from_millis(number % 7)).await;
        if step < EVENTS {
            let said: String = ctx.wait_external("say").await?;
            went_through.push(said);
        }
    }
    Ok(went_through.join(" "))
}

/// What an instance gives, if every event reached it once and in order.
pub(crate) fn expected(number: u64) -> String {
    let parts = (0..STEPS).flat_map(|step| {
        let event = (step < EVENTS).then(|| event(number, step));
        [Some(format!("{number}/{step}")), event].into_iter().flatten()
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn event(number: u64, event: u64) -> String {
    format!("event-{number}-{event}")
}

pub(crate) fn id(number: u64) -> String {
    format!("order-{number}")
}

/// Says something to the checker: it is one write, so no kill cuts it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

pub(crate) fn run(task: &Order) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work(task)).expect("nothing fails but by a kill");
}

async fn work(task: &Order) -> reenact::Result<()> {
    let _ = LEDGER.set(Ledger::open(&task.directory));
    // So little that the archive and the checkpoints have their share of the kills.
    let mut options = LocalOptions::new();
    options = options.flush_bytes(16 * 1024);
    say("opening");
    let store = options.open(task.directory.join("store"))?;
    let host = Host::builder().provider(store).orchestration(order).activity(enter);
    let host = Arc::new(host.start().await?);
    say("ready");
    match task.first {
        Some(first) => drive(&host, first).await,
        None => finish(&host, &task.raised()).await,
    }
}

/// Starts instances and raises their events, until it is killed.
async fn drive(host: &Arc<Host>, first: u64) -> reenact::Result<()> {
    let mut drivers = Vec::new();
    for offset in 0..AT_ONCE {
        let host = host.clone();
        drivers.push(tokio::spawn(async move {
            let mut number = first + offset;
            loop {
                host.start_new(order, number).id(id(number)).await?;
                say(&format!("started {number}"));
                for event in 0..EVENTS {
                    raise(&host, number, event).await?;
                }
                number += AT_ONCE;
            }
        }));
    }
    for driver in drivers {
        let ended: reenact::Result<()> = driver.await.expect("a driver does not panic");
        ended?;
    }
    Ok(())
}

/// It began once, got each event once, did each step once and ended once.
fn check_history(history: &History) {
    let count = |wanted: fn(&Event) -> bool| {
        history.events().filter(|entry| wanted(entry.event)).count() as u64
    };
    assert_eq!(count(|event| matches!(event, Event::ExecutionStarted { .. })), 1);
    assert_eq!(count(|event| matches!(event, Event::ExternalRaised { .. })), EVENTS);
    assert_eq!(count(|event| matches!(event, Event::TaskScheduled { .. })), STEPS);
    assert_eq!(count(|event| matches!(event, Event::TaskCompleted { .. })), STEPS);
    assert_eq!(count(Event::is_terminal), 1);
}

async fn raise(host: &Host, number: u64, which: u64) -> reenact::Result<()> {
    let said = event(number, which);
    let id = InstanceId::new(id(number))?;
    host.raise_event(&id, "say", &said).key(&said).await?;
    say(&format!("raised {number} {which}"));
    Ok(())
}

/// Raises what was never acknowledged, waits for all that there are, and tells how they ended.
async fn finish(host: &Host, raised: &BTreeSet<(u64, u64)>) -> reenact::Result<()> {
    let mut page = PageRequest::new();
    loop {
        let listed = host.list(&InstanceFilter::new(), &page).await?;
        for summary in &listed.instances {
            let text = summary.instance.as_str();
            let number = text.trim_start_matches("order-").parse().expect("an id of ours");
            if summary.state == InstanceState::Running {
                for event in (0..EVENTS).filter(|event| !raised.contains(&(number, *event))) {
                    match raise(host, number, event).await {
                        // It was in the log although nobody had a reply, and all of it is there by now.
                        Ok(()) | Err(Error::Finished { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            let instance = host.instance::<String>(&summary.instance);
            let result = instance.result().await?;
            check_history(&instance.history().await?);
            say(&format!("ended {number} {result}"));
        }
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let counted = host.count(&InstanceFilter::new()).await?;
    say(&format!("counted {counted}"));
    Ok(())
}
