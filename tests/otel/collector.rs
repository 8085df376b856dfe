//! Collects the spans of this process, and writes them on standard output where the process is to be killed.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use opentelemetry::global;
use opentelemetry::trace::Status;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

/// What the tests look at of a span. Ids are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) status: String,
    /// The trace of its first link, or nothing.
    pub(crate) linked: String,
    /// `key=value`, with `,` between them.
    pub(crate) attributes: String,
}

/// The parent of a span that has none.
pub(crate) const NO_PARENT: &str = "0000000000000000";

/// How a line begins that has a span.
const LINE: &str = "SPAN\t";

static SPANS: Mutex<Vec<Span>> = Mutex::new(Vec::new());

/// Makes this process collect spans. They are also written on standard output, if that is wanted.
pub(crate) fn collect(is_written: bool) {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let provider = SdkTracerProvider::builder()
            .with_id_generator(reenact::otel::SpanIds::new())
            .with_simple_exporter(Collector { is_written })
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
struct Collector {
    is_written: bool,
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch.iter().map(Span::of) {
            if self.is_written {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{}", span.line()).and_then(|()| out.flush());
            }
            spans().push(span);
        }
        Ok(())
    }
}

impl Span {
    fn of(data: &SpanData) -> Self {
        let attributes = data.attributes.iter().map(|one| format!("{}={},", one.key, one.value));
        let link = data.links.links.first();
        Self {
            trace: data.span_context.trace_id().to_string(),
            id: data.span_context.span_id().to_string(),
            parent: data.parent_span_id.to_string(),
            name: data.name.to_string(),
            status: match &data.status {
                Status::Unset => "unset".into(),
                Status::Ok => "ok".into(),
                Status::Error { description } => description.to_string(),
            },
            linked: link.map_or(String::new(), |link| link.span_context.trace_id().to_string()),
            attributes: attributes.collect(),
        }
    }

    fn line(&self) -> String {
        let Self { trace, id, parent, name, status, linked, attributes } = self;
        format!("{LINE}{trace}\t{id}\t{parent}\t{name}\t{status}\t{linked}\t{attributes}")
    }

    /// Of a line of another process.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let (_, fields) = line.split_once(LINE)?;
        let fields: Vec<_> = fields.split('\t').map(str::to_owned).collect();
        let [trace, id, parent, name, status, linked, attributes] =
            <[String; 7]>::try_from(fields).ok()?;
        Some(Self { trace, id, parent, name, status, linked, attributes })
    }
}
