//! The code of an activity, with its types erased.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use reenact_core::{
    ActivityError, ActivityErrorKind, Checked, EncodeOutput, InvalidName, Name, Payload,
    PayloadError, Unchecked,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Activity;
use super::context::ActivityContext;
use crate::metrics::Label;
use crate::state::StateType;

/// An activity with its types erased. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ActivityCode {
    run: Arc<dyn Fn(ActivityContext, Payload) -> ActivityFuture + Send + Sync>,
    check: fn(&Payload) -> Result<(), PayloadError>,
    states: fn() -> Vec<StateType>,
    is_blocking: bool,
    is_remote: bool,
    label: Label,
    types: CodeTypes,
}

/// The types of some code, as the compiler names them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeTypes {
    /// The input.
    pub input: &'static str,
    /// The output.
    pub output: &'static str,
}

impl fmt::Display for CodeTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) -> {}", self.input, self.output)
    }
}

/// The future of an activity, which does not begin before it is polled.
pub(crate) type ActivityFuture =
    Pin<Box<dyn Future<Output = Result<Payload, ActivityError>> + Send>>;

impl ActivityCode {
    pub(crate) fn of<A: Activity>() -> Result<(Name, Self), InvalidName> {
        let (name, code) = Self::encoding::<_, _, _, _, Checked>(A::NAME, A::run)?;
        Ok((name, Self { states: A::states, is_blocking: A::BLOCKING, ..code }))
    }

    pub(crate) fn new<I, O, F, R>(name: &str, code: F) -> Result<(Name, Self), InvalidName>
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ActivityError>> + Send + 'static,
    {
        Self::encoding::<_, _, _, _, Unchecked>(name, code)
    }

    /// An activity whose outputs `E` encodes: an output that it refuses is not stored.
    fn encoding<I, O, F, R, E>(name: &str, code: F) -> Result<(Name, Self), InvalidName>
    where
        I: DeserializeOwned + Send + 'static,
        E: EncodeOutput<O>,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ActivityError>> + Send + 'static,
    {
        let name = Name::new(name)?;
        let code = Arc::new(code);
        let run = move |ctx: ActivityContext, input: Payload| -> ActivityFuture {
            let code = code.clone();
            Box::pin(async move {
                let input = input.decode().map_err(invalid(ActivityErrorKind::InvalidInput))?;
                let output = code(ctx, input).await?;
                E::encode(&output).map_err(invalid(ActivityErrorKind::InvalidOutput))
            })
        };
        let check = |input: &Payload| input.decode::<I>().map(drop);
        Ok((
            name,
            Self {
                run: Arc::new(run),
                check,
                states: Vec::new,
                is_blocking: false,
                is_remote: false,
                label: Label::OTHER,
                types: CodeTypes { input: type_name::<I>(), output: type_name::<O>() },
            },
        ))
    }

    /// The types of the values that it needs.
    pub(crate) fn states(&self) -> Vec<StateType> {
        (self.states)()
    }

    /// Whether it runs on a thread that it may block.
    pub(crate) const fn is_blocking(&self) -> bool {
        self.is_blocking
    }

    pub(crate) const fn set_blocking(&mut self, is_blocking: bool) {
        self.is_blocking = is_blocking;
    }

    /// Whether it only waits for another process, so that no host dies of it.
    pub(crate) const fn is_remote(&self) -> bool {
        self.is_remote
    }

    pub(crate) const fn set_remote(&mut self) {
        self.is_remote = true;
    }

    pub(crate) const fn types(&self) -> CodeTypes {
        self.types
    }

    /// Its label in the metrics of the host.
    pub(crate) const fn label(&self) -> Label {
        self.label
    }

    pub(crate) const fn set_label(&mut self, label: Label) {
        self.label = label;
    }

    /// The activity does not begin before the future is polled.
    pub(crate) fn run(&self, ctx: ActivityContext, input: Payload) -> ActivityFuture {
        (self.run)(ctx, input)
    }

    pub(crate) fn check(&self, input: &Payload) -> Result<(), ActivityError> {
        (self.check)(input).map_err(invalid(ActivityErrorKind::InvalidInput))
    }
}

fn invalid(kind: ActivityErrorKind) -> impl Fn(PayloadError) -> ActivityError {
    move |why| ActivityError::of_kind(kind, why)
}
