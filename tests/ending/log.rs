//! What a host says when it ends.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reenact::InMemory;
use reenact::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::kit::{Gate, guard, options};
use crate::scene::{Scratch, echo, has_children, host, waits, works};

/// Keeps what is worse than information.
#[derive(Clone, Default)]
struct Complaints(Arc<Mutex<Vec<String>>>);

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Complaints {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = event.metadata().level().to_string();
        event.record(&mut Text(&mut text));
        self.0.lock().unwrap().push(text);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Everything runs on this thread, so that the complaints of other tests are not heard.
#[tokio::test(flavor = "current_thread")]
async fn a_graceful_end_is_silent() {
    let heard = Complaints::default();
    let _listening = tracing::subscriber::set_default(heard.clone());
    for round in 0..60 {
        let gate = Gate::open();
        let builder = match round % 3 {
            0 => host(InMemory::new(), &gate),
            1 => host(InMemory::new().shared(), &gate),
            _ => host(InMemory::new().with_shards(8), &gate),
        };
        let host = builder.start().await.unwrap();
        if round % 2 == 0 {
            assert_eq!(guard(host.start_new(echo, 1).await.unwrap().result()).await.unwrap(), 1);
        }
        if round % 5 != 0 {
            host.start_new(waits, ()).await.unwrap();
            host.start_new(works, ()).await.unwrap();
            host.start_new(has_children, ()).await.unwrap();
        }
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        guard(host.shutdown()).await.unwrap();
    }
    assert_eq!(*heard.0.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn a_graceful_end_on_a_disk_is_silent() {
    let heard = Complaints::default();
    let _listening = tracing::subscriber::set_default(heard.clone());
    let scratch = Scratch::new();
    for _ in 0..5 {
        let host = host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap();
        host.start_new(waits, ()).await.unwrap();
        host.start_new(has_children, ()).await.unwrap();
        guard(host.shutdown()).await.unwrap();
    }
    assert_eq!(*heard.0.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn activities_past_the_deadline_are_worth_a_warning_and_nothing_else_is() {
    let heard = Complaints::default();
    let _listening = tracing::subscriber::set_default(heard.clone());
    let gate = Gate::closed();
    let hasty = HostOptions { shutdown_deadline: Duration::ZERO, ..options() };
    let host = host(InMemory::new(), &gate).options(hasty).start().await.unwrap();
    host.start_new(works, ()).await.unwrap();
    gate.until_came(1).await;
    guard(host.shutdown()).await.unwrap();
    let heard = heard.0.lock().unwrap();
    assert!(matches!(&heard[..], [one] if one.contains("shutdown deadline")), "{heard:?}");
}
