//! Collects spans: those of this process, and those that other processes send by OTLP.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use opentelemetry::global;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as SentSpan;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

/// What the tests look at of a span. Ids are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where there is none.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// `ok`, `unset`, or the error.
    pub(crate) status: String,
    pub(crate) links: Vec<Link>,
    /// `key=value`, with `,` after each.
    pub(crate) attributes: String,
}

/// A span that another one is linked to, with the attributes of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) attributes: String,
}

static SPANS: Mutex<Vec<Span>> = Mutex::new(Vec::new());

/// Makes this process collect its spans.
pub(crate) fn collect() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let provider = SdkTracerProvider::builder()
            .with_id_generator(reenact::otel::SpanIds::new())
            .with_simple_exporter(Collector)
            .build();
        global::set_tracer_provider(provider);
    });
}

/// The spans of a trace.
pub(crate) fn of_trace(trace: &str) -> Vec<Span> {
    spans().iter().filter(|span| span.trace == trace).cloned().collect()
}

/// The spans of an instance.
pub(crate) fn of_instance(id: &str) -> Vec<Span> {
    let wanted = format!("durabletask.task.instance_id={id},");
    spans().iter().filter(|span| span.attributes.contains(&wanted)).cloned().collect()
}

/// Fails when two of the spans have one id.
pub(crate) fn assert_none_twice(spans: &[Span]) {
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), spans.len(), "{spans:#?}");
}

/// The only span of that name whose attributes have this.
pub(crate) fn one<'a>(spans: &'a [Span], name: &str, has: &str) -> &'a Span {
    let found: Vec<_> =
        spans.iter().filter(|span| span.name == name && span.attributes.contains(has)).collect();
    let [one] = found[..] else { panic!("{name} {has}: {found:#?} of {spans:#?}") };
    one
}

fn spans() -> MutexGuard<'static, Vec<Span>> {
    SPANS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Collector;

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        spans().extend(batch.into_iter().map(|data| Span::of(SentSpan::from(data))));
        Ok(())
    }
}

impl Span {
    /// A span in the form in which it goes to a collector.
    pub(crate) fn of(sent: SentSpan) -> Self {
        let status = sent.status.unwrap_or_default();
        let links = sent.links.into_iter().map(|link| Link {
            trace: hex(&link.trace_id),
            id: hex(&link.span_id),
            attributes: text(&link.attributes),
        });
        Self {
            trace: hex(&sent.trace_id),
            id: hex(&sent.span_id),
            parent: hex(&sent.parent_span_id),
            name: sent.name,
            status: match status.code() {
                StatusCode::Unset => "unset".into(),
                StatusCode::Ok => "ok".into(),
                StatusCode::Error => status.message,
            },
            links: links.collect(),
            attributes: text(&sent.attributes),
        }
    }

    /// The ids of the spans that it is linked to, each with the attributes of the link.
    pub(crate) fn linked(&self) -> Vec<(&str, &str, &str)> {
        let links = self.links.iter();
        links.map(|link| (&*link.trace, &*link.id, &*link.attributes)).collect()
    }
}

/// Nothing for an id that is zero: there is none.
pub(crate) fn hex(id: &[u8]) -> String {
    if id.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue]) -> String {
    let value = |value: &Option<AnyValue>| match value.as_ref().and_then(|one| one.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|one| format!("{}={},", one.key, value(&one.value))).collect()
}
