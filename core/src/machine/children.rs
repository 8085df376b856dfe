//! The ends of children and the answers of other instances, as an execution applies them.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::correlation_buffer::Scheduled;
use crate::error::{ChildError, CommandError, SendError};
use crate::event::{Event, EventKind};
use crate::ids::{CorrelationId, InstanceId};
use crate::machine::requests::not_taken;
use crate::machine::{ApplyError, Machine};
use crate::message::{Message, MessageId, MessageKind, NotTaken, Origin};
use crate::open::OpenChild;
use crate::outbox::Outbox;
use crate::output::DurableOutput;
use crate::payload::Payload;
use crate::state::State;
use crate::time::Timestamp;

impl Machine {
    /// Who started the instance, if another one did.
    pub fn origin(&self) -> Option<Origin> {
        self.shared.lock().outbox.origin().cloned()
    }

    /// Number of messages that are not known to have arrived.
    pub fn outbox_len(&self) -> usize {
        self.shared.lock().outbox.len()
    }

    /// A message that is not known to have arrived.
    pub fn message(&self, id: MessageId) -> Option<Message> {
        self.shared.lock().outbox.message(id).cloned()
    }

    /// Whether a [`ConfirmDelivery`](crate::Command::ConfirmDelivery) of a message must not wait. That
    /// a child has begun can wait until the instance goes from memory: what the child sends says so
    /// too.
    pub fn awaits_delivery(&self, id: MessageId) -> bool {
        self.shared.lock().outbox.awaits(id)
    }

    /// All messages that are not known to have arrived: for a shell to deliver once the execution has
    /// ended.
    pub fn outbox(&self) -> Outbox {
        self.shared.lock().outbox.clone()
    }

    pub(super) fn child_ended(
        &mut self,
        id: CorrelationId,
        result: Result<Payload, Box<ChildError>>,
    ) -> Result<(), ApplyError> {
        let kind = match &result {
            Ok(_) => EventKind::ChildCompleted,
            Err(_) => EventKind::ChildFailed,
        };
        let mut state = self.shared.lock();
        let Some(child) = state.buffer.open_child(id).cloned() else {
            // At replay only.
            state.complete_in_vain(id, kind);
            drop(state);
            return self.halted();
        };
        drop(state);
        self.complete(id, DurableOutput::Child(result.map(|output| (child, output))), kind);
        self.run_code()
    }

    /// The code has nothing to do about it; the outbox has the next attempt already.
    pub(super) fn child_attempt_failed(&mut self, id: CorrelationId) -> Result<(), ApplyError> {
        let mut state = self.shared.lock();
        let next = state.outbox.child(id).cloned();
        if !next.is_some_and(|next| state.buffer.next_attempt_of_child(id, next)) {
            // At replay only.
            state.complete_in_vain(id, EventKind::ChildAttemptFailed);
        }
        drop(state);
        self.halted()
    }

    /// The child that is waited for has ended; it may be tried again.
    pub(super) fn accept_end_of_child(
        &self,
        id: CorrelationId,
        result: Result<Payload, Box<ChildError>>,
        at: Timestamp,
    ) -> Event {
        let error = match result {
            Ok(output) => return Event::ChildCompleted { id, output },
            Err(error) => error,
        };
        let state = self.shared.lock();
        let attempt = state.outbox.attempt(id);
        let retry = state.buffer.child_retry(id).filter(|_| error.is_retryable());
        let next = retry.and_then(|retry| {
            Some((retry.next_at(id, attempt, self.seed, at)?, retry.condition()))
        });
        drop(state);
        match next {
            Some((retry_at, condition)) if self.is_retried(condition, &*error) => {
                Event::ChildAttemptFailed { id, attempt, error, retry_at }
            }
            _ => Event::ChildFailed { id, error },
        }
    }

    /// The children that are open, in the order in which they were called, at most `most` of them.
    /// None when the execution has ended.
    pub fn open_children(&self, most: usize) -> Vec<OpenChild> {
        self.shared.lock().outbox.open_children(most)
    }

    pub(super) fn messages_arrived(
        &mut self,
        messages: Vec<(MessageId, Result<(), NotTaken>)>,
    ) -> Result<(), ApplyError> {
        if self.has_ended() {
            return Ok(());
        }
        for (message, taken) in messages {
            let output = self.shared.lock().answer_to(message, taken);
            if let Some(output) = output {
                self.complete(message.id, output, EventKind::MessagesDelivered);
            }
        }
        self.run_code()
    }
}

impl State {
    /// Whether a child is the attempt under way of a call that is open.
    pub(super) fn awaits_child(&self, id: CorrelationId, lineage: u64, child: &InstanceId) -> bool {
        self.outbox.lineage_of(id) == Some(lineage) && self.buffer.open_child(id) == Some(child)
    }

    /// The event of messages that have arrived, if that is new.
    pub(super) fn delivered(&self, mut messages: Vec<MessageId>) -> Option<Event> {
        messages.retain(|id| self.outbox.message(*id).is_some());
        (!messages.is_empty()).then_some(Event::MessagesDelivered { messages, end: None })
    }

    /// The event of a message that is refused for good, if that is new.
    pub(super) fn refused(&self, message: MessageId, why: NotTaken) -> Option<Event> {
        if !self.outbox.message(message)?.body.starts_child() {
            return Some(Event::MessageRefused { message, why });
        }
        let of_this_call = self.outbox.lineage_of(message.id) == Some(message.lineage);
        match self.buffer.open_child(message.id).filter(|_| of_this_call) {
            Some(child) => {
                let error = Box::new(ChildError::AlreadyExists { child: child.clone() });
                Some(Event::ChildFailed { id: message.id, error })
            }
            // Nobody waits for it any more.
            None => self.delivered(vec![message]),
        }
    }

    /// What somebody who waits for an answer to a message gets, if anybody does.
    fn answer_to(&self, message: MessageId, taken: Result<(), NotTaken>) -> Option<DurableOutput> {
        // The number of an answer is no correlation id.
        if !self.outbox.is_own(message.lineage) || message.kind == MessageKind::Return {
            return None;
        }
        match self.buffer.open(message.id)? {
            Scheduled::Start { instance } => {
                let child = instance.clone();
                let exists = |_| Box::new(ChildError::AlreadyExists { child: child.clone() });
                Some(DurableOutput::Started(taken.map(|()| child.clone()).map_err(exists)))
            }
            Scheduled::Send { to, event } => {
                let to = to.clone();
                let event = event.clone();
                Some(DurableOutput::Sent(taken.map_err(|why| {
                    Box::new(match why {
                        NotTaken::Finished => SendError::Finished { to, event },
                        NotTaken::UnknownEvent => SendError::UnknownEvent { to, event },
                        NotTaken::InvalidEventData => SendError::WrongData { to, event },
                        NotTaken::NotFound
                        | NotTaken::AlreadyExists
                        | NotTaken::Refused(_)
                        | NotTaken::Full => SendError::NotFound { to, event },
                    })
                })))
            }
            Scheduled::Command { to, name } => {
                let (to, command) = (to.clone(), *name);
                let refused = |why| match why {
                    NotTaken::Finished => CommandError::Finished { to, command },
                    NotTaken::NotFound
                    | NotTaken::AlreadyExists
                    | NotTaken::UnknownEvent
                    | NotTaken::InvalidEventData
                    | NotTaken::Refused(_)
                    | NotTaken::Full => CommandError::NotFound { to, command },
                };
                Some(DurableOutput::Commanded(taken.map_err(|why| Box::new(refused(why)))))
            }
            // It gives back the lock that was asked for under the same id.
            Scheduled::Update { .. } if message.kind != MessageKind::Update => None,
            Scheduled::Update { to, update, .. } => {
                let (to, update) = (to.clone(), update.clone());
                let refused = |why| Box::new(not_taken(why, to, update));
                Some(DurableOutput::Updated(Err(refused(taken.err()?))))
            }
            Scheduled::Task { .. }
            | Scheduled::Timer { .. }
            | Scheduled::Wait { .. }
            | Scheduled::AnyWait
            | Scheduled::Child { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => None,
        }
    }
}

/// The child of a call, as the parent knows it.
impl Origin {
    /// Whether a message of that sender, about that call, is of the one that started the instance.
    pub fn is(&self, instance: &InstanceId, message: MessageId) -> bool {
        let call = (message.lineage, message.id, message.attempt);
        self.instance == *instance && (self.lineage, self.id, self.attempt) == call
    }
}
