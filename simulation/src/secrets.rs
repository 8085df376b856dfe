//! What hosts say to the log of their program: the data of users must not be in it, and some of it is interesting.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::marks::{self, Marks};
use crate::workload::CANARY;

/// What a host says of an instance whose log it has tried to read for long.
const TRIED_AGAIN: &str = "the log of this instance could not be read for now; trying again";

/// What was found in all that was said.
#[derive(Default)]
pub(crate) struct Said {
    /// Where the canary was first.
    pub(crate) secret: Option<String>,
    pub(crate) marks: Marks,
}

/// Looks for the canary in all that is said. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    said: Arc<Mutex<Said>>,
    spans: Arc<AtomicU64>,
}

impl Secrets {
    /// Runs something, and says what was found in what it said.
    pub(crate) fn watch<T>(run: impl FnOnce() -> T) -> (T, Said) {
        let secrets = Self::default();
        let result = tracing::subscriber::with_default(secrets.clone(), run);
        let said = std::mem::take(&mut *secrets.said());
        (result, said)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Look)) {
        let mut look = Look::default();
        record(&mut look);
        if let Some(text) = look.secret {
            let place = format!("{} {}: {text}", metadata.target(), metadata.name());
            self.said().secret.get_or_insert(place);
        }
        if look.is_tried_again {
            self.said().marks.insert(marks::READ_LATER);
        }
    }
}

/// The fields of something that is said.
#[derive(Default)]
struct Look {
    /// A field that has the canary.
    secret: Option<String>,
    is_tried_again: bool,
}

impl Visit for Look {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.is_tried_again |= value == TRIED_AGAIN;
        if value.contains(CANARY) {
            self.secret = Some(format!("{field} = {value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl Subscriber for Secrets {
    /// Also what the libraries say that it is made of.
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.look(span.metadata(), |look| span.record(look));
        Id::from_u64(1 + self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _span: &Id, values: &Record<'_>) {
        let mut look = Look::default();
        values.record(&mut look);
        if let Some(text) = look.secret {
            self.said().secret.get_or_insert(text);
        }
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.look(event.metadata(), |look| event.record(look));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
