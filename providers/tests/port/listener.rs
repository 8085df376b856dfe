//! A listener that keeps everything that is logged in a process, by any library and at any level.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What was heard. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<String>>);

/// Listens from now on.
pub(crate) fn listen() -> Heard {
    let heard = Heard::default();
    tracing::subscriber::set_global_default(heard.clone()).unwrap();
    log::set_boxed_logger(Box::new(heard.clone())).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    heard
}

impl Heard {
    pub(crate) fn all(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn line(&self, write: impl FnOnce(&mut String)) {
        // Written first, for what is printed may log in its turn.
        let mut line = String::new();
        write(&mut line);
        let mut all = self.0.lock().unwrap();
        all.push_str(&line);
        all.push('\n');
    }
}

impl Subscriber for Heard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(|line| {
            line.push_str(span.metadata().name());
            span.record(&mut Words(line));
        });
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.line(|line| values.record(&mut Words(line)));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line(|line| {
            line.push_str(event.metadata().target());
            event.record(&mut Words(line));
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Heard {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.line(|line| {
            let _ = write!(line, "{} {}", record.target(), record.args());
        });
    }

    fn flush(&self) {}
}

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}
