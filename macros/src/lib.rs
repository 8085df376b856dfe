//! The attributes `#[orchestration]`, `#[activity]` and `#[activities]` of reenact.
//!
//! Depend on `reenact` and use them from there; what they write refers to `::reenact`.

mod activities;
mod clash;
mod determinism;
mod errors;
mod expand;
mod kind;
mod options;
mod signature;

use proc_macro::TokenStream;

use crate::kind::Kind;

/// Makes an `async fn` an orchestration.
///
/// ```
/// use std::time::Duration;
///
/// use reenact::prelude::*;
///
/// # #[activity]
/// # async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
/// #     Ok(format!("Hello, {name}!"))
/// # }
/// #[orchestration(name = "orders.welcome")]
/// async fn welcome(
///     ctx: OrchestrationContext,
///     name: String,
/// ) -> Result<String, OrchestrationError> {
///     let greeting = ctx.call_activity(greet, name).await?;
///     ctx.timer(Duration::from_secs(60)).await;
///     Ok(greeting)
/// }
///
/// assert_eq!(welcome::NAME, "orders.welcome");
/// ```
///
/// The function's name becomes a unit struct that implements `Orchestration`; it keeps the
/// visibility and the documentation. It is what `Host::builder().orchestration(welcome)` and
/// `host.start_new(welcome, input)` take. As with every unit struct, no variable in its scope
/// can have the same name.
///
/// # The function
/// - It takes an `OrchestrationContext` and at most one input: an owned type that serde can write
///   and read. Without one, the input is `()`. For several values, take a tuple or a struct.
/// - It returns `Result<T, E>`, where `T` is stored like the input. `E` converts [`Into`] an
///   `OrchestrationError`, or is any error: a type that implements `std::error::Error`, `anyhow::Error`,
///   `eyre::Report`, `BoxError`. The chain of its sources is kept. An alias `Result<T>` will do, such as
///   `anyhow::Result<T>`.
/// - It has no generics: its name and its types are what stored histories rely on.
///
/// # Options
/// - `name = "orders.welcome"`: the name that is stored, 1 to 128 bytes without control characters.
///   It is the function's own by default. Give one before the function is renamed: running
///   instances are found by it.
/// - `version = "1.2.0"`: the version that is stored, a [semantic version](https://semver.org) of at
///   most 64 bytes. Functions of one name and different versions can be registered side by side: new
///   instances take the newest, running ones stay on theirs. None by default, which is older than any.
/// - `events(PACKED, ..)`: the external events that it takes, each an `EventName`. An event of another
///   name, or with data of another type, is refused where it is raised, before anything is stored: by a
///   client with `Error::UnknownEvent` or `Error::InvalidPayload`, by another instance with `SendError`.
///   So a misspelt name is found at once, where the event would wait for ever. Name all that the
///   function waits for. Without this option it takes all.
/// - `allow(rule, ..)`: lets the body use what a rule of the next section refuses.
///
/// # What is refused
/// After a crash the function runs again and must make the same calls in the same order. What
/// plainly breaks that does not compile, in closures and inside the arguments of macros too; the
/// error says what to use instead, and which rule to allow where it is safe.
///
/// | rule | refused | instead |
/// |---|---|---|
/// | `std::time`, `chrono` | `Instant::now`, `SystemTime::now`, `Utc::now`, … | `ctx.now()` |
/// | `tokio::time` | all but `Duration` | `ctx.timer(..)`, `ctx.timeout(..)` |
/// | `rand` | `rand::..`, `fastrand::..`, `getrandom::..`, … | `ctx.random()`, `ctx.side_effect(..)` |
/// | `uuid` | `Uuid::new_v4`, `Uuid::now_v7`, … | `ctx.new_guid()` |
/// | `std::thread` | `std::thread::..`, `thread::spawn`, `thread::sleep`, … | an activity, `ctx.timer(..)` |
/// | `tokio::spawn` | `tokio::spawn`, `tokio::task::..`, `JoinSet::new`, … | joined durable futures |
/// | `tokio::select` | `tokio::select!` without `biased;` | `biased;`, `ctx.when_any(..)` |
/// | `futures::select` | `futures::select!` | `select_biased!`, `ctx.when_any(..)` |
/// | `tokio::signal` | all | `ctx.wait_external(..)` |
/// | `tokio::fs`, `tokio::io`, `tokio::net`, `tokio::process` | all | an activity |
/// | `std::fs`, `std::net`, `std::process`, `std::env`, `std::io` | files, sockets (addresses are fine), processes, the environment, standard input | an activity |
///
/// The attribute sees names, not meanings: it does not follow an import from outside the function
/// or a call into another one, nor does it know that a `HashMap` iterates in another order each
/// time (take a `BTreeMap`). The runtime finds such things at replay, and parks the instance.
///
/// # Tests
/// `welcome::run(ctx, input)`, from the trait, is the function itself.
#[proc_macro_attribute]
pub fn orchestration(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Orchestration, options.into(), item.into()).into()
}

/// Makes an `async fn` an activity: the place for everything with a side effect; or, as one that blocks its
/// thread, a plain `fn`.
///
/// ```
/// use reenact::prelude::*;
///
/// #[activity(name = "billing.charge")]
/// async fn charge(_ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
///     match cents {
///         0 => Err(ActivityError::fatal("there is nothing to charge")),
///         _ => Ok(format!("receipt for {cents} cents")),
///     }
/// }
///
/// assert_eq!(charge::NAME, "billing.charge");
/// ```
///
/// The function's name becomes a unit struct that implements `ActivityDefinition` and `Activity`;
/// it keeps the visibility and the documentation. It is what `ctx.call_activity(charge, order)` and
/// `Host::builder().activity(charge)` take. As with every unit struct, no variable in its scope can
/// have the same name.
///
/// # The function
/// - It takes an `ActivityContext` and at most one input: an owned type that serde can write and
///   read. Without one, the input is `()`. For several values, take a tuple or a struct.
/// - Between the two, it can take values that the host was given once: `State(pool): State<Pool>`, for
///   each `Host::builder().state(pool)`. A host without one of them does not start. The attribute knows
///   such a parameter by the name `State`, with one type in angle brackets.
/// - It returns `Result<T, E>`, where `T` is stored like the input. `E` converts [`Into`] an
///   `ActivityError`, or is any error: a type that implements `std::error::Error`, `anyhow::Error`,
///   `eyre::Report`, `BoxError`. Then another attempt can help, unless an `ActivityError` in its chain
///   says otherwise; the chain of its sources is kept. An alias `Result<T>` will do, such as
///   `anyhow::Result<T>`.
/// - It has no generics: its name and its types are what stored histories rely on.
///
/// # Options
/// - `name = "billing.charge"`: the name that is stored, 1 to 128 bytes without control characters.
///   It is the function's own by default. Give one before the function is renamed: running
///   instances call it by that name.
///
/// - `blocking`: the function blocks its thread: it waits without `await`, or computes for long. It runs on a
///   thread that it has for itself, where it holds up nobody; see `HostOptions::blocking_activities` for
///   what that means. It may then be a plain `fn`:
///
/// ```
/// use reenact::prelude::*;
///
/// #[activity(blocking)]
/// fn digest(_ctx: ActivityContext, path: String) -> Result<u64, ActivityError> {
///     let bytes = std::fs::read(path)?;
///     Ok(bytes.iter().map(|byte| u64::from(*byte)).sum())
/// }
/// ```
///
/// # Tests
/// `charge::run(ctx, input)`, from the trait, is the function itself.
#[proc_macro_attribute]
pub fn activity(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Activity, options.into(), item.into()).into()
}

/// Makes methods of a struct activities, so that they share what the struct has.
///
/// ```
/// use reenact::prelude::*;
///
/// struct Payments {
///     currency: String,
/// }
///
/// #[activities]
/// impl Payments {
///     #[activity]
///     async fn charge(&self, _ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
///         Ok(self.text(cents))
///     }
///
///     fn text(&self, cents: u64) -> String {
///         format!("{cents} {}", self.currency)
///     }
/// }
///
/// #[orchestration]
/// async fn pay(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
///     Ok(ctx.call_activity(Payments::charge, cents).await?)
/// }
///
/// let builder = Host::builder()
///     .orchestration(pay)
///     .activities(Payments { currency: "cents".to_string() });
/// # drop(builder);
/// ```
///
/// Each method that `#[activity]` is on becomes a constant of its name, which implements
/// `ActivityDefinition` and `Activity` as a function with `#[activity]` does. The struct implements
/// `Activities`, for `Host::builder().activities(..)`. What it does not mark stays as it is.
///
/// # The methods
/// - They take `&self`, `self: Arc<Self>` or neither; then what a function with `#[activity]` takes. With
///   `#[activity(blocking)]` they may be plain functions as well.
/// - Their stored name is that of the struct and the method, `Payments::charge`, unless
///   `#[activity(name = "..")]` gives another. Give one before either is renamed: running instances call
///   them by that name.
/// - The block is not of a trait, and has no generics. There is one such block of a struct.
///
/// # Tests
/// `Payments::charge.call(&payments, ctx, input)` is the method itself; other methods call it so as
/// well. `payments.charge(..)` is not there any more.
#[proc_macro_attribute]
pub fn activities(options: TokenStream, item: TokenStream) -> TokenStream {
    activities::expand(options.into(), item.into()).into()
}
