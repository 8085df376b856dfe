//! The calls that cancel, suspend, resume or terminate another instance.

use alloc::boxed::Box;
use alloc::string::String;

use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::error::{CommandError, bounded_message};
use crate::event::Event;
use crate::future::DurableFuture;
use crate::ids::{CorrelationId, InstanceId, InvalidName, ToInstanceId};
use crate::message::InstanceCommand;
use crate::output::DurableOutput;
use crate::state::State;

impl OrchestrationContext {
    /// Asks the code of another instance to end, as a client's cancel does. The future is complete when
    /// that is durable there, or refused; how the other instance then ends is up to its code.
    ///
    /// The command leaves when the event of its sending is durable, and counts exactly once. What one
    /// instance sends to another, events and commands, arrives in the order in which it was sent. While
    /// the other one is parked, the command is tried again for as long as it takes. Dropping the future
    /// only forgets the answer. An instance that was cancelled already is taken to have taken it.
    ///
    /// A reason longer than [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES) is cut.
    ///
    /// ```
    /// # use reenact_core::{
    /// #     CommandError, Executor, OrchestrationCode, OrchestrationContext, OrchestrationError,
    /// # };
    /// async fn recall(ctx: OrchestrationContext, order: String) -> Result<bool, OrchestrationError> {
    ///     match ctx.cancel_instance(order, "recalled").await {
    ///         Ok(()) => Ok(true),
    ///         Err(CommandError::NotFound { .. } | CommandError::Finished { .. }) => Ok(false),
    ///         Err(error) => Err(error.into()),
    ///     }
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("recall", recall).unwrap())
    ///     .drive_to_completion("order-7")
    ///     .unwrap();
    /// assert_eq!(run.output(), Some(true));
    /// ```
    ///
    /// # Errors
    /// The future gives [`CommandError`].
    pub fn cancel_instance(
        &self,
        to: impl ToInstanceId,
        reason: impl Into<String>,
    ) -> DurableFuture<Result<(), CommandError>> {
        let reason = bounded_message(reason.into());
        self.command_instance(to.to_instance_id(), InstanceCommand::Cancel { reason })
    }

    /// Ends another instance now, without asking its code, as a client's terminate does; also one that
    /// is parked. Otherwise like [`cancel_instance`](Self::cancel_instance).
    ///
    /// # Errors
    /// The future gives [`CommandError`].
    pub fn terminate_instance(
        &self,
        to: impl ToInstanceId,
        reason: impl Into<String>,
    ) -> DurableFuture<Result<(), CommandError>> {
        let reason = bounded_message(reason.into());
        self.command_instance(to.to_instance_id(), InstanceCommand::Terminate { reason })
    }

    /// Stops the code of another instance until it is resumed, as a client's suspend does: what comes for
    /// it meanwhile is recorded. One that is suspended stays so, and has taken the command. Otherwise like
    /// [`cancel_instance`](Self::cancel_instance).
    ///
    /// # Errors
    /// The future gives [`CommandError`].
    pub fn suspend_instance(
        &self,
        to: impl ToInstanceId,
        reason: impl Into<String>,
    ) -> DurableFuture<Result<(), CommandError>> {
        let reason = bounded_message(reason.into());
        self.command_instance(to.to_instance_id(), InstanceCommand::Suspend { reason })
    }

    /// Lets the code of another instance go on that was suspended. One that is not suspended has taken the
    /// command, and goes on as before. One that is parked stays parked: only a person or a program
    /// outside can say that its cause is fixed, and the command waits for that. Otherwise like
    /// [`cancel_instance`](Self::cancel_instance).
    ///
    /// # Errors
    /// The future gives [`CommandError`].
    pub fn resume_instance(
        &self,
        to: impl ToInstanceId,
    ) -> DurableFuture<Result<(), CommandError>> {
        self.command_instance(to.to_instance_id(), InstanceCommand::Resume)
    }

    fn command_instance(
        &self,
        to: Result<InstanceId, InvalidName>,
        command: InstanceCommand,
    ) -> DurableFuture<Result<(), CommandError>> {
        let mut state = self.shared().lock();
        match state.send_command(to, command, self.is_shielded()) {
            Ok(id) => {
                drop(state);
                let shared = self.shared().clone();
                DurableFuture::scheduled(shared, id, DurableOutput::into_commanded)
            }
            Err(error) => {
                let output = DurableOutput::Commanded(Err(Box::new(error)));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_commanded)
            }
        }
    }
}

impl State {
    /// The code sends a command. An error: nothing is recorded.
    fn send_command(
        &mut self,
        to: Result<InstanceId, InvalidName>,
        command: InstanceCommand,
        shielded: bool,
    ) -> Result<CorrelationId, CommandError> {
        if let Some(cancelled) = self.refuses(shielded) {
            return Err(cancelled.into());
        }
        let to = to?;
        let id = self.next_id();
        let name = command.name();
        if self.record(Event::CommandSent { id, to: to.clone(), command }).counts() {
            self.buffer_slot(id, Scheduled::Command { to, name }, shielded);
        }
        Ok(id)
    }
}
