//! The calls that start other orchestrations: children, whose results are awaited, and detached ones.

mod call;

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::ChildError;
use crate::future::DurableFuture;
use crate::ids::InstanceId;
use crate::message::Relation;
use crate::options::OrchestrationByName;
use crate::output::DurableOutput;
use crate::view::CalledChild;
#[cfg(doc)]
use crate::view::ChildEnd;

use call::Call;

/// # Children
/// A child is an instance of its own, mostly in another shard. It is started when the event of its
/// call is durable, exactly once, and its result comes exactly once, whatever crashes in between.
impl OrchestrationContext {
    /// The children that this code has called, and the detached orchestrations that it has started, in the order of the
    /// calls: under which id each of them is, and whether it has ended, and how, as far as the log knows by now. The same at every
    /// replay; needs no event. After continue-as-new, there are those of the new execution only.
    ///
    /// All are in it that are open, and of the others as many of the newest as there is room for among
    /// [`MAX_LISTED_CHILDREN`](crate::limits::MAX_LISTED_CHILDREN). A future that was dropped cancels its child with the next step of the
    /// code; until then it is open. One that is detached is [`ChildEnd::Left`] from its start.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// use reenact_core::ChildEnd;
    ///
    /// async fn fleet(ctx: OrchestrationContext, ships: u32) -> Result<usize, OrchestrationError> {
    ///     let call = |ship| ctx.schedule_orchestration_by_name::<_, u32>("ship", &ship);
    ///     let mut under_way: Vec<_> = (0..ships).map(call).collect();
    ///     under_way.remove(0).await?;
    ///     Ok(ctx.children().iter().filter(|ship| ship.end == ChildEnd::Open).count())
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("fleet", fleet).unwrap())
    ///     .orchestration("ship", |ship: u32| Ok(ship))
    ///     .drive_to_completion(&3)
    ///     .unwrap();
    /// assert!(run.output::<usize>().is_some_and(|open| open < 3));
    /// ```
    pub fn children(&self) -> Vec<CalledChild> {
        self.shared().lock().listed_children()
    }

    /// Starts a child now; the future has what it returns.
    ///
    /// `orchestration.with(options)` gives it an id of your own, or another
    /// [policy](crate::ParentClose) for when this instance ends first. Dropping the future before the child
    /// has ended cancels the child, if the code goes on after that. A child that is called and dropped
    /// in one turn is not started.
    ///
    /// ```
    /// # use reenact_core::{
    /// #     ChildOptions, Executor, Orchestration, OrchestrationCode, OrchestrationContext,
    /// #     OrchestrationError,
    /// # };
    /// # struct ship;
    /// # impl Orchestration for ship {
    /// #     type Input = u32;
    /// #     type Output = String;
    /// #     const NAME: &'static str = "ship";
    /// #     async fn run(_: OrchestrationContext, _: u32) -> Result<String, OrchestrationError> {
    /// #         unreachable!()
    /// #     }
    /// # }
    /// async fn order(ctx: OrchestrationContext, number: u32) -> Result<String, OrchestrationError> {
    ///     let own_id = ChildOptions::new().id(format!("ship-{number}"));
    ///     Ok(ctx.call_orchestration(ship.with(own_id), number).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .orchestration("ship", |number: u32| Ok(format!("parcel {number}")))
    ///     .drive_to_completion(&7)
    ///     .unwrap();
    /// assert_eq!(run.output::<String>(), Some("parcel 7".into()));
    /// ```
    ///
    /// # Errors
    /// The future gives a [`ChildError`]: what the child ended with, or why it was not started.
    /// An input that does not decode again from what it encodes to gives [`ChildError::InvalidInput`]
    /// (recorded as refused). Children nested more than [`MAX_CHILD_DEPTH`](crate::limits::MAX_CHILD_DEPTH) deep are refused. An orchestration that is not
    /// registered parks this instance, with nothing recorded.
    pub fn schedule_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<O::Output, ChildError>> {
        self.schedule_child(Call::of(&orchestration, &input))
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration); reads naturally for a single
    /// await.
    pub fn call_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<O::Output, ChildError>> {
        self.schedule_orchestration(orchestration, input)
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration), for one that is known by name
    /// only: a text, or an [`OrchestrationByName`] with options.
    ///
    /// # Errors
    /// In addition, the future gives [`ChildError::InvalidInput`] when the input is not of the
    /// orchestration's type (recorded as refused; nothing is started).
    pub fn schedule_orchestration_by_name<I, T>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<T, ChildError>>
    where
        I: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.schedule_child(Call::by_name(orchestration.into(), input))
    }

    /// As [`schedule_orchestration_by_name`](Self::schedule_orchestration_by_name); reads naturally
    /// for a single await.
    pub fn call_orchestration_by_name<I, T>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<T, ChildError>>
    where
        I: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.schedule_orchestration_by_name(orchestration, input)
    }

    /// Starts an orchestration that goes on by itself: this instance neither gets its result nor
    /// takes it along when it ends. The future has its id, once its start is durable; dropping the
    /// future only forgets that.
    ///
    /// # Errors
    /// The future gives [`ChildError::AlreadyExists`] when another instance has the id,
    /// [`ChildError::Cancelled`] when this instance is cancelled while it waits (the start goes on),
    /// and what [`schedule_orchestration`](Self::schedule_orchestration) refuses.
    pub fn start_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.schedule_start(Call::of(&orchestration, &input))
    }

    /// As [`start_orchestration`](Self::start_orchestration), for one that is known by name only.
    ///
    /// # Errors
    /// In addition, the future gives [`ChildError::InvalidInput`] when the input is not of the
    /// orchestration's type.
    pub fn start_orchestration_by_name<I: Serialize + ?Sized>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.schedule_start(Call::by_name(orchestration.into(), input))
    }

    fn schedule_child<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> DurableFuture<Result<T, ChildError>> {
        self.schedule_call(call, Relation::Child, DurableOutput::into_child)
    }

    fn schedule_start(&self, call: Call) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.schedule_call(call, Relation::Detached, DurableOutput::into_started)
    }

    fn schedule_call<T>(
        &self,
        mut call: Call,
        relation: Relation,
        decode: fn(DurableOutput) -> T,
    ) -> DurableFuture<T> {
        // Without the lock, for that decodes the input.
        call.refusal = self.refusal_of_call(&call);
        let mut state = self.shared().lock();
        match state.begin_call(call, self.is_shielded(), relation) {
            Ok(id) => {
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, decode)
            }
            Err(error) => DurableFuture::refused(
                state.next_position(),
                call::refused(relation, error),
                decode,
            ),
        }
    }
}
