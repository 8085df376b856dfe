//! A sidecar beside a host: what its orchestrations, its activities and its service share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reenact::core::{Machine, MachineConfig};
use reenact::{
    ActivityError, Client, CorrelationId, HostBuilder, InstanceId, Name, OrchestrationContext,
};
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::activities;
use crate::events::Encoded;
use crate::instances::patiently;
use crate::interpreter::{self, Run, Surroundings};
use crate::names::Names;
use crate::workers::{Asked, Workers};

/// The Durable Task protocol beside a host: makes the host run the code of workers, and serves them and their clients.
///
/// Code in Rust and code of workers call each other by their names: what is registered on the host is in Rust, and
/// everything else is of workers.
#[derive(Clone, Debug)]
pub struct Sidecar {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    names: Names,
    pub(crate) workers: Arc<Workers>,
    runs: Arc<Runs>,
    client: watch::Sender<Option<Client>>,
    /// Whether the service ends.
    ending: watch::Sender<bool>,
}

/// The executions that are in memory, by their instances.
type Runs = Mutex<HashMap<String, Arc<Run>>>;

impl Sidecar {
    /// A sidecar for a host, which has everything registered that is written in Rust. Returns the host with what the
    /// sidecar adds; start it, and then [serve](Self::serve).
    ///
    /// # Errors
    /// [`getrandom::Error`] where the system gives no random bytes.
    pub fn install(host: HostBuilder) -> Result<(Self, HostBuilder), getrandom::Error> {
        let names = Names {
            orchestrations: host.orchestration_names().iter().map(Name::to_string).collect(),
            activities: host.activity_names().iter().map(Name::to_string).collect(),
        };
        let mut random = [0; 12];
        getrandom::fill(&mut random)?;
        let shared = Arc::new(Shared {
            names,
            workers: Workers::new(format!("{}.", crate::base64::encode(&random))),
            runs: Arc::default(),
            client: watch::Sender::new(None),
            ending: watch::Sender::new(false),
        });
        let host = activities::add_to(host, &shared);
        let surroundings: Arc<dyn Surroundings> = shared.clone();
        let host = host.dynamic_orchestration(
            move |name: Name, ctx: OrchestrationContext, input: Box<RawValue>| {
                interpreter::run(surroundings.clone(), name, ctx, input)
            },
        );
        Ok((Self { shared }, host))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }

    /// The service ends: those who wait are informed, and workers get no more work.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
        self.workers.disconnect();
    }

    pub(crate) async fn ended(&self) {
        let mut ending = self.ending.subscribe();
        // The sender is as long there as this.
        let _ = ending.wait_for(|ending| *ending).await;
    }

    pub(crate) fn set_client(&self, client: Client) {
        self.client.send_replace(Some(client));
    }

    /// The host has this, and a client has the host: without it, the host can go.
    pub(crate) fn clear_client(&self) {
        self.client.send_replace(None);
    }

    /// A client of the host. Activities may run before the sidecar serves: they wait for it.
    pub(crate) async fn client(&self) -> Client {
        let mut client = self.client.subscribe();
        let there = client.wait_for(Option::is_some).await.ok().and_then(|client| client.clone());
        match there {
            Some(client) => client,
            // The sidecar is gone, and its host is going.
            None => std::future::pending().await,
        }
    }

    /// What an execution asks: out of memory, or out of its log, where it has left memory meanwhile.
    pub(crate) async fn question(
        &self,
        instance: &InstanceId,
        number: u32,
    ) -> Result<Asked, ActivityError> {
        let run = self
            .runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(instance.as_str())
            .cloned();
        let in_memory = run.and_then(|run| Some((run.question(number)?, run)));
        let (history, run) = match in_memory {
            Some(found) => found,
            None => {
                let client = self.client().await;
                let run = patiently(|| replay(&self.names, &client, instance)).await;
                let run = run.map_err(|why| ActivityError::fatal(why.to_string()))?;
                let question = run.question(number);
                let gone =
                    || ActivityError::fatal(format!("`{instance}` does not ask question {number}"));
                (question.ok_or_else(gone)?, run)
            }
        };
        Ok(Asked { run, history: Arc::new(history) })
    }

    /// The number of a call: that of the worker whose orchestration calls, or that of the log.
    pub(crate) fn call(&self, instance: &InstanceId, scheduled: CorrelationId) -> i32 {
        let run = self.run(instance).and_then(|run| run.call(scheduled));
        // Numbers of calls grow with the log, which cannot get that long.
        run.unwrap_or_else(|| i32::try_from(scheduled.0).unwrap_or(i32::MAX))
    }

    fn run(&self, instance: &InstanceId) -> Option<Arc<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(instance.as_str()).cloned()
    }

    /// The history of the newest execution of an instance.
    pub(crate) async fn history(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<Encoded>, HistoryError> {
        let client = self.client().await;
        Ok(replay(&self.names, &client, instance).await?.events())
    }
}

/// Why the history of an instance cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error(transparent)]
    Store(#[from] reenact::Error),
    #[error("the log of instance `{instance}` cannot be re-enacted: {why}")]
    Unfit { instance: InstanceId, why: String },
}

/// Re-enacts the log of an instance, and returns what its execution has come to show.
async fn replay(
    names: &Names,
    client: &Client,
    instance: &InstanceId,
) -> Result<Arc<Run>, HistoryError> {
    let status = client.get_status(instance).await?;
    let history = client.history(instance).await?;
    let seen = Arc::new(Seen { names: names.clone(), run: Mutex::default() });
    let (surroundings, name): (Arc<dyn Surroundings>, _) = (seen.clone(), status.name.clone());
    let unfit = |why: String| HistoryError::Unfit { instance: instance.clone(), why };
    let code = reenact::core::OrchestrationCode::new(status.name.as_str(), move |ctx, input| {
        interpreter::run(surroundings.clone(), name.clone(), ctx, input)
    });
    let code = code.map_err(|why| unfit(why.to_string()))?;
    let config = MachineConfig::default();
    let turns = history.turns().to_vec();
    let replayed = Machine::replay(&code, instance.clone(), status.execution, config, turns);
    // What it has shown stays, though the machine goes.
    replayed.map(drop).map_err(|why| unfit(why.to_string()))?;
    let run = seen.run.lock().unwrap_or_else(PoisonError::into_inner).take();
    run.ok_or_else(|| unfit("its code has not begun".to_owned()))
}

/// What a replay for readers sees.
struct Seen {
    names: Names,
    run: Mutex<Option<Arc<Run>>>,
}

impl Surroundings for Seen {
    fn names(&self) -> &Names {
        &self.names
    }

    fn runs(&self, run: Arc<Run>) -> Box<dyn Send> {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
        Box::new(())
    }
}

impl Surroundings for Shared {
    fn names(&self) -> &Names {
        &self.names
    }

    fn runs(&self, run: Arc<Run>) -> Box<dyn Send> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run.instance().to_owned(), run.clone());
        Box::new(InMemory { runs: self.runs.clone(), run })
    }
}

/// An execution that is in memory.
struct InMemory {
    runs: Arc<Runs>,
    run: Arc<Run>,
}

impl Drop for InMemory {
    fn drop(&mut self) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        // A later execution may have taken its place.
        if runs.get(self.run.instance()).is_some_and(|run| Arc::ptr_eq(run, &self.run)) {
            runs.remove(self.run.instance());
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("names", &self.names).finish_non_exhaustive()
    }
}
