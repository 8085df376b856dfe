//! Emits a span that has ended, with the times of the log.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Link, Span, SpanBuilder, SpanKind, Status, Tracer};
use opentelemetry::{Context, KeyValue, global};
use reenact_core::{Timestamp, TraceContext};

use super::{span_context, under, with_ids};

/// The name of the instrumentation.
const SCOPE: &str = "reenact";

/// A span that has ended.
#[derive(Clone, Debug)]
pub(crate) struct FinishedSpan {
    /// Its ids.
    pub(crate) own: TraceContext,
    pub(crate) parent: Option<TraceContext>,
    pub(crate) links: Vec<SpanLink>,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) how: How,
}

/// Another span that it has to do with.
#[derive(Clone, Debug)]
pub(crate) struct SpanLink {
    pub(crate) to: TraceContext,
    /// What somebody asked for there: `cancel`, `terminate`, `suspend` or `resume`.
    pub(crate) command: Option<&'static str>,
}

impl SpanLink {
    pub(crate) const fn to(to: TraceContext) -> Self {
        Self { to, command: None }
    }
}

/// How it has ended.
#[derive(Clone, Debug)]
pub(crate) enum How {
    /// As it should.
    Well,
    /// With this error.
    Failed(String),
    /// Because nobody waits for it any more.
    CalledOff,
}

/// Emits a span, to the global tracer provider.
pub(crate) fn emit(span: FinishedSpan) {
    let FinishedSpan { own, parent, links, name, kind, start, end, attributes, how } = span;
    let parent = parent.as_ref().map_or_else(Context::new, under);
    let links = links.iter().map(link).collect();
    let builder = SpanBuilder::from_name(name)
        .with_kind(kind)
        .with_start_time(time(start))
        .with_attributes(attributes)
        .with_links(links);
    let tracer = global::tracer(SCOPE);
    let mut span = with_ids(&own, || tracer.build_with_context(builder, &parent));
    span.set_status(match how {
        How::Well => Status::Ok,
        How::Failed(error) => Status::Error { description: Cow::Owned(error) },
        How::CalledOff => Status::Unset,
    });
    span.end_with_timestamp(time(end));
}

fn link(SpanLink { to, command }: &SpanLink) -> Link {
    let command = command.map(|command| KeyValue::new("reenact.command", command));
    Link::new(span_context(to), command.into_iter().collect(), 0)
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(at.as_micros())
}
