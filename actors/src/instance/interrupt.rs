//! A cancel, a suspension or its end, for an instance whose code does not run on this host.

use ractor::ActorProcessingErr;
use reenact_core::TraceContext;

use super::phase::Phase;
use super::state::InstanceState;
use crate::error::Error;
use crate::message::{InstanceMessage, Reply};

/// What an instance takes without its code, on a host that runs none.
pub(super) enum Interrupt {
    Cancel(String, Trace),
    Suspend(String, Trace),
    Resume(Trace),
}

/// The trace in which it is asked for.
type Trace = Option<Box<TraceContext>>;

impl Interrupt {
    /// `None` when a message is something else.
    pub(super) fn of(message: &InstanceMessage) -> Option<Self> {
        match message {
            InstanceMessage::Cancel { reason, trace, .. } => {
                Some(Self::Cancel(reason.clone(), trace.clone()))
            }
            InstanceMessage::Suspend { reason, trace, .. } => {
                Some(Self::Suspend(reason.clone(), trace.clone()))
            }
            InstanceMessage::Resume { trace, .. } => Some(Self::Resume(trace.clone())),
            _ => None,
        }
    }
}

impl InstanceState {
    /// Records an interrupt, which the code sees once it goes on.
    pub(super) async fn keep_interrupt(
        &mut self,
        message: InstanceMessage,
    ) -> Result<(), ActorProcessingErr> {
        let Some(interrupt) = Interrupt::of(&message) else { return Ok(()) };
        let reply: Option<Reply> = message.reply();
        self.read_parked().await?;
        let (instance, now) = (self.instance.clone(), self.shard.now());
        let Phase::Parked(parked) = &mut self.phase else { return Ok(()) };
        let reason = parked.reason();
        let kept = parked.execution.as_mut().map(|execution| match interrupt {
            Interrupt::Cancel(reason, trace) => execution.cancel(reason, trace.as_deref(), now),
            Interrupt::Suspend(reason, trace) => execution.suspend(reason, trace.as_deref(), now),
            Interrupt::Resume(trace) => execution.resume(trace.as_deref(), now),
        });
        match kept {
            Some(kept) => self.keep(kept, reply)?,
            // Its log cannot be read.
            None => {
                if let Some(reply) = reply {
                    self.answer(reply.no(Error::Parked { instance, reason }));
                }
            }
        }
        Ok(())
    }
}
