//! `Host` and its builder: where orchestrations and activities run.

#[cfg(feature = "console")]
mod console;
mod dynamic;
#[cfg(feature = "testing")]
mod testing;

use std::fmt;
use std::future::Future;
use std::ops::Deref;

use reenact_actors::metrics::HostMetrics;
use reenact_actors::{
    Activities, Activity, ActivityContext, Error, HostOptions, Named, Registry, Result, Runtime,
    Stalled, Unfit, verify_histories,
};
use reenact_core::{ActivityError, Orchestration, OrchestrationContext, OrchestrationError};
use reenact_providers::Provider;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::entities::{Entity, code_of};
use crate::shutdown::ShutdownHandle;

/// A running host. It is also a [`Client`] of itself.
///
/// Dropping it without [`shutdown`](Host::shutdown) ends it at once, as a crash would: nothing that
/// was acknowledged is lost, and what ran goes on when a host starts again. That holds wherever it is
/// dropped: within its runtime, outside of it, or after the end of the runtime. A [`Local`] that was given to
/// it can be opened again when the drop returns; the drop waits for what is being written to the disk.
/// What runs on the runtime goes as soon as that runs again.
///
/// # Who keeps a store open
/// When [`shutdown`](Host::shutdown) or [`abort`](Host::abort) returns, or a start has failed, nothing of the
/// host holds its store: neither what it ran, nor its clients, handles and calls that still wait. What
/// they are asked then gives [`Error::ShuttingDown`]. A program that keeps a clone of the provider
/// for itself keeps the store open, on purpose: it can start another host on that clone.
///
/// [`Local`]: reenact_providers::Local
#[must_use = "a host ends when it is dropped"]
pub struct Host {
    client: Client,
    /// Taken when it has ended.
    running: Option<Runtime>,
    #[cfg(feature = "console")]
    console: Option<reenact_console::Console>,
}

/// What a host is to be. See [`Host::builder`].
#[must_use = "a builder does nothing until it starts a host"]
pub struct HostBuilder {
    provider: Option<Box<dyn Provider>>,
    registry: Result<Registry>,
    options: HostOptions,
    #[cfg(feature = "console")]
    console: Option<console::WantedConsole>,
}

impl Host {
    /// Describes a host, step by step.
    ///
    /// ```
    /// use reenact::prelude::*;
    ///
    /// #[activity]
    /// async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    ///     Ok(format!("Hello, {name}!"))
    /// }
    ///
    /// #[orchestration]
    /// async fn welcome(
    ///     ctx: OrchestrationContext,
    ///     name: String,
    /// ) -> Result<String, OrchestrationError> {
    ///     Ok(ctx.call_activity(greet, name).await?)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder()
    ///     .provider(InMemory::new())
    ///     .orchestration(welcome)
    ///     .activity(greet)
    ///     .start()
    ///     .await?;
    /// let instance = host.start_new(welcome, "Ada".to_string()).await?;
    /// assert_eq!(instance.result().await?, "Hello, Ada!");
    /// host.shutdown().await
    /// # }
    /// ```
    pub fn builder() -> HostBuilder {
        HostBuilder {
            provider: None,
            registry: Ok(Registry::default()),
            options: HostOptions::new(),
            #[cfg(feature = "console")]
            console: None,
        }
    }

    /// A client of this host: cheap to clone, and independent of the host's lifetime. Once the host
    /// has ended, its calls give [`Error::ShuttingDown`] or [`Error::Interrupted`], those that read
    /// included.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Code that does not give its thread back for longer than [`HostOptions::stalls_after`]: an endless
    /// loop, or work that blocks. Whatever else is on that thread waits for it. Needs no runtime: ask from
    /// any thread, when all those of the runtime may be blocked.
    ///
    /// Nothing stops such code from outside. After [`HostOptions::replace_threads_after`] it loses its thread:
    /// another one takes over what else is there, and an instance whose orchestration loops is parked, and can
    /// be terminated, or resumed once the code is mended. On the runtime of the caller
    /// ([`ShardThreads::OnCallersRuntime`](crate::ShardThreads::OnCallersRuntime)) the process has to be
    /// started again, with code that does not loop; until there is any, without the orchestration: its
    /// instances are parked then, and can be terminated.
    pub fn stalled(&self) -> Vec<Stalled> {
        self.client.access().stalled()
    }

    /// What the host has counted since it started, and how it is now. It counts always; this reads it, and
    /// needs no runtime.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    /// #     Ok(format!("Hello, {name}!"))
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new()).orchestration(welcome).start().await?;
    /// host.start_new(welcome, "Ada".to_string()).await?.result().await?;
    /// let metrics = host.metrics();
    /// assert_eq!(metrics.orchestrations["welcome"].completed, 1);
    /// assert!(metrics.to_prometheus().contains("reenact_turns_total 1\n"));
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn metrics(&self) -> HostMetrics {
        // A host's own client has a host.
        self.client.access().metrics().unwrap_or_default()
    }

    /// Makes an instrument of an OpenTelemetry meter for each figure of [`metrics`](Self::metrics). They are read
    /// when the meter's reader collects, and observe nothing once the host has gone. Call it once for each meter.
    #[cfg(feature = "otel")]
    pub fn observe_metrics(&self, meter: &reenact_actors::metrics::Meter) {
        self.client.access().observe_metrics(meter);
    }

    /// Number of instances in memory. What goes and what comes while they are counted may both be in it.
    pub fn in_memory(&self) -> usize {
        self.client.access().in_memory()
    }

    /// What the instances in memory hold, in bytes, as [`HostOptions::max_instance_bytes`] counts them.
    pub fn in_memory_bytes(&self) -> usize {
        self.client.access().in_memory_bytes()
    }

    /// Ends the host gracefully: lets nobody in, starts no more activities, waits for those that
    /// run, up to [`HostOptions::shutdown_deadline`], and makes everything durable that has come.
    /// Of a shared store the other hosts have its shards then.
    /// Activities that run past the deadline are cancelled and cut off; they run again when a host
    /// starts again. So do those that fail after this has begun: what they needed may have ended first, such
    /// as this host's clients. Cancelling this ends the host at once, as dropping it does.
    ///
    /// Those who wait for instances get [`Error::ShuttingDown`] when this begins; see
    /// [`ShutdownHandle`] for a program in which something has to end before the host does. When
    /// this returns, the [store is free](Self#who-keeps-a-store-open).
    ///
    /// # Errors
    /// There are none at present; the type leaves room for them.
    pub async fn shutdown(mut self) -> Result<()> {
        #[cfg(feature = "console")]
        self.end_console().await;
        if let Some(runtime) = &self.running {
            runtime.shutdown().await;
        }
        self.running = None;
        Ok(())
    }

    /// Ends the host at once, as a crash would: nothing more is made durable, nobody is informed. For
    /// tests of what happens after a crash. When it returns, another host can start on the provider, and
    /// the [store is free](Self#who-keeps-a-store-open). Cancelling this does the same as dropping the host.
    pub async fn abort(mut self) {
        if let Some(runtime) = &self.running {
            runtime.abort().await;
        }
        self.running = None;
    }

    /// Begins the shutdown, and returns at once: nobody is let in any more, and those who wait for
    /// instances get [`Error::ShuttingDown`]. See [`ShutdownHandle::begin`].
    pub fn begin_shutdown(&self) {
        self.client.access().begin_shutdown();
    }

    /// Begins the shutdown from another place: from the future that ends a web server, for example. See
    /// [`ShutdownHandle`].
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(self.client.access().clone())
    }
}

impl Deref for Host {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.running.take() {
            runtime.end_now();
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("in_memory", &self.in_memory()).finish_non_exhaustive()
    }
}

impl HostBuilder {
    /// Sets the store of the logs. Required.
    pub fn provider(mut self, provider: impl Provider) -> Self {
        self.provider = Some(Box::new(provider));
        self
    }

    /// Adds an orchestration. Several versions of it may be added: new instances take the newest, and
    /// each running one goes on with its own. For as long as instances of a version run, a host must
    /// have it.
    pub fn orchestration<O: Orchestration>(mut self, _orchestration: O) -> Self {
        self.add(Registry::add_orchestration::<O>);
        self
    }

    /// Adds an activity.
    pub fn activity<A: Activity>(mut self, _activity: A) -> Self {
        self.add(Registry::add_activity::<A>);
        self
    }

    /// Adds the activities of a struct: the methods that `#[activity]` is on, of an `impl` block with
    /// `#[activities]`. They share the struct; it is never cloned.
    ///
    /// ```
    /// use reenact::prelude::*;
    ///
    /// struct Payments {
    ///     fee: u64,
    /// }
    ///
    /// #[activities]
    /// impl Payments {
    ///     #[activity]
    ///     async fn charge(&self, _ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    ///         Ok(cents + self.fee)
    ///     }
    /// }
    ///
    /// #[orchestration]
    /// async fn pay(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
    ///     Ok(ctx.call_activity(Payments::charge, cents).await?)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder()
    ///     .provider(InMemory::new())
    ///     .orchestration(pay)
    ///     .activities(Payments { fee: 20 })
    ///     .start()
    ///     .await?;
    /// assert_eq!(host.start_new(pay, 500).await?.result().await?, 520);
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn activities<A: Activities>(mut self, activities: A) -> Self {
        self.add(|registry| registry.add_activities(activities));
        self
    }

    /// Adds a type of entities: see [`#[entity]`](crate::entity).
    pub fn entity<T: Entity>(mut self) -> Self {
        self.add(|registry| registry.add_entity(T::NAME, code_of::<T>()?));
        self
    }

    /// Gives the host a value that activities use, such as a pool of connections: they take it as an
    /// argument, [`State<T>`](crate::State), or from the context, [`ActivityContext::state`]. One value
    /// of each type. It lives as long as the host, and as the activities that run.
    ///
    /// ```
    /// use reenact::prelude::*;
    ///
    /// #[derive(Clone)]
    /// struct Currency(&'static str);
    ///
    /// #[activity]
    /// async fn price(
    ///     _ctx: ActivityContext,
    ///     State(currency): State<Currency>,
    ///     cents: u64,
    /// ) -> Result<String, ActivityError> {
    ///     Ok(format!("{cents} {}", currency.0))
    /// }
    ///
    /// # #[orchestration]
    /// # async fn show(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    /// #     Ok(ctx.call_activity(price, cents).await?)
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder()
    ///     .provider(InMemory::new())
    ///     .orchestration(show)
    ///     .activity(price)
    ///     .state(Currency("cents"))
    ///     .start()
    ///     .await?;
    /// assert_eq!(host.start_new(show, 500).await?.result().await?, "500 cents");
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.add(|registry| registry.add_state(value));
        self
    }

    /// Adds an orchestration by name, for programs that know it only when they run; in a version with
    /// [`Named`]: `register_orchestration(Named::new("order").version("1.2.0"), code)`.
    pub fn register_orchestration<'a, I, T, F, R>(
        mut self,
        name: impl Into<Named<'a>>,
        code: F,
    ) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        self.add(|registry| registry.register_orchestration(name.into(), code));
        self
    }

    /// Adds an activity by name, for programs that know it only when they run.
    pub fn register_activity<I, O, F, R>(mut self, name: &str, code: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ActivityError>> + Send + 'static,
    {
        self.add(|registry| registry.register_activity(name, code));
        self
    }

    /// Takes other options than the default.
    pub fn options(mut self, options: HostOptions) -> Self {
        self.options = options;
        self
    }

    /// Starts the host: acquires the shards of its provider and recovers what is unfinished.
    /// Must be called within a tokio runtime with time enabled.
    ///
    /// Where the store is shared, the host becomes one of those that share it, and has its part of the
    /// shards: more when others leave or die, fewer when others join. One that another host still holds
    /// comes when it is given up; this does not wait for it. All hosts of a store should have the same
    /// orchestrations.
    ///
    /// # Errors
    /// - [`Error::NoProvider`] when none was given.
    /// - [`Error::InvalidName`], [`Error::InvalidVersion`], [`Error::RegisteredTwice`],
    ///   [`Error::UnknownActivity`] when what was registered does not fit together.
    /// - [`Error::MissingState`] when an activity takes a [`State`](crate::State) that was not
    ///   [given](Self::state); [`Error::StateGivenTwice`] when two of one type were.
    /// - [`Error::NoRuntime`] when it is not called within a tokio runtime with time enabled.
    /// - [`Error::Startup`] when the provider does not let it start; for instance, because another
    ///   host holds the shards for longer than [`HostOptions::lease_patience`].
    /// - [`Error::Store`] when a shared store cannot be joined.
    ///
    /// After an error, and when this is cancelled, nothing of the host runs or holds the provider.
    pub async fn start(self) -> Result<Host> {
        let provider = self.provider.ok_or(Error::NoProvider)?;
        #[cfg(feature = "console")]
        let listener = console::listen(self.console).await?;
        let runtime = Runtime::start(&*provider, self.registry?, self.options).await?;
        Ok(Host {
            #[cfg(feature = "console")]
            console: listener.map(|it| console::serve(it, runtime.access())).transpose()?,
            client: Client::new(runtime.access()),
            running: Some(runtime),
        })
    }

    /// Which unfinished instances of the provider could not go on with what is registered here,
    /// ordered by id: those whose orchestration is not registered in their version, those whose history
    /// the code does not re-enact, and those that wait for an activity that is not registered. Empty when
    /// all fit. Compares everything, as with [`HostOptions::strict_replay`], whatever the options say.
    ///
    /// Run it with a new binary before that takes over. No host is started, no shard is taken, and
    /// nothing in the store changes. It replays one instance after the other, each from its first
    /// turn on, and looks at what is durable: an instance that moves on meanwhile may be seen at an
    /// earlier turn, and one that is started meanwhile may be missed. `Local` is open in one
    /// process at a time: there, run it while no other process has the store open.
    ///
    /// An instance that fits can be loaded into memory. This does not say what its code does next.
    ///
    /// ```no_run
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn welcome(_ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> { Ok(()) }
    /// # async fn check() -> reenact::Result<()> {
    /// let builder =
    ///     Host::builder().provider(Local::open("orders.reenact")?).orchestration(welcome);
    /// for unfit in builder.verify_histories().await? {
    ///     eprintln!("{unfit}");
    /// }
    /// let host = builder.start().await?;
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Error::NoProvider`] when none was given.
    /// - [`Error::InvalidName`], [`Error::InvalidVersion`], [`Error::RegisteredTwice`],
    ///   [`Error::UnknownActivity`] when what was registered does not fit together.
    /// - [`Error::Store`] when the store fails, and goes on failing for a while.
    ///
    /// Cancelling it is harmless.
    pub async fn verify_histories(&self) -> Result<Vec<Unfit>> {
        let provider = self.provider.as_deref().ok_or(Error::NoProvider)?;
        let registry = self.registry()?;
        verify_histories(provider, registry, &self.options).await
    }

    /// What was registered.
    pub(crate) fn registry(&self) -> Result<&Registry> {
        self.registry.as_ref().map_err(Error::clone)
    }

    /// The first mistake is kept until the builder is used.
    fn add(&mut self, add: impl FnOnce(&mut Registry) -> Result<()>) {
        if let Ok(registry) = &mut self.registry
            && let Err(error) = add(registry)
        {
            self.registry = Err(error);
        }
    }
}
