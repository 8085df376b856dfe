//! Updates of other instances, and the answers of other instances to updates.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::{ApplyError, Machine};
use crate::command::Command;
use crate::correlation_buffer::Scheduled;
use crate::error::CallUpdateError;
use crate::event::EventKind;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::{NotTaken, UpdateReturn};
use crate::output::DurableOutput;
use crate::payload::Payload;
use crate::state::State;

impl Machine {
    /// Whether it holds or asks for locks of other instances, as far as its turns that may not be durable say.
    pub fn has_locks(&self) -> bool {
        self.shared.lock().outbox.has_locks()
    }

    /// The command without who waits for its answer: that stands in an event of its own.
    pub(super) fn take_requester(&mut self, command: Command) -> Command {
        self.given_requester = None;
        let Command::TakeUpdate { name, data, key, by } = command else { return command };
        self.given_requester = Some(by);
        Command::RaiseEvent { name, data, key: Some(key) }
    }

    pub(super) fn update_returned(
        &mut self,
        id: CorrelationId,
        answer: UpdateReturn,
    ) -> Result<(), ApplyError> {
        let mut state = self.shared.lock();
        let Some(Scheduled::Update { to, update, .. }) = state.buffer.open(id).cloned() else {
            // At replay only.
            state.complete_in_vain(id, EventKind::Request);
            drop(state);
            return self.halted();
        };
        drop(state);
        let answer = match answer {
            UpdateReturn::Answered(answer) => CallUpdateError::of_answer(answer, to, update),
            UpdateReturn::Ended => Err(CallUpdateError::NoAnswer { to, update }),
        };
        self.complete(id, DurableOutput::Updated(answer.map_err(Box::new)), EventKind::Request);
        self.run_code()
    }
}

impl State {
    /// Whether the code waits for the answer of that instance to an update of that run.
    pub(super) fn awaits_update(&self, id: CorrelationId, lineage: u64, from: &InstanceId) -> bool {
        let open = self.buffer.open(id);
        matches!(open, Some(Scheduled::Update { to, lineage: run, .. }) if to == from && *run == lineage)
    }
}

/// What the code gets for an update that was not taken.
pub(super) fn not_taken(why: NotTaken, to: InstanceId, update: Name) -> CallUpdateError<Payload> {
    match why {
        NotTaken::Refused(reason) => CallUpdateError::Refused(reason),
        NotTaken::Finished => CallUpdateError::Finished { to, update },
        NotTaken::UnknownEvent => CallUpdateError::UnknownUpdate { to, update },
        NotTaken::InvalidEventData => {
            let why = "it is not of the declared type".to_string();
            CallUpdateError::WrongRequest { to, update, why }
        }
        NotTaken::Full => CallUpdateError::Full { to, update },
        NotTaken::NotFound | NotTaken::AlreadyExists => CallUpdateError::NotFound { to, update },
    }
}
