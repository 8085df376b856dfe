//! `Shared`: what all handlers of a console share.

use std::fmt;
use std::sync::Arc;

use reenact_actors::Access;
use tokio::sync::{Semaphore, watch};

use crate::bulk::Bulks;
use crate::guard::{Forms, WrongTokens};
use crate::hour::HourKeeper;
use crate::limits::{MAX_IMPORTS_RUNNING, MAX_STREAMS};
use crate::options::ConsoleOptions;
use crate::shown::Shown;

/// What all handlers of a console share. Cheap to clone; it is the state of the router.
#[derive(Clone)]
pub(crate) struct Shared {
    inner: Arc<Inner>,
}

struct Inner {
    access: Access,
    options: ConsoleOptions,
    forms: Forms,
    wrong_tokens: WrongTokens,
    bulks: Bulks,
    hour: HourKeeper,
    streams: Arc<Semaphore>,
    imports: Arc<Semaphore>,
    /// Whether the console ends. Its sender is with the one who serves it; a router in a program has none.
    ending: Option<watch::Receiver<bool>>,
}

impl Shared {
    pub(crate) fn new(
        access: Access,
        mut options: ConsoleOptions,
        ending: Option<watch::Receiver<bool>>,
    ) -> Self {
        options.read_only |= access.is_read_only();
        let forms = Forms::new(&options.guard);
        let inner = Inner {
            access,
            options,
            forms,
            wrong_tokens: WrongTokens::default(),
            bulks: Bulks::default(),
            hour: HourKeeper::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            imports: Arc::new(Semaphore::new(MAX_IMPORTS_RUNNING)),
            ending,
        };
        inner.hour.begin(&inner.access);
        Self { inner: Arc::new(inner) }
    }

    /// Whether the console, or its host, ends: then what is open is to end soon.
    pub(crate) fn is_ending(&self) -> bool {
        let ends = self.inner.ending.as_ref().is_some_and(|ending| {
            // Without a sender, the console was dropped.
            *ending.borrow() || ending.has_changed().is_err()
        });
        ends || self.access().is_shutting_down()
    }

    /// Returns when the console ends. The end of its host is to be looked for.
    pub(crate) async fn until_ended(&self) {
        match self.inner.ending.clone() {
            // An error says that the console was dropped.
            Some(mut ending) => drop(ending.wait_for(|is_ending| *is_ending).await),
            None => std::future::pending().await,
        }
    }

    /// Whether payloads are shown as the program of the console wants it, and not as they are.
    pub(crate) fn redacts(&self) -> bool {
        self.inner.options.redact.is_some()
    }

    /// The bulk actions.
    pub(crate) fn bulks(&self) -> &Bulks {
        &self.inner.bulks
    }

    /// The places for streams.
    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.inner.streams
    }

    /// The places for imports.
    pub(crate) fn imports(&self) -> &Arc<Semaphore> {
        &self.inner.imports
    }

    /// The instances.
    pub(crate) fn access(&self) -> &Access {
        &self.inner.access
    }

    /// The last hour of the host. It is kept from the first call within a runtime on.
    pub(crate) fn hour(&self) -> &HourKeeper {
        self.inner.hour.begin(&self.inner.access);
        &self.inner.hour
    }

    /// What the console may do.
    pub(crate) fn options(&self) -> &ConsoleOptions {
        &self.inner.options
    }

    /// The tokens of forms.
    pub(crate) fn forms(&self) -> &Forms {
        &self.inner.forms
    }

    /// Those who wait for the answer to a wrong token.
    pub(crate) fn wrong_tokens(&self) -> &WrongTokens {
        &self.inner.wrong_tokens
    }

    /// Shows values of an instance.
    pub(crate) fn shown<'a>(&'a self, instance: &'a str) -> Shown<'a> {
        Shown::of(&self.inner.options, Some(instance))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.inner.options).finish_non_exhaustive()
    }
}
