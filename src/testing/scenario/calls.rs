//! The calls of a client that does not know whether they counted, and makes them again until it does.

use std::future::Future;
use std::time::Duration;

use reenact_actors::{Error, ErrorKind};
use reenact_core::{Orchestration, Payload, ViewedActivity};
use tokio::time::{sleep, timeout};

use super::world::World;
use crate::Client;

/// How long a call waits for its answer before it is made again, in virtual time.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest time between two events, and before a call is made again, in milliseconds.
const PAUSE_MS: u64 = 3_000;

/// A client. Each of its calls is made by way of a host, or without one.
#[derive(Clone)]
pub(super) struct Caller {
    world: World,
}

impl Caller {
    pub(super) const fn new(world: World) -> Self {
        Self { world }
    }

    pub(super) async fn start<O: Orchestration>(
        &self,
        id: &str,
        input: O::Input,
    ) -> Result<(), String>
    where
        O::Input: Clone + Sync,
    {
        let start = |client: Client| {
            let starting = client.start_new_by_name::<O::Output>(O::NAME, input.clone()).id(id);
            async move { starting.await.map(drop) }
        };
        // It counted, and its answer was lost.
        self.insist(start, |error| error.kind() == ErrorKind::AlreadyExists).await
    }

    pub(super) async fn raise(
        &self,
        id: &str,
        name: &str,
        data: Payload,
        number: usize,
    ) -> Result<(), String> {
        sleep(Duration::from_millis(self.world.dice().below("raise after", PAUSE_MS))).await;
        let raise = |client: Client| {
            let key = format!("event {number}");
            let raising = client.raise_event(id, name, data.clone()).key(key);
            async move { raising.await }
        };
        // The instance may have taken it, and ended, before the answer was lost.
        self.insist(raise, |error| error.kind() == ErrorKind::Finished).await
    }

    /// The result of an instance, or why it has none.
    pub(super) async fn result<O: Orchestration>(
        &self,
        id: &str,
    ) -> Result<Result<O::Output, String>, String> {
        loop {
            let handle = self.world.client().instance::<O::Output>(id);
            match timeout(PATIENCE, handle.result()).await {
                Ok(Ok(output)) => return Ok(Ok(output)),
                Ok(Err(error)) if has_ended(&error) => return Ok(Err(error.to_string())),
                Ok(Err(error)) if !may_pass(&error) => return Err(error.to_string()),
                _ => self.pause().await,
            }
        }
    }

    /// Returns when nothing but an event could move the instance on, or when it is parked.
    pub(super) async fn until_it_stands_still(&self, id: &str, look: Duration) {
        loop {
            sleep(look).await;
            let Ok(view) = Client::read_only(self.world.store()).view(id).await else {
                continue;
            };
            let at = &view.execution;
            let (stuck, tasks): (Vec<_>, Vec<_>) =
                at.activities.items.iter().partition(|task| self.is_stuck(task));
            let moves = tasks.len() + at.timers.items.len() + at.children.items.len();
            let waits = stuck.len() + at.waits.items.len();
            if at.parked.is_some() || (moves == 0 && waits > 0) {
                return;
            }
        }
    }

    /// Whether no host can run an activity.
    fn is_stuck(&self, task: &ViewedActivity) -> bool {
        task.tag.as_ref().is_some_and(|tag| !self.world.declares(tag.as_str()))
    }

    /// Why an instance has not come to rest: what it waits for.
    pub(super) async fn waits_for(&self, id: &str) -> String {
        let client = Client::read_only(self.world.store());
        let view = match client.view(id).await {
            Ok(view) => view,
            Err(error) => return format!("the instance never began: {error}"),
        };
        let at = &view.execution;
        let mut open: Vec<String> = Vec::new();
        open.extend(at.waits.items.iter().map(|wait| format!("the event `{}`", wait.name)));
        open.extend(at.activities.items.iter().map(|task| match &task.tag {
            Some(tag) if self.is_stuck(task) => {
                format!("the activity `{}`, whose tag `{tag}` no host declares", task.name)
            }
            _ => format!("the activity `{}`", task.name),
        }));
        open.extend(at.children.items.iter().map(|child| format!("the child `{}`", child.name)));
        open.extend(at.timers.items.iter().map(|timer| format!("a timer at {}", timer.fire_at)));
        if let Some(parked) = &at.parked {
            open.push(format!("somebody who looks why it is parked: {parked:?}"));
        }
        if open.is_empty() {
            open.push(format!("nothing; it is {:?}", view.summary.state));
        }
        format!("it does not come to rest without faults: it waits for {}", open.join(", "))
    }

    async fn insist<F>(
        &self,
        call: impl Fn(Client) -> F,
        has_counted: impl Fn(&Error) -> bool,
    ) -> Result<(), String>
    where
        F: Future<Output = Result<(), Error>>,
    {
        loop {
            match timeout(PATIENCE, call(self.world.client())).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) if has_counted(&error) => return Ok(()),
                Ok(Err(error)) if !may_pass(&error) => return Err(error.to_string()),
                _ => self.pause().await,
            }
        }
    }

    async fn pause(&self) {
        sleep(Duration::from_millis(100 + self.world.dice().below("again", PAUSE_MS))).await;
    }
}

fn has_ended(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Failed | ErrorKind::Stopped)
}

/// Whether the same call may succeed later.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Busy | ErrorKind::ShuttingDown | ErrorKind::Uncertain | ErrorKind::Store
    )
}
