//! Keeps the events of `tracing` of all threads, for one test at a time.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// An event that was emitted.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<&'static str, String>,
    /// Whether a span of somebody else stands around it.
    pub(crate) is_in_a_span: bool,
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// One test listens at a time.
static LISTENING: Mutex<()> = Mutex::new(());

/// Listens until it is dropped.
pub(crate) struct Listener(
    #[expect(dead_code, reason = "held for its drop")] MutexGuard<'static, ()>,
);

impl Listener {
    pub(crate) fn begin() -> Self {
        static SET: Once = Once::new();
        let guard = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
        SET.call_once(|| tracing::subscriber::set_global_default(Collector).unwrap());
        lines().clear();
        Self(guard)
    }

    /// What was said so far.
    pub(crate) fn all(&self) -> Vec<Line> {
        lines().clone()
    }

    /// What was said of an instance, as "level message".
    pub(crate) fn of(&self, instance: &str) -> Vec<String> {
        let lines = self.all().into_iter();
        let its_own =
            lines.filter(|line| line.fields.get("instance").is_some_and(|id| id == instance));
        its_own.map(|line| format!("{} {}", line.level, line.message)).collect()
    }
}

fn lines() -> MutexGuard<'static, Vec<Line>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Collector;

impl Subscriber for Collector {
    /// As with `RUST_LOG=debug`.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line {
            target: metadata.target(),
            level: *metadata.level(),
            message: String::new(),
            fields: BTreeMap::new(),
            is_in_a_span: !event.is_root(),
        };
        event.record(&mut line);
        lines().push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.message = value,
            name => drop(self.fields.insert(name, value)),
        }
    }
}
