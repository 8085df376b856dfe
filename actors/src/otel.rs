//! Spans of OpenTelemetry with ids that follow from the log.
//!
//! A program that wants spans installs a tracer provider of its own as the global one, with [`SpanIds`] as the
//! generator of ids. See `docs/telemetry.md`.

mod emit;

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, trace};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use reenact_core::TraceContext;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub(crate) use emit::{FinishedSpan, How, SpanLink, emit};

/// Whether a generator of ids was made: without one, no span has the id that follows from the log.
static IS_ON: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The ids of the span that is being built on this thread.
    static GIVEN: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Gives spans of instances the ids that follow from their logs, and all other spans random ones. Once one is made,
/// hosts of this process emit spans.
///
/// ```no_run
/// let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
///     .with_id_generator(reenact_actors::otel::SpanIds::new())
///     .build();
/// opentelemetry::global::set_tracer_provider(provider);
/// ```
#[derive(Debug)]
pub struct SpanIds(RandomIdGenerator);

impl SpanIds {
    /// A generator, and from now on spans.
    pub fn new() -> Self {
        IS_ON.store(true, Ordering::Release);
        Self(RandomIdGenerator::default())
    }
}

impl Default for SpanIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdGenerator for SpanIds {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        GIVEN.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}

/// Whether spans are emitted.
pub(crate) fn is_on() -> bool {
    IS_ON.load(Ordering::Acquire)
}

/// The trace in which the caller works.
pub(crate) fn current() -> Option<TraceContext> {
    if !is_on() {
        return None;
    }
    let of_tracing = tracing::Span::current().context();
    let of_tracing = of_tracing.span().span_context().clone();
    let context = if of_tracing.is_valid() {
        of_tracing
    } else {
        Context::current().span().span_context().clone()
    };
    let ids = (context.trace_id().to_bytes(), context.span_id().to_bytes());
    let traced = TraceContext::new(ids.0, ids.1, context.trace_flags().to_u8()).ok()?;
    // A state that is too long is of no use to anybody.
    Some(traced.clone().with_state(&context.trace_state().header()).unwrap_or(traced))
}

/// A context as OpenTelemetry has it.
fn span_context(context: &TraceContext) -> SpanContext {
    let state = context.state().parse::<TraceState>().unwrap_or_default();
    SpanContext::new(
        TraceId::from_bytes(context.trace_id()),
        SpanId::from_bytes(context.span_id()),
        TraceFlags::new(context.flags()),
        true,
        state,
    )
}

/// What runs under a span of the log.
fn under(context: &TraceContext) -> Context {
    Context::new().with_remote_span_context(span_context(context))
}

/// The code of an activity, in a span of `tracing` and under a span of the log. What it calls hangs below.
pub(crate) fn run_under<T>(
    context: &TraceContext,
    span: tracing::Span,
    code: impl Future<Output = T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    let context = under(context);
    // A subscriber without a layer of OpenTelemetry has no use for it.
    let _ = span.set_parent(context.clone());
    Box::pin(code.instrument(span).with_context(context))
}

/// Builds a span under these ids.
fn with_ids<S: trace::Span>(context: &TraceContext, build: impl FnOnce() -> S) -> S {
    let ids = (TraceId::from_bytes(context.trace_id()), SpanId::from_bytes(context.span_id()));
    GIVEN.set(Some(ids));
    let span = build();
    GIVEN.set(None);
    span
}
