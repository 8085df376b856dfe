//! What the client of a scenario does: it makes a call again until it knows that it counted.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact::testing::simulation::World;
use reenact::{
    ActivityContext, Client, Error, ErrorKind, InstanceFilter, InstanceSummary, NamesEvent,
    Orchestration, PageRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

/// How long a client waits for the answer to one call, in virtual time.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time before a call is made again.
const AGAIN: Duration = Duration::from_millis(400);

/// The time between two looks whether everything is at rest.
const LOOK: Duration = Duration::from_secs(1);

/// The client of one run, and the world that it is in. Clones are the same.
#[derive(Clone)]
pub(crate) struct Play {
    world: World,
    effects: Effects,
}

impl Play {
    pub(super) const fn new(world: World, effects: Effects) -> Self {
        Self { world, effects }
    }

    /// What activities have done outside.
    pub(super) const fn effects(&self) -> &Effects {
        &self.effects
    }

    pub(super) const fn world(&self) -> &World {
        &self.world
    }

    /// Starts an instance.
    pub(super) async fn start<O: Orchestration + Copy>(
        &self,
        orchestration: O,
        id: &str,
        input: O::Input,
    ) -> Result<(), String>
    where
        O::Input: Clone + Sync,
    {
        let start = |client: Client| {
            let input = input.clone();
            async move { client.start_new(orchestration, input).id(id).await.map(drop) }
        };
        self.command("start", start, &[ErrorKind::AlreadyExists]).await
    }

    /// Raises an event, which counts once.
    pub(super) async fn raise<T: Serialize + Clone>(
        &self,
        id: &str,
        name: impl NamesEvent<T> + Copy,
        key: &str,
        data: T,
    ) -> Result<(), String> {
        let raise = |client: Client| {
            let data = data.clone();
            async move { client.raise_event(id, name, data).key(key).await }
        };
        self.command("raise", raise, &[ErrorKind::Finished]).await
    }

    /// The result of an instance, or why it has none, as a text.
    pub(super) async fn result<T: DeserializeOwned + std::fmt::Debug>(
        &self,
        id: &str,
    ) -> Result<String, String> {
        let result = |client: Client| async move {
            match client.instance::<T>(id).result().await {
                Err(error) if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Stopped) => {
                    Ok(format!("{id}: {}", without_attempts(&error.to_string())))
                }
                result => result.map(|output| format!("{id}: {output:?}")),
            }
        };
        self.call("result", result).await
    }

    /// Makes a call until it has counted: one of these errors says that it has.
    pub(super) async fn command<F>(
        &self,
        what: &str,
        call: impl Fn(Client) -> F,
        done: &[ErrorKind],
    ) -> Result<(), String>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let once = |client: Client| {
            let calling = call(client);
            async {
                match calling.await {
                    Err(error) if done.contains(&error.kind()) => Ok(()),
                    result => result,
                }
            }
        };
        self.call(what, once).await
    }

    /// Makes a call until it has its answer.
    pub(super) async fn call<F, T>(
        &self,
        what: &str,
        call: impl Fn(Client) -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<T, Error>>,
    {
        loop {
            match timeout(PATIENCE, call(self.world.client())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if !may_pass(&error) => return Err(format!("{what}: {error}")),
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// Waits for something that a look at the store shows.
    pub(super) async fn until<F>(&self, look: impl Fn(Client) -> F)
    where
        F: Future<Output = bool>,
    {
        while !look(self.reader()).await {
            sleep(AGAIN).await;
        }
    }

    /// Waits until nothing is under way: no instance has anything to do but to wait for its clients.
    pub(super) async fn rest(&self) -> Result<(), String> {
        loop {
            let all = self.instances().await?;
            if all.iter().all(|summary| summary.wake_at.is_none()) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    /// All instances of the store.
    pub(super) async fn instances(&self) -> Result<Vec<InstanceSummary>, String> {
        let listed =
            self.reader().list(&InstanceFilter::default(), &PageRequest::new().limit(1_000)).await;
        listed.map(|page| page.instances).map_err(|error| format!("no list: {error}"))
    }

    /// A client that only reads, past all hosts.
    pub(super) fn reader(&self) -> Client {
        Client::read_only(self.world.store())
    }
}

/// A text without ` after 2 attempts`: an attempt counts also when its host has died while it ran.
fn without_attempts(text: &str) -> String {
    let parts = text.split_once(" after ").zip(text.split_once(" attempts"));
    match parts {
        Some(((before, _), (_, after))) => format!("{before}{after}"),
        None => text.to_owned(),
    }
}

/// Whether the same call may succeed later.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Busy
            | ErrorKind::NotYet
            | ErrorKind::ShuttingDown
            | ErrorKind::Uncertain
            | ErrorKind::Store
    )
}

/// What activities have done outside, and what they find there. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<Outside>>);

#[derive(Default)]
struct Outside {
    /// What was done, and the key that it was done under.
    done: BTreeSet<(String, String)>,
    is_mended: bool,
    left: Option<String>,
}

impl Effects {
    /// An activity does something.
    pub(super) fn happen(&self, ctx: &ActivityContext, what: impl Into<String>) {
        self.outside().done.insert((what.into(), ctx.idempotency_key()));
    }

    /// What was done, and the key of each.
    pub(super) fn all(&self) -> BTreeSet<(String, String)> {
        self.outside().done.clone()
    }

    /// The keys under which something was done.
    pub(super) fn keys_of(&self, what: &str) -> BTreeSet<String> {
        let outside = self.outside();
        let of_it = outside.done.iter().filter(|(done, _)| done == what);
        of_it.map(|(_, key)| key.clone()).collect()
    }

    /// It does not matter whether this was done.
    pub(super) fn forget(&self, what: &str) {
        self.outside().done.retain(|(done, _)| done != what);
    }

    /// From now on what is fragile holds.
    pub(super) fn mend(&self) {
        self.outside().is_mended = true;
    }

    pub(super) fn is_mended(&self) -> bool {
        self.outside().is_mended
    }

    /// An activity leaves a text for the client, in place of the one before.
    pub(super) fn leave(&self, text: String) {
        self.outside().left = Some(text);
    }

    pub(super) fn left(&self) -> Option<String> {
        self.outside().left.clone()
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
