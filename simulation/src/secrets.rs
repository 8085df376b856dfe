//! What hosts say to the log of their program: the data of users must not be in it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::workload::CANARY;

/// Looks for the canary in all that is said. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    found: Arc<Mutex<Option<String>>>,
    spans: Arc<AtomicU64>,
}

impl Secrets {
    /// Runs something, and says where the canary was.
    pub(crate) fn watch<T>(run: impl FnOnce() -> T) -> (T, Option<String>) {
        let secrets = Self::default();
        let result = tracing::subscriber::with_default(secrets.clone(), run);
        let found = secrets.found().take();
        (result, found)
    }

    fn found(&self) -> MutexGuard<'_, Option<String>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Look)) {
        let mut look = Look(None);
        record(&mut look);
        if let Some(text) = look.0 {
            let place = format!("{} {}: {text}", metadata.target(), metadata.name());
            self.found().get_or_insert(place);
        }
    }
}

/// A field that has the canary.
struct Look(Option<String>);

impl Visit for Look {
    fn record_str(&mut self, field: &Field, value: &str) {
        if value.contains(CANARY) {
            self.0 = Some(format!("{field} = {value}"));
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
        let mut look = Look(None);
        values.record(&mut look);
        if let Some(text) = look.0 {
            self.found().get_or_insert(text);
        }
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.look(event.metadata(), |look| event.record(look));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
