//! A real host on a store in memory, in virtual time.

mod error;
mod standstill;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use reenact_actors::{HostOptions, Registry, Result};
use reenact_core::{
    ActivityDefinition, ActivityError, Orchestration, OrchestrationError, ToInstanceId,
    number_of_seed,
};
use reenact_providers::{InMemory, TimerScheduler};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::AbortHandle;

pub use self::error::TestHostError;
use super::double::{Calls, Double, Failure, Kind};
use super::history::HistoryText;
use super::paused;
use super::virtual_clock::{VIRTUAL_START, VirtualClock};
use crate::{Client, Host, HostBuilder};

/// What of the host is in memory stays there, unless the test [wants otherwise](TestHostBuilder::passivate_after).
const NEVER: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);

/// A real host on a real store in memory, for tests of your workflows. Time is virtual: it moves on by itself when
/// nothing can run, up to the next thing that is to happen. The same test does the same each time, in every process: each
/// history is the same, with its times, its ids and its random numbers.
///
/// It is a [`Client`] of itself, as a [`Host`] is. It runs on one thread, activities that block included, and compares
/// everything at replay ([`HostOptions::strict_replay`]).
///
/// ```
/// use reenact::prelude::*;
/// use reenact::testing::{self, TestHost};
///
/// #[activity]
/// async fn charge(_ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
///     Err(ActivityError::fatal(format!("{cents} cents are not charged in a test")))
/// }
///
/// #[orchestration]
/// async fn subscription(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
///     for _ in 0..12 {
///         ctx.call_activity(charge, cents).await?;
///         ctx.timer(Duration::from_secs(30 * 24 * 60 * 60)).await;
///     }
///     Ok(12 * cents)
/// }
///
/// testing::run(async {
///     let builder = Host::builder().orchestration(subscription).activity(charge);
///     let host = TestHost::of(builder)
///         .mock(charge, |cents| Ok(format!("receipt for {cents}")))
///         .start()
///         .await
///         .unwrap();
///     let paid = host.start_new(subscription, 999).await.unwrap();
///     assert_eq!(paid.result().await.unwrap(), 11_988);
///     assert_eq!(host.calls(charge).len(), 12);
///     assert_eq!(host.elapsed().as_secs() / (24 * 60 * 60), 360);
/// });
/// ```
///
/// Only what the host knows of is the same each time: code under test that asks the system for the time, for random
/// numbers or for the order of a `HashMap` is not. In a plain `#[tokio::test(start_paused = true)]` it works as well, but
/// for the panic of a test that can never end: there the host says why on the standard error, and those who wait get
/// [`Error::ShuttingDown`](crate::Error::ShuttingDown).
#[must_use = "a host ends when it is dropped"]
pub struct TestHost {
    /// Taken while another takes its place.
    host: Option<Host>,
    client: Client,
    store: InMemory,
    clock: VirtualClock,
    registry: Registry,
    options: HostOptions,
    seed: u64,
    starts: u64,
    calls: BTreeMap<(Kind, String), Calls>,
    watch: AbortHandle,
}

/// What a test host is to be. See [`TestHost::of`].
#[must_use = "a builder does nothing until it starts a host"]
pub struct TestHostBuilder {
    /// The first mistake is kept until the host starts.
    parts: Result<(Registry, HostOptions), TestHostError>,
    calls: BTreeMap<(Kind, String), Calls>,
    passivate_after: Duration,
    seed: u64,
}

impl TestHost {
    /// Describes a host that runs what is registered on a builder, for instance the one that your program starts. A store
    /// of the builder is not used, and of its options the threads and the time after which instances leave memory are not.
    pub fn of(builder: HostBuilder) -> TestHostBuilder {
        TestHostBuilder {
            parts: builder.into_parts().map_err(TestHostError::from),
            calls: BTreeMap::new(),
            passivate_after: NEVER,
            seed: 0,
        }
    }

    /// The virtual time since the host started first.
    pub fn elapsed(&self) -> Duration {
        self.clock.now().since(VIRTUAL_START)
    }

    /// The clock of the host.
    pub fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// The store of the host, for a look with other means. It is there as long as the test keeps a clone.
    pub fn store(&self) -> &InMemory {
        &self.store
    }

    /// Lets virtual time pass, with all that happens meanwhile.
    pub async fn pass(&self, time: Duration) {
        self.clock.sleep_until(self.clock.now() + time).await;
    }

    /// Ends the host as a crash would, and starts another on the same store: what was in memory is replayed, and what was
    /// not durable is gone. Handles and clients of the host before give [`Error::ShuttingDown`](crate::Error::ShuttingDown).
    ///
    /// # Errors
    /// Those of [`HostBuilder::start`]. The host has ended then.
    pub async fn crash_and_restart(&mut self) -> Result<()> {
        self.watch.abort();
        if let Some(host) = self.host.take() {
            host.abort().await;
        }
        self.starts += 1;
        let seed = number_of_seed(self.seed, self.starts);
        let host = begin(&self.store, &self.registry, &self.options, seed).await?;
        self.client = host.client().clone();
        self.watch = standstill::watch(&host);
        self.host = Some(host);
        Ok(())
    }

    /// The history of an instance's newest execution, as a text that is the same each time: see
    /// [`assert_history!`](crate::assert_history).
    ///
    /// # Panics
    /// When there is no such instance.
    pub async fn history(&self, id: impl ToInstanceId) -> HistoryText {
        match HistoryText::read(&self.client, id).await {
            Ok(text) => text,
            Err(error) => panic!("no history to look at: {error}"),
        }
    }

    /// What an activity was called with, in order: each attempt is a call. It needs a double.
    ///
    /// # Panics
    /// When the activity has no double in this host.
    #[track_caller]
    pub fn calls<A: ActivityDefinition>(&self, _activity: A) -> Vec<A::Input> {
        self.calls_named(A::NAME)
    }

    /// The same of an activity that is known by its name only.
    ///
    /// # Panics
    /// When the activity has no double in this host, or takes no `I`.
    #[track_caller]
    pub fn calls_named<I: DeserializeOwned>(&self, name: &str) -> Vec<I> {
        self.calls_of(Kind::Activity, name)
    }

    /// What an orchestration with a double was called with, as a child or otherwise, in order.
    ///
    /// # Panics
    /// When the orchestration has no double in this host.
    #[track_caller]
    pub fn child_calls<C: Orchestration>(&self, _orchestration: C) -> Vec<C::Input> {
        self.child_calls_named(C::NAME)
    }

    /// The same of an orchestration that is known by its name only.
    ///
    /// # Panics
    /// When the orchestration has no double in this host, or takes no `I`.
    #[track_caller]
    pub fn child_calls_named<I: DeserializeOwned>(&self, name: &str) -> Vec<I> {
        self.calls_of(Kind::Child, name)
    }

    #[track_caller]
    fn calls_of<I: DeserializeOwned>(&self, kind: Kind, name: &str) -> Vec<I> {
        match self.calls.get(&(kind, name.to_owned())) {
            Some(calls) => calls.all(name),
            None => panic!(
                "the {kind} `{name}` has no double here, so its calls are not recorded: give the test host one, with `mock` or \
                 `double`"
            ),
        }
    }

    /// Ends the host gracefully, as [`Host::shutdown`] does. Without it, the host ends when it is dropped.
    ///
    /// # Errors
    /// Those of [`Host::shutdown`].
    pub async fn shutdown(mut self) -> Result<()> {
        self.watch.abort();
        match self.host.take() {
            Some(host) => host.shutdown().await,
            None => Ok(()),
        }
    }
}

impl TestHostBuilder {
    /// Answers the calls of an activity with a closure, in the place of its code: `.mock(charge, |cents| Ok(..))`. Where
    /// the input is a tuple, so is what the closure takes.
    pub fn mock<A: ActivityDefinition>(
        self,
        activity: A,
        answer: impl FnMut(A::Input) -> Result<A::Output, ActivityError> + Send + 'static,
    ) -> Self {
        self.double(Double::of(activity).then(answer))
    }

    /// Answers the calls of an activity that is known by its name only.
    pub fn mock_named<I, O>(
        self,
        name: &str,
        answer: impl FnMut(I) -> Result<O, ActivityError> + Send + 'static,
    ) -> Self
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        self.double(Double::named(name).then(answer))
    }

    /// Answers for an orchestration with a closure, in the place of its code. Children without a double are real.
    pub fn mock_child<C: Orchestration>(
        self,
        orchestration: C,
        answer: impl FnMut(C::Input) -> Result<C::Output, OrchestrationError> + Send + 'static,
    ) -> Self {
        self.double(Double::of_child(orchestration).then(answer))
    }

    /// Puts a double with a script in the place of an activity or an orchestration.
    pub fn double<I, O, E>(mut self, double: Double<I, O, E>) -> Self
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
        E: Failure,
    {
        let Ok((registry, _)) = &mut self.parts else { return self };
        let (kind, name, installed) = double.install(registry);
        let mistake = match installed {
            Ok(calls) => match self.calls.insert((kind, name.clone()), calls) {
                None => return self,
                Some(_) => TestHostError::DoubledTwice { kind: kind.to_string(), name },
            },
            Err(why) => TestHostError::no_double(kind, name, why),
        };
        self.parts = Err(mistake);
        self
    }

    /// What the host draws follows from this number: ids, keys, the seeds of instances. 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Instances leave memory after being idle for so long, and are replayed when something comes for them. Never by
    /// default: a short time finds code that does not repeat itself, and a year then takes longer.
    pub fn passivate_after(mut self, idle: Duration) -> Self {
        self.passivate_after = idle;
        self
    }

    /// Starts the host, on an empty store, at [`VIRTUAL_START`].
    ///
    /// # Errors
    /// - [`TestHostError::NotVirtual`] when it is not called within [`run`](super::run()), or a runtime of tokio's kind
    ///   `current_thread` with paused time.
    /// - [`TestHostError::NotRegistered`], [`TestHostError::OtherTypes`], [`TestHostError::DoubledTwice`],
    ///   [`TestHostError::InvalidName`] for a double that does not fit.
    /// - [`TestHostError::Host`]: those of [`HostBuilder::start`].
    pub async fn start(self) -> Result<TestHost, TestHostError> {
        paused::check()
            .map_err(|why| TestHostError::NotVirtual { why: why.explain("a test host") })?;
        let Self { parts, calls, passivate_after, seed } = self;
        let (registry, options) = parts?;
        let options =
            options.passivate_after(passivate_after).without_renewals().strict_replay(true);
        let clock = VirtualClock::new();
        let store = InMemory::new().with_clock(clock.clone());
        let host = begin(&store, &registry, &options, number_of_seed(seed, 0)).await?;
        let (client, watch) = (host.client().clone(), standstill::watch(&host));
        let host = Some(host);
        Ok(TestHost {
            host,
            client,
            store,
            clock,
            registry,
            options,
            seed,
            starts: 0,
            calls,
            watch,
        })
    }
}

async fn begin(
    store: &InMemory,
    registry: &Registry,
    options: &HostOptions,
    seed: u64,
) -> Result<Host> {
    let options = options.clone().host_name("test host").reproducible(seed);
    HostBuilder::of_parts(store.clone(), registry.clone(), options).start().await
}

impl Deref for TestHost {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl fmt::Debug for TestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elapsed = self.elapsed();
        f.debug_struct("TestHost").field("seed", &self.seed).field("elapsed", &elapsed).finish()
    }
}

impl fmt::Debug for TestHostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubles: Vec<_> = self.calls.keys().map(|(_, name)| name).collect();
        f.debug_struct("TestHostBuilder")
            .field("seed", &self.seed)
            .field("doubles", &doubles)
            .finish()
    }
}
