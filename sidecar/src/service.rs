//! The service of the protocol: its methods by their names, and what they share.

mod deadline;
mod entities;
mod instances;
mod lists;
mod state;
mod work;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use reenact::{Client, Error, ErrorKind, InstanceId};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http;
use tonic::server::Grpc;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::guard::Guard;
use crate::limits::MAX_MESSAGE_BYTES;
use crate::sidecar::Shared;

/// What the path of each method begins with.
const SERVICE: &str = "/TaskHubSidecarService/";

/// The service, for one connection or for many. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TaskHub {
    hub: Hub,
    guard: Arc<Guard>,
}

/// What the methods work on.
#[derive(Clone, Debug)]
struct Hub {
    shared: Arc<Shared>,
    client: Client,
}

type Reply = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl TaskHub {
    pub(crate) fn new(shared: Arc<Shared>, client: Client, guard: Guard) -> Self {
        Self { hub: Hub { shared, client }, guard: Arc::new(guard) }
    }
}

impl Service<http::Request<Body>> for TaskHub {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Reply {
        if let Err(refused) = self.guard.check(request.headers()) {
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        let hub = self.hub.clone();
        let limit = deadline::of(request.headers());
        Box::pin(async move { Ok(deadline::within(limit, hub.call(request)).await) })
    }
}

impl Hub {
    async fn call(self, request: http::Request<Body>) -> http::Response<Body> {
        let path = request.uri().path().to_owned();
        match path.strip_prefix(SERVICE).unwrap_or_default() {
            "Hello" => self.unary(request, |_, ()| async { Ok(()) }).await,
            "StartInstance" => self.unary(request, Self::start_instance).await,
            "GetInstance" => self.unary(request, Self::get_instance).await,
            "RewindInstance" => self.unary(request, Self::rewind_instance).await,
            "RestartInstance" => self.unary(request, Self::restart_instance).await,
            "WaitForInstanceStart" => self.unary(request, Self::wait_for_start).await,
            "WaitForInstanceCompletion" => self.unary(request, Self::wait_for_completion).await,
            "RaiseEvent" => self.unary(request, Self::raise_event).await,
            "TerminateInstance" => self.unary(request, Self::terminate_instance).await,
            "SuspendInstance" => self.unary(request, Self::suspend_instance).await,
            "ResumeInstance" => self.unary(request, Self::resume_instance).await,
            "QueryInstances" => self.unary(request, Self::query_instances).await,
            "ListInstanceIds" => self.unary(request, Self::list_instance_ids).await,
            "PurgeInstances" => self.unary(request, Self::purge_instances).await,
            "GetWorkItems" => self.stream(request, Self::get_work_items).await,
            "CompleteActivityTask" => self.unary(request, Self::complete_activity).await,
            "CompleteOrchestratorTask" => self.unary(request, Self::complete_orchestrator).await,
            "CompleteEntityTask" => self.unary(request, Self::complete_entity).await,
            "StreamInstanceHistory" => self.stream(request, Self::stream_history).await,
            "CreateTaskHub" => self.unary(request, Self::create_task_hub).await,
            "DeleteTaskHub" => self.unary(request, Self::delete_task_hub).await,
            "SignalEntity" => self.unary(request, Self::signal_entity).await,
            "GetEntity" => self.unary(request, Self::get_entity).await,
            "QueryEntities" => self.unary(request, Self::query_entities).await,
            "CleanEntityStorage" => self.unary(request, Self::clean_entity_storage).await,
            "AbandonTaskActivityWorkItem" => self.unary(request, Self::abandon_activity).await,
            "AbandonTaskOrchestratorWorkItem" => {
                self.unary(request, Self::abandon_orchestrator).await
            }
            "AbandonTaskEntityWorkItem" => self.unary(request, Self::abandon_entity).await,
            "SkipGracefulOrchestrationTerminations" => {
                self.unary(request, Self::skip_graceful_terminations).await
            }
            _ => Status::unimplemented(format!("there is no method `{path}`")).into_http(),
        }
    }

    /// One request, one answer.
    async fn unary<Q, A, F>(
        self,
        request: http::Request<Body>,
        method: fn(Self, Q) -> F,
    ) -> http::Response<Body>
    where
        Q: prost::Message + Default + 'static,
        A: prost::Message + Default + 'static,
        F: Future<Output = Result<A, Status>> + Send + 'static,
    {
        let service = service_fn(move |request: Request<Q>| {
            let answer = method(self.clone(), request.into_inner());
            async move { answer.await.map(Response::new) }
        });
        grpc::<A, Q>().unary(service, request).await
    }

    /// One request, many answers.
    async fn stream<Q, A, S, F>(
        self,
        request: http::Request<Body>,
        method: fn(Self, Q) -> F,
    ) -> http::Response<Body>
    where
        Q: prost::Message + Default + 'static,
        A: prost::Message + Default + 'static,
        S: Stream<Item = Result<A, Status>> + Send + 'static,
        F: Future<Output = Result<S, Status>> + Send + 'static,
    {
        let service = service_fn(move |request: Request<Q>| {
            let answers = method(self.clone(), request.into_inner());
            async move { answers.await.map(Response::new) }
        });
        grpc::<A, Q>().server_streaming(service, request).await
    }
}

fn grpc<A, Q>() -> Grpc<ProstCodec<A, Q>>
where
    A: prost::Message + Send + 'static,
    Q: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .apply_max_message_size_config(Some(MAX_MESSAGE_BYTES), Some(usize::MAX))
}

/// The status that clients of the protocol expect for an error.
fn status_of(error: Error) -> Status {
    let code = match error.kind() {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::NotFound | ErrorKind::NotRegistered => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Finished
        | ErrorKind::NotYet
        | ErrorKind::Parked
        | ErrorKind::Failed
        | ErrorKind::Stopped
        | ErrorKind::Setup
        | ErrorKind::ReadOnly => Code::FailedPrecondition,
        ErrorKind::Busy => Code::ResourceExhausted,
        ErrorKind::ShuttingDown | ErrorKind::Uncertain | ErrorKind::Store => Code::Unavailable,
        ErrorKind::Unreadable => Code::DataLoss,
        _ => Code::Internal,
    };
    Status::new(code, error.to_string())
}

/// The id of an instance in a request.
fn id_of(text: &str) -> Result<InstanceId, Status> {
    InstanceId::new(text).map_err(|why| Status::invalid_argument(why.to_string()))
}
