//! A child that is open, and the attempts of it: each is an instance of its own.

use alloc::boxed::Box;

use super::ids::id_of_attempt;
use crate::error::ChildError;
use crate::ids::{CorrelationId, InstanceId};
use crate::message::{Message, MessageBody, MessageId};
use crate::open::OpenChild;
use crate::options::ParentClose;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Child {
    /// Of the attempt under way.
    pub(super) start: Message,
    /// The run that has called it.
    pub(super) called_in: u64,
    pub(super) parent_close: ParentClose,
    /// That its start has arrived is an event of its own in the log.
    pub(super) has_arrived: bool,
    /// Of those of which an attempt has failed.
    pub(super) retried: Option<Box<Retried>>,
}

/// What is known of an open child of which an attempt has failed.
#[derive(Clone, Debug)]
pub(super) struct Retried {
    /// The instance of the first attempt.
    pub(super) first: InstanceId,
    /// The run that called it.
    pub(super) lineage: u64,
    /// Attempts that failed, since the call or the newest rewind.
    pub(super) failed: u32,
    pub(super) last_error: Option<Box<ChildError>>,
    /// When the attempt begins, or began, that is under way.
    pub(super) retry_at: Option<Timestamp>,
    /// What the newest failure takes in the log. Stays when it is forgotten for a rewind.
    pub(super) bytes: usize,
}

impl Child {
    pub(super) fn attempt(&self) -> u32 {
        self.retried.as_ref().map_or(1, |retried| retried.failed.saturating_add(1))
    }

    pub(super) fn failed(&mut self, attempt: u32, error: &ChildError, retry_at: Timestamp) {
        let (first, lineage) = match self.retried.take() {
            Some(retried) => (retried.first, retried.lineage),
            None => (self.start.to.clone(), self.called_in),
        };
        self.retried = Some(Box::new(Retried {
            first,
            lineage,
            failed: attempt,
            bytes: error.stored_bytes(),
            last_error: Some(Box::new(error.clone())),
            retry_at: Some(retry_at),
        }));
    }

    /// Makes its start that of the next attempt.
    pub(super) fn next(&mut self, lineage: u64, retry_at: Timestamp) {
        let Some(retried) = &self.retried else { return };
        let attempt = retried.failed.saturating_add(1);
        let rewound_to = (retried.lineage != lineage).then_some(lineage);
        self.has_arrived = false;
        self.start.to = id_of_attempt(&retried.first, attempt, rewound_to);
        self.start.id = MessageId { lineage, attempt, ..self.start.id };
        if let MessageBody::Start { origin, not_before, .. }
        | MessageBody::Replace { origin, not_before, .. } = self.start.body.inner_mut()
        {
            origin.lineage = lineage;
            origin.attempt = attempt;
            *not_before = Some(retry_at);
        }
    }

    /// After a rewind: the attempt under way counts as the first one.
    pub(super) fn begin_anew(&mut self) {
        if let Some(retried) = &mut self.retried {
            retried.failed = 0;
            retried.last_error = None;
            retried.retry_at = None;
        }
    }

    pub(super) fn shown(&self, id: CorrelationId) -> Option<OpenChild> {
        let (name, _) = self.start.body.starts()?;
        let retried = self.retried.as_ref();
        Some(OpenChild {
            id,
            name: name.clone(),
            instance: self.start.to.clone(),
            attempt: self.attempt(),
            last_error: retried.and_then(|retried| retried.last_error.as_deref().cloned()),
            retry_at: retried.and_then(|retried| retried.retry_at),
        })
    }
}
