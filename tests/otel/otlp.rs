//! A collector of OpenTelemetry in this process, and the exporter with which other processes send it their spans.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry::global;
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanExporter,
};
use prost::Message;
use tokio::runtime::Runtime;

use crate::collector::Span;

/// A collector, until it is dropped.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Receiver<Span>,
    _runtime: Runtime,
}

impl Collector {
    /// Listens at an address of this machine.
    pub(crate) fn begin() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::channel();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(sender);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, received, _runtime: runtime }
    }

    /// The next span, which comes within a minute.
    pub(crate) fn next(&self) -> Span {
        self.received.recv_timeout(Duration::from_secs(60)).expect("a span comes")
    }

    /// The spans that have come and were not looked at.
    pub(crate) fn rest(&self) -> Vec<Span> {
        self.received.try_iter().collect()
    }
}

async fn receive(State(received): State<Sender<Span>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    for span in scopes.flat_map(|scope| scope.spans) {
        if received.send(Span::of(span)).is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::OK
}

/// Makes this process send its spans to a collector. They leave in the order in which they end, and soon.
pub(crate) fn send_to(address: &str) -> SdkTracerProvider {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{address}/v1/traces"))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_id_generator(reenact::otel::SpanIds::new())
        .with_span_processor(soon(exporter.unwrap()))
        .build();
    global::set_tracer_provider(provider.clone());
    provider
}

fn soon(exporter: impl SpanExporter + 'static) -> BatchSpanProcessor {
    let soon = BatchConfigBuilder::default().with_scheduled_delay(Duration::from_millis(5));
    BatchSpanProcessor::builder(exporter).with_batch_config(soon.build()).build()
}
