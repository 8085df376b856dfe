<<<<<<< HEAD
//! What an orchestration can do, feature by feature, with programs that run.
//!
//! Each section stands for itself: [waiting](#waiting-choosing-and-giving-up),
//! [retries](#retries-time-limits-heartbeats), [local activities](#quick-steps-without-a-commit-each),
//! [activities that block](#where-activities-run-and-those-that-block), [several hosts](#several-hosts), [tags](#activities-that-only-some-hosts-can-run),
//! [cancelling](#cancelling-and-cleaning-up),
//! [suspending](#suspending), [children](#children-and-messages),
//! [continue-as-new](#going-on-as-new), [changes of code](#code-that-changes-while-instances-run),
//! [rewinding](#mending-what-has-failed).
//!
//! # Waiting, choosing and giving up
//! What is *called* is awaited at once; what is *scheduled* is under way, and can be awaited later or
//! together with other things. An event may come before anybody waits for it.
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[activity]
//! async fn quote(_ctx: ActivityContext, shop: String) -> Result<u64, ActivityError> {
//!     Ok(shop.len() as u64)
//! }
//!
//! #[orchestration]
//! async fn buy(ctx: OrchestrationContext, shops: Vec<String>) -> Result<u64, OrchestrationError> {
//!     let quotes = shops.into_iter().map(|shop| ctx.schedule_activity(quote, shop));
//!     let quotes = ctx.when_all(quotes).await.into_iter().collect::<Result<Vec<u64>, _>>()?;
//!     let best = quotes.into_iter().min().ok_or("no shop was named")?;
//!     ctx.set_status(&best); // what people see meanwhile
//!     let approval = ctx.wait_external::<bool>("Approve");
//!     // An error when a day has passed, and another when the event is not a `bool`.
//!     match ctx.timeout(Duration::from_secs(86_400), approval).await?? {
//!         true => Ok(best),
//!         false => Err("it was not approved".into()),
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder()
//! #     .provider(InMemory::new()).orchestration(buy).activity(quote).start().await?;
//! let instance = host.start_new(buy, vec!["Bear".to_string(), "Fox".to_string()]).await?;
//! instance.raise_event("Approve", true).await?;
//! assert_eq!(instance.result().await?, 3);
//! # host.shutdown().await
//! # }
//! ```
//!
//! [`when_any`](crate::OrchestrationContext::when_any) gives the first by the order of the history, and
//! the others as futures that can still be awaited. A durable future that is dropped cancels what it
//! stands for, and that is recorded. Combinators of std, `futures` and `tokio` work as well, as long as
//! they are themselves deterministic: `join!`, `join_all`, `FuturesUnordered`, `select!` with `biased;`.
//!
//! # Retries, time limits, heartbeats
//! Activities that fail for now are tried again by a policy, and may have time limits:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[activity]
//! async fn charge(ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
//!     // The same key at every attempt: the bank does the work once.
//!     Ok(format!("{cents} under {}", ctx.idempotency_key()))
//! }
//!
//! #[orchestration]
//! async fn order(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
//!     let policy = RetryPolicy::new(5) // attempts
//!         .first_delay(Duration::from_secs(2))
//!         .factor(2.0)
//!         .max_delay(Duration::from_secs(60))
//!         .jitter(0.2);
//!     let options = ActivityOptions::new()
//!         .retry(policy)
//!         .start_to_close(Duration::from_secs(30)) // one attempt
//!         .schedule_to_close(Duration::from_secs(600)); // all of them
//!     Ok(ctx.call_activity(charge.with(options), cents).await?)
//! }
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder()
//! #     .provider(InMemory::new()).orchestration(order).activity(charge).start().await?;
//! # assert!(host.start_new(order, 5).await?.result().await?.starts_with("5 under "));
//! # host.shutdown().await
//! # }
//! ```
//!
//! Errors that were returned as retryable, panics and time-outs are retried, or those of them that
//! [`retry_if`](crate::RetryPolicy::retry_if) picks; [`fatal`](crate::ActivityError::fatal) ones never
//! are. The attempt and its delay are durable: after a crash in the middle of a delay, the same attempt
//! begins at the same time, and an instance that waits for one needs no memory. Of the attempts, the
//! history has the last that failed; which one is under way, why the one before failed and when the
//! next begins is in [`InstanceStatus::activities`](crate::InstanceStatus::activities).
//!
//! An activity that calls [`heartbeat`](crate::ActivityContext::heartbeat) tells how far it is: the next
//! attempt gets the details, and where the options have a
//! [heartbeat time](crate::ActivityOptions::heartbeat), an attempt that is silent for longer fails.
//! Other options in newer code are no change of the code: for a call that was made, the recorded ones
//! count.
//!
//! # Quick steps without a commit each
//! Each activity that is scheduled costs two turns, and on a disk one sync after the other. A *local* one
//! runs at once, before anything of it is stored; what it returns is stored with the turns around it. Five
//! in a row take one commit:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[activity]
//! async fn price_of(_ctx: ActivityContext, item: String) -> Result<u64, ActivityError> {
//!     Ok(item.len() as u64 * 100)
//! }
//!
//! #[activity]
//! async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
//!     Ok(cents)
//! }
//!
//! #[orchestration]
//! async fn order(ctx: OrchestrationContext, items: Vec<String>) -> Result<u64, OrchestrationError> {
//!     let mut sum = 0;
//!     for item in items {
//!         sum += ctx.call_local(price_of, item).await?;
//!     }
//!     // Begins when all of the above is durable.
//!     Ok(ctx.call_activity(charge, sum).await?)
//! }
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder().provider(InMemory::new())
//! #     .orchestration(order).activity(price_of).activity(charge).start().await?;
//! # let items = vec!["lamp".to_string(), "rug".to_string()];
//! # assert_eq!(host.start_new(order, items).await?.result().await?, 700);
//! # host.shutdown().await
//! # }
//! ```
//!
//! Use it for what is quick and idempotent, or only reads. A crash before the commit leaves nothing of it:
//! then it may run again, or the code may go another way and not call it at all. What must not happen without
//! a trace is scheduled. The client that starts the instance, or raises the event, is answered after the
//! commit; a slow one delays that by 100 ms at most, and is stored as any other then. Retry policies and
//! the limits `start_to_close` and `schedule_to_close` work in place; a tag or a heartbeat time-out is an
//! error. All of it is at [`call_local`](crate::OrchestrationContext::call_local).
//!
//! # Where activities run, and those that block
//! An activity runs beside the instances of its shard: on a thread of the host, or on the runtime that the host
//! was started on ([`HostOptions::threads`](crate::HostOptions::threads)). While it awaits, they go on. What does
//! not await holds them up: it waits for a file or a lock, calls a client that blocks, or computes for more than a
//! few milliseconds. The watchdog names it in a warning after 100 ms. Such an activity says that it blocks, and may
//! be a plain function then:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[activity(blocking)]
//! fn bytes_of(ctx: ActivityContext, path: String) -> Result<u64, ActivityError> {
//!     if ctx.is_cancelled() {
//!         return Err("nobody waits for it".into());
//!     }
//!     Ok(std::fs::metadata(path)?.len())
//! }
//!
//! #[orchestration]
//! async fn weigh(ctx: OrchestrationContext, path: String) -> Result<u64, OrchestrationError> {
//!     let bytes = ctx.call_activity(bytes_of, path).await?;
//!     Ok(ctx.call_activity_by_name("price", &bytes).await?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! let options = HostOptions {
//!     blocking_activities: ["price".to_string()].into(), // closures, and what others wrote
//!     max_blocking_activities: 16,
//!     ..HostOptions::default()
//! };
//! let host = Host::builder()
//!     .provider(InMemory::new())
//!     .options(options)
//!     .orchestration(weigh)
//!     .activity(bytes_of)
//!     .register_activity("price", |_ctx: ActivityContext, bytes: u64| async move { Ok(bytes * 2) })
//!     .start()
//!     .await?;
//! # let path = std::env::current_exe().expect("a program").display().to_string();
//! # assert!(host.start_new(weigh, path).await?.result().await? > 0);
//! # host.shutdown().await
//! # }
//! ```
//!
//! It has a thread for itself, of a pool that only these activities use; the store and your program have
//! others. Retries, time limits, heartbeats, cancellation and panics are as everywhere. Async code works there, with
//! `tokio::time`, I/O and `tokio::spawn`; so do clients that block on a runtime of their own. Without a free thread it
//! waits, without a place of [`max_activities`](crate::HostOptions::max_activities): other activities go on. In a test
//! whose time is paused (`start_paused`), that time jumps while it runs: tokio does not see other threads at work.
//!
//! Nothing can drop code in the middle of a call that blocks. When nobody waits for it any more (it takes too long,
//! its instance is cancelled, the host ends), its token says so, what it returns does not count, and it keeps its
//! thread until it returns. A shutdown waits for it up to
//! [`shutdown_deadline`](crate::HostOptions::shutdown_deadline), and a host that is dropped does not wait. A cut-off
//! attempt may still run beside the next one: look at [`is_cancelled`](crate::ActivityContext::is_cancelled) now and
//! then, and give the call a time limit of its own where it has one.
//!
//! All other activities can run on a runtime of yours, with
//! [`ActivityThreads::On`](crate::ActivityThreads::On). That is for threads of a number and a name of your own, and for
//! I/O objects that are to outlive the host: one that is made in an activity belongs to the runtime that the activity
//! runs on, and a thread of the host ends with it. One that is made by your program can be used in activities wherever
//! they run, as long as the program's runtime runs.
//!
//! A host can be started on any runtime of tokio with time enabled: one with several threads or with the current one
//! only, from `block_on` in code without async, or inside of a `LocalSet`. With threads of its own it goes on while
//! nobody drives that runtime, and when that has ended. Without them it stands still meanwhile. It can be
//! [dropped anywhere](crate::Host).
//!
//! # Several hosts
//! A store that is shared can have as many hosts as it has shards, and clients that are no host. A hub in
//! Azure Storage is such a store (`Azure::connect(&connection, "orders").await?`, feature `azure`), and for
//! tests so is one in memory:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[orchestration]
//! async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
//!     let go: String = ctx.wait_external("Go").await?;
//!     Ok(format!("Hello, {name}! {go}"))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! let store = InMemory::new().shared();
//! let first = Host::builder().provider(store.clone()).orchestration(welcome).start().await?;
//! let client = Client::connect(store.clone())?;
//! let instance = client.start_new(welcome, "Ada".to_string()).await?;
//!
//! let second = Host::builder().provider(store).orchestration(welcome).start().await?;
//! first.shutdown().await?; // the second one has all shards then
//! instance.raise_event("Go", "Come in.").await?;
//! assert_eq!(instance.result().await?, "Hello, Ada! Come in.");
//! # second.shutdown().await
//! # }
//! ```
//!
//! The hosts share the shards evenly, and whose share a shard is follows from who lives: nobody
//! coordinates. A host that joins gets its part, one that [shuts down](crate::Host::shutdown) gives its own
//! up at once, and one that dies is taken for dead after a lease time. The instances of a shard go with it:
//! they go on where their logs end. Who is cut off, and does not know that others have its shards, can write
//! nothing more.
//!
//! Every host and every client reaches every instance. What is for an instance of another host goes through
//! the queue of its shard: `Ok` says that it is durable there, and it counts once. A refusal may come
//! later: then what was refused is in [quarantine](crate::Client::quarantined) with the reason, until somebody
//! [sends it again](crate::Client::requeue) or [throws it away](crate::Client::discard_quarantined).
//!
//! All hosts of a store should have the same orchestrations. Activities may differ:
//!
//! # Activities that only some hosts can run
//! Where several hosts share a store, an activity that needs a graphics card, or has to stay in one
//! region, is called with a tag. It runs on a host that declares the tag, whichever host its
//! orchestration is on; only those hosts have to register it:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[activity]
//! async fn train(_ctx: ActivityContext, pictures: u64) -> Result<u64, ActivityError> {
//!     Ok(pictures * 2)
//! }
//!
//! #[orchestration]
//! async fn learn(ctx: OrchestrationContext, pictures: u64) -> Result<u64, OrchestrationError> {
//!     Ok(ctx.call_activity(train.with(ActivityOptions::new().tag("gpu")), pictures).await?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! let options = HostOptions { tags: ["gpu".to_string()].into(), ..HostOptions::default() };
//! let host = Host::builder()
//!     .provider(InMemory::new()) // one that several hosts share, in real life
//!     .options(options)
//!     .orchestration(learn)
//!     .activity(train)
//!     .start()
//!     .await?;
//! assert_eq!(host.start_new(learn, 21).await?.result().await?, 42);
//! # host.shutdown().await
//! # }
//! ```
//!
//! A call whose tag nobody declares waits until somebody does; a
//! [time for all of it](crate::ActivityOptions::schedule_to_close) bounds that. While it runs, its
//! message is hidden from the other hosts of the tag; when its host dies, one of them takes it over
//! after half a minute. So it runs at least once, like all activities, and in rare cases twice at the
//! same time; the history takes the first end of each attempt. Retries go where the first attempt went,
//! and heartbeats find their way home. A cancel does not reach an activity on another host: it goes on,
//! and its result does not count; only when its time for all attempts is over does it hear of that. On
//! a store that one host has alone, tags mean nothing: it runs everything.
//!
//! # Cancelling, and cleaning up
//! A cancel asks the code to end. Activities and waits that are open end with an error, and so does every
//! new call, so that `?` leads to the end. A timer never completes after a cancel, so no race takes a
//! cancel for a deadline. What must be done all the same is done behind a shield:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[activity]
//! async fn reserve(_ctx: ActivityContext, _item: String) -> Result<(), ActivityError> {
//!     Ok(())
//! }
//!
//! #[activity]
//! async fn release(_ctx: ActivityContext, _item: String) -> Result<(), ActivityError> {
//!     Ok(())
//! }
//!
//! #[orchestration]
//! async fn order(ctx: OrchestrationContext, item: String) -> Result<u64, OrchestrationError> {
//!     ctx.shielded().call_activity(reserve, item.clone()).await?; // not cut in the middle
//!     let paid = ctx.wait_external::<u64>("Paid").await; // an error when it is cancelled
//!     if paid.is_err() {
//!         ctx.shielded().call_activity(release, item).await?;
//!     }
//!     Ok(paid?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder()
//! #     .provider(InMemory::new()).orchestration(order)
//! #     .activity(reserve).activity(release).start().await?;
//! let instance = host.start_new(order, "lamp".to_string()).await?;
//! instance.cancel("out of stock").await?; // durable when it returns
//! assert!(matches!(instance.result().await, Err(reenact::Error::Cancelled { .. })));
//! # host.shutdown().await
//! # }
//! ```
//!
//! Code that waits for nothing but timers when a cancel comes ends as cancelled right there. To clean up
//! first, wait with `ctx.until_cancelled(ctx.timer(day)).await?`, which gives an error as soon as a cancel
//! has come.
//!
//! How the execution ends is what its code says: one that returns a value all the same has completed. A
//! cancel reaches the next execution of an instance that continues as new. A running activity sees
//! [`is_cancelled`](crate::ActivityContext::is_cancelled), or awaits
//! [`cancelled`](crate::ActivityContext::cancelled), and is dropped when
//! [`cancellation_grace`](crate::HostOptions::cancellation_grace) is over.
//! [`terminate`](crate::Client::terminate) is the blunt form: no code runs.
//!
//! # Suspending
//! [`suspend`](crate::Client::suspend) and [`resume`](crate::Client::resume) are for people: while an
//! instance is suspended, results, timers, events and cancels are recorded and wait, and the code does
//! not go on. `resume` also has a [parked](crate::ParkReason) instance tried again.
//!
//! # Children and messages
//! A child is an instance of its own, mostly in another shard, with a history of its own. It is
//! cancelled when its parent ends first, however that ends, unless its
//! [parent-close policy](crate::ParentClose) says otherwise; and when its future is dropped:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[orchestration]
//! async fn ship(ctx: OrchestrationContext, parcel: u64) -> Result<u64, OrchestrationError> {
//!     let weight: u64 = ctx.wait_external("Weighed").await?;
//!     Ok(parcel * weight)
//! }
//!
//! #[orchestration]
//! async fn order(ctx: OrchestrationContext, parcels: u64) -> Result<u64, OrchestrationError> {
//!     let children = (1..=parcels).map(|parcel| {
//!         let own_id = ChildOptions::new().id(format!("parcel-{parcel}"));
//!         ctx.schedule_orchestration(ship.with(own_id), parcel)
//!     });
//!     let shipped = ctx.when_all(children).await;
//!     let total = shipped.into_iter().sum::<Result<u64, ChildError>>()?;
//!     // Nobody waits for this one; it goes on when this instance has ended.
//!     ctx.start_orchestration(order, 0).await?;
//!     Ok(total)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder()
//! #     .provider(InMemory::new()).orchestration(order).orchestration(ship).start().await?;
//! let instance = host.start_new(order, 0).await?;
//! assert_eq!(instance.result().await?, 0);
//! # host.shutdown().await
//! # }
//! ```
//!
//! An id that another instance has, running or finished, is a typed error for the caller
//! ([`ChildError::AlreadyExists`](crate::ChildError)); nothing is started, and nobody waits for ever.
//! Without an id of your own, one is made out of the parent's: `order-7/1-5f0c2a91`, another one in each
//! run.
//!
//! [`ChildOptions::retry`](crate::ChildOptions::retry) starts a child again that returned an error or
//! panicked, by the same [`RetryPolicy`](crate::RetryPolicy) as activities. Each attempt is an instance of
//! its own, `parcel-7`, `parcel-7~2`, `parcel-7~3`: it is there at once, and its code runs when its time
//! has come. The parent's history has the call, the last failure and the outcome; its status shows the
//! attempt under way.
//!
//! [`raise_event`](crate::OrchestrationContext::raise_event) on the context raises an event on another
//! instance: exactly once, and in order for each sender and recipient.
//! [`and_raise`](crate::StartNew::and_raise) on a start starts an instance and raises an event on it,
//! both or none; where the instance is there already, it only gets the event.
//!
//! # Going on as new
//! An orchestration that never ends goes on as a new execution from time to time, so that its history
//! stays short. The type of the new input is checked by the compiler:
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[orchestration]
//! async fn counter(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
//!     match ctx.wait_external::<u64>("Add").await? {
//!         0 => Ok(sum),
//!         more => ctx.continue_as_new(counter, sum + more),
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder().provider(InMemory::new()).orchestration(counter).start().await?;
//! let instance = host.start_new(counter, 0).await?;
//! for number in [30, 12, 0] {
//!     instance.raise_event("Add", number).await?;
//! }
//! assert_eq!(instance.result().await?, 42); // of the third execution
//! # host.shutdown().await
//! # }
//! ```
//!
//! The instance keeps its id, and whoever waits for its result goes on waiting. External events that
//! nobody has taken come along in their order, those that arrive at that very moment too; activities
//! and timers that are open are cancelled, and their completions no longer count. The end of one
//! execution and the start of the next are stored as one; the history before it is dropped then, so
//! that memory and disk do not grow with the number of executions.
//!
//! # Code that changes while instances run
//! `#[orchestration(name = "order", version = "2.0.0")]` gives code a version, by
//! [semver](https://semver.org). Register several functions of one name with different versions: new
//! instances take the newest, unless [`version`](crate::StartNew::version) says otherwise, and each
//! running one stays on the version that it began with. One that continues as new moves to the newest,
//! or stays with [`pinned`](crate::OrchestrationContext::pinned):
//!
//! ```
//! use reenact::prelude::*;
//!
//! #[orchestration(name = "hello", version = "1.0.0")]
//! async fn hello_v1(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
//!     Ok(format!("Hello, {name}"))
//! }
//!
//! #[orchestration(name = "hello", version = "2.0.0")]
//! async fn hello(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
//!     // A smaller change, inside of one version.
//!     if ctx.patched("ask for the weather") {
//!         let weather: String = ctx.wait_external("Weather").await?;
//!         return Ok(format!("Hello, {name}, it is {weather}"));
//!     }
//!     Ok(format!("Hello again, {name}"))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> reenact::Result<()> {
//! # let host = Host::builder()
//! #     .provider(InMemory::new()).orchestration(hello_v1).orchestration(hello).start().await?;
//! let newest = host.start_new(hello, "Ada".to_string()).await?;
//! newest.raise_event("Weather", "cold").await?;
//! assert_eq!(newest.result().await?, "Hello, Ada, it is cold");
//! let older = host.start_new(hello, "Ada".to_string()).version("1.0.0").await?;
//! assert_eq!(older.result().await?, "Hello, Ada");
//! # host.shutdown().await
//! # }
//! ```
//!
//! With [`patched`](crate::OrchestrationContext::patched), what had passed that place before does what
//! is old, everything else does what is new. When no instance needs what is old any more, the old branch
//! goes, and then the call.
//!
//! An instance whose version, orchestration or activity a host has not is parked, says what is missing
//! and what is there, and goes on by itself on a host that has it. So is one whose code does not fit its
//! history. Its state is [`Parked`](crate::InstanceState::Parked), for lists and counts too; a host that
//! starts looks for such instances in the background. Events that are raised meanwhile are kept.
//! [`verify_histories`](crate::HostBuilder::verify_histories) lists those that a new binary would park,
//! before it takes over.
//!
//! # Mending what has failed
//! [`rewind`](crate::Client::rewind) takes an instance back to before an event of its history, whether it
//! runs, is parked, has failed or was terminated: mend the activity or the code, rewind to before the
//! failed step, and it goes on. What came from outside since is not lost. What activities have done
//! outside is not undone.
=======
#![doc = include_str!("../docs/guide.md")]
>>>>>>> 2e9e9f4 (The documentation is a book in docs/, and the README is short)
