//! The attempts of the children that are open: each is an instance of its own.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::{Child, Outbox, short_id};
use crate::error::ChildError;
use crate::ids::{CorrelationId, InstanceId};
use crate::message::{Message, MessageBody, MessageId};
use crate::open::OpenChild;
use crate::time::Timestamp;

/// What is known of an open child of which an attempt has failed.
#[derive(Clone, Debug)]
pub(super) struct Retried {
    /// The instance of the first attempt.
    first: InstanceId,
    /// The run that called it.
    lineage: u64,
    /// Attempts that failed, since the call or the newest rewind.
    failed: u32,
    last_error: Option<Box<ChildError>>,
    /// When the attempt begins, or began, that is under way.
    retry_at: Option<Timestamp>,
    /// What the newest failure takes in the log. Stays when it is forgotten for a rewind.
    bytes: usize,
}

impl Outbox {
    /// The children that are open, in the order in which they were called, but no more than so many.
    pub fn open_children(&self, most: usize) -> Vec<OpenChild> {
        let open = self.content.iter().flat_map(|content| &content.open);
        open.filter_map(|(id, child)| child.shown(*id)).take(most).collect()
    }

    /// The instance of the attempt under way, of a child that is open.
    pub(crate) fn child(&self, id: CorrelationId) -> Option<&InstanceId> {
        Some(&self.open_child(id)?.start.to)
    }

    /// The number of the attempt under way, of a child that is open; the first is 1.
    pub(crate) fn attempt(&self, id: CorrelationId) -> u32 {
        self.open_child(id).map_or(1, Child::attempt)
    }

    /// What the failure of an attempt of a child supersedes: number of events, and their payload bytes.
    pub(crate) fn superseded_by_failure(&self, id: CorrelationId) -> (u64, usize) {
        let Some(child) = self.open_child(id) else { return (0, 0) };
        let failures = child.retried.as_ref().map(|retried| retried.bytes);
        let events = u64::from(failures.is_some()) + u64::from(child.is_told);
        (events, failures.unwrap_or_default())
    }

    /// As the [`History`](crate::History) does: the next failure takes the place of that as well.
    pub(super) fn note_delivery(&mut self, messages: &[MessageId]) {
        let [message] = messages else { return };
        let (lineage, content) = (self.lineage, self.content.as_mut());
        let child = content.and_then(|content| content.open.get_mut(&message.id));
        if let Some(child) = child.filter(|_| message.is_start_of(lineage)) {
            child.is_told = true;
        }
    }

    fn open_child(&self, id: CorrelationId) -> Option<&Child> {
        self.content.as_ref()?.open.get(&id)
    }

    /// An attempt has failed: the next one is started, to wait where it is until its time has come.
    pub(super) fn start_next(
        &mut self,
        id: CorrelationId,
        attempt: u32,
        error: &ChildError,
        retry_at: Timestamp,
    ) -> Vec<Message> {
        let lineage = self.lineage;
        let Some(child) = self.content().open.get_mut(&id) else { return Vec::new() };
        let before = child.start.id;
        child.failed(attempt, error, retry_at);
        child.next(lineage, retry_at);
        let start = child.start.clone();
        let mut released = self.take(before);
        released.extend(self.put(start));
        released
    }
}

impl Child {
    fn attempt(&self) -> u32 {
        self.retried.as_ref().map_or(1, |retried| retried.failed.saturating_add(1))
    }

    fn failed(&mut self, attempt: u32, error: &ChildError, retry_at: Timestamp) {
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
    fn next(&mut self, lineage: u64, retry_at: Timestamp) {
        let Some(retried) = &self.retried else { return };
        let attempt = retried.failed.saturating_add(1);
        let rewound_to = (retried.lineage != lineage).then_some(lineage);
        self.is_told = false;
        self.start.to = id_of_attempt(&retried.first, attempt, rewound_to);
        self.start.id = MessageId { lineage, attempt, ..self.start.id };
        if let MessageBody::Start { origin, not_before, .. }
        | MessageBody::Replace { origin, not_before, .. } = &mut self.start.body
        {
            (origin.lineage, origin.attempt) = (lineage, attempt);
            *not_before = Some(retry_at);
        }
    }

    /// After a rewind: the attempt under way counts as the first one.
    pub(super) fn begin_anew(&mut self) {
        if let Some(retried) = &mut self.retried {
            (retried.failed, retried.last_error, retried.retry_at) = (0, None, None);
        }
    }

    fn shown(&self, id: CorrelationId) -> Option<OpenChild> {
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

/// The id of a further attempt: that of the first one, and the number. Attempts that were made before a
/// rewind may have had the same number, so behind one the run is in it as well.
fn id_of_attempt(first: &InstanceId, attempt: u32, rewound_to: Option<u64>) -> InstanceId {
    let readable = match rewound_to {
        None => InstanceId::new(format!("{first}~{attempt}")),
        Some(run) => {
            let run = (run ^ (run >> 32)) & 0xffff_ffff;
            InstanceId::new(format!("{first}~{attempt}-{run:08x}"))
        }
    };
    readable.unwrap_or_else(|_| short_id(first, rewound_to.unwrap_or_default(), attempt.into()))
}
