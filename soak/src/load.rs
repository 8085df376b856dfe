//! What instances do, and what comes out of it.

use std::time::Duration;

use reenact::prelude::*;
use reenact::{HostBuilder, UpdateName};
use serde::{Deserialize, Serialize};

/// Entities, which are called in turn.
pub(crate) const ENTITIES: u64 = 64;

/// How long an instance of the kind that waits does so.
const WAIT: Duration = Duration::from_secs(1);

/// One operation of the load. It has the same id and keys whenever it is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation(pub(crate) u64);

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Three activities, one after the other.
    Order,
    /// An event that is raised.
    Event,
    /// An update that is answered.
    Update,
    /// A call of an entity.
    Entity,
    /// A timer.
    Timer,
}

const KINDS: [Kind; 5] = [Kind::Order, Kind::Event, Kind::Update, Kind::Entity, Kind::Timer];

const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

#[activity]
async fn step(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    Ok(n + 1)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, mut n: u64) -> Result<u64, OrchestrationError> {
    for _ in 0..3 {
        n = ctx.call_activity(step, n).await?;
    }
    Ok(n)
}

#[orchestration]
async fn event(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let data: u64 = ctx.wait_external("Go").await?;
    Ok(n + data)
}

#[orchestration]
async fn update(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let add = ctx.updates(ADD).next().await?;
    let sum = n + *add.request();
    add.reply(&sum);
    Ok(sum)
}

#[orchestration]
async fn timer(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    ctx.schedule_timer(WAIT).await;
    Ok(n + 3)
}

/// Counts.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Counter {
    sum: u64,
}

#[entity]
impl Counter {
    fn add(&mut self, number: u64) -> u64 {
        self.sum += number;
        self.sum
    }
}

/// With all code that the load needs.
pub(crate) fn register(host: HostBuilder) -> HostBuilder {
    host.orchestration(order)
        .orchestration(event)
        .orchestration(update)
        .orchestration(timer)
        .entity::<Counter>()
        .activity(step)
}

impl Operation {
    pub(crate) fn kind(self) -> Kind {
        KINDS[(self.0 % KINDS.len() as u64) as usize]
    }

    /// The entity that it calls.
    pub(crate) fn entity(self) -> u64 {
        self.0 / KINDS.len() as u64 % ENTITIES
    }

    fn id(self) -> String {
        format!("operation-{}", self.0)
    }

    /// What its instance returns.
    fn result(self) -> u64 {
        self.0 + 3
    }

    /// Does it, or what is left of it, once; what it was acknowledged with is right.
    pub(crate) async fn run(self, client: &Client) -> Result<(), String> {
        let failed = |error: reenact::Error| error.to_string();
        let (n, id, key) = (self.0, self.id(), format!("key-{}", self.0));
        let result = match self.kind() {
            Kind::Order => client.start_new(order, n).id(id).or_attach().await,
            Kind::Timer => client.start_new(timer, n).id(id).or_attach().await,
            Kind::Event => {
                let started =
                    client.start_new(event, n).id(id).or_attach().await.map_err(failed)?;
                match started.raise_event("Go", 3).key(&key).await {
                    // It was raised before, by a host that was killed.
                    Ok(()) | Err(reenact::Error::Finished { .. }) => Ok(started),
                    Err(error) => Err(error),
                }
            }
            Kind::Update => {
                let started =
                    client.start_new(update, n).id(id).or_attach().await.map_err(failed)?;
                let answer =
                    started.update(ADD, 3).key(&key).await.map_err(|error| error.to_string())?;
                self.check(answer)?;
                Ok(started)
            }
            Kind::Entity => {
                let counter = client.entity::<Counter>(self.entity().to_string());
                let added = counter.add(1).key(&key).await;
                return added.map(drop).map_err(|error| error.to_string());
            }
        };
        let result = result.map_err(failed)?.result().await;
        self.check(result.map_err(|error| error.to_string())?)
    }

    /// What is there of an operation that was acknowledged: an error where it is not as it was.
    pub(crate) async fn find(self, client: &Client) -> Result<(), String> {
        if self.kind() == Kind::Entity {
            return Ok(());
        }
        let result = client.instance::<u64>(self.id()).result().await;
        self.check(result.map_err(|error| error.to_string())?)
    }

    fn check(self, result: u64) -> Result<(), String> {
        if result == self.result() {
            return Ok(());
        }
        Err(format!("WRONG: {result}, not {}", self.result()))
    }
}

/// What an entity has counted.
pub(crate) async fn sum(client: &Client, entity: u64) -> Result<u64, String> {
    let state = client.entity::<Counter>(entity.to_string()).state().await;
    Ok(state.map_err(|error| error.to_string())?.map_or(0, |counter| counter.sum))
}
