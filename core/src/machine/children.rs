//! What an execution hears of other instances, and what it has to tell them.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::child::ChildError;
use crate::event::Event;
use crate::future::DurableOutput;
use crate::ids::{CorrelationId, InstanceId};
use crate::machine::{ApplyError, Machine};
use crate::message::{Message, MessageBody, MessageId, NotTaken, Origin, Relation};
use crate::outbox::Outbox;
use crate::payload::Payload;
use crate::send::SendError;
use crate::slots::Scheduled;
use crate::state::State;

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

    /// All messages that are not known to have arrived: for a shell to see to once the execution has
    /// ended.
    pub fn outbox(&self) -> Outbox {
        self.shared.lock().outbox.clone()
    }

    pub(super) fn child_ended(
        &mut self,
        id: CorrelationId,
        result: Result<Payload, Box<ChildError>>,
    ) -> Result<(), ApplyError> {
        let kind = if result.is_ok() { "ChildCompleted" } else { "ChildFailed" };
        let mut state = self.shared.lock();
        let Some(child) = state.buffer.open_child(id).cloned() else {
            // At replay only.
            state.complete_in_vain(id, kind);
            drop(state);
            return self.halted();
        };
        drop(state);
        self.complete(id, DurableOutput::Child(result.map(|output| (child, output))), kind);
        self.go_on()
    }

    pub(super) fn messages_arrived(
        &mut self,
        messages: Vec<(MessageId, Result<(), NotTaken>)>,
    ) -> Result<(), ApplyError> {
        if self.outcome.is_some() {
            return Ok(());
        }
        for (message, taken) in messages {
            let output = self.shared.lock().answer_to(message, taken);
            if let Some(output) = output {
                self.complete(message.id, output, "MessagesDelivered");
            }
        }
        self.go_on()
    }
}

impl State {
    /// The event of messages that have arrived, if that is new.
    pub(super) fn delivered(&self, mut messages: Vec<MessageId>) -> Option<Event> {
        messages.retain(|id| self.outbox.message(*id).is_some());
        (!messages.is_empty()).then_some(Event::MessagesDelivered { messages, end: None })
    }

    /// The event of a message that is refused for good, if that is new.
    pub(super) fn refused(&self, message: MessageId, why: NotTaken) -> Option<Event> {
        let MessageBody::Start { origin, .. } = &self.outbox.message(message)?.body else {
            return Some(Event::MessageRefused { message, why });
        };
        if origin.relation == Relation::Detached {
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
        if !self.outbox.is_own(message.lineage) {
            return None;
        }
        match self.buffer.open(message.id)? {
            Scheduled::Start { instance } => {
                let child = instance.clone();
                let exists = |_| Box::new(ChildError::AlreadyExists { child: child.clone() });
                Some(DurableOutput::Started(taken.map(|()| child.clone()).map_err(exists)))
            }
            Scheduled::Send { to, event } => {
                let (to, event) = (to.clone(), event.clone());
                Some(DurableOutput::Sent(taken.map_err(|why| {
                    Box::new(match why {
                        NotTaken::Finished => SendError::Finished { to, event },
                        _ => SendError::NotFound { to, event },
                    })
                })))
            }
            _ => None,
        }
    }
}

/// The child of a call, for whoever knows the parent.
impl Origin {
    /// Whether a message of that sender, about that call, is of the one that started the instance.
    pub fn is(&self, instance: &InstanceId, message: MessageId) -> bool {
        self.instance == *instance && self.lineage == message.lineage && self.id == message.id
    }
}
