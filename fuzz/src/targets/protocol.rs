//! Messages of the Durable Task protocol, to a sidecar on a host in memory.

use std::time::Duration;

use http_body_util::BodyExt;
use prost::Message;
use reenact::prelude::*;
use reenact::{HostOptions, ShardThreads};
use reenact_sidecar::Sidecar;
use reenact_sidecar::proto::{
    self, OrchestrationStatus, OrchestratorAction,
    OrchestratorActionOrchestratorActionType as What, WorkItemRequest,
};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tower::ServiceExt;

use super::console::block_on;

/// Time, on the host's clock, after which an answer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of a message in a stream, before its own: whether it is compressed, and its length.
const FRAME: usize = 5;

/// The methods, but for the streams of workers.
const METHODS: [&str; 27] = [
    "Hello",
    "StartInstance",
    "GetInstance",
    "RewindInstance",
    "RestartInstance",
    "WaitForInstanceStart",
    "WaitForInstanceCompletion",
    "RaiseEvent",
    "TerminateInstance",
    "SuspendInstance",
    "ResumeInstance",
    "QueryInstances",
    "ListInstanceIds",
    "PurgeInstances",
    "StreamInstanceHistory",
    "CompleteActivityTask",
    "CompleteOrchestratorTask",
    "CompleteEntityTask",
    "CreateTaskHub",
    "SignalEntity",
    "GetEntity",
    "QueryEntities",
    "CleanEntityStorage",
    "AbandonTaskActivityWorkItem",
    "AbandonTaskOrchestratorWorkItem",
    "AbandonTaskEntityWorkItem",
    "SkipGracefulOrchestrationTerminations",
];

/// An instance that goes on beside the one whose worker answers anything.
const BESIDE: &str = "beside-7c1f";

/// The first byte says which method, the rest is the message.
pub(super) fn run_call(input: &[u8]) {
    let Some((which, message)) = input.split_first() else { return };
    let method = METHODS[usize::from(*which) % METHODS.len()];
    block_on(async {
        let ground = Ground::new().await;
        ground.start("waiting").await;
        ground.fails_well(method, message.to_vec()).await;
        ground.end().await;
    });
}

/// The first byte says what is answered (a question to an orchestration, an activity, an operation of an entity), the rest
/// is the answer. What it does harms its own instance only.
pub(super) fn run_answer(input: &[u8]) {
    let Some((which, message)) = input.split_first() else { return };
    block_on(async {
        let ground = Ground::new().await;
        let mut work = ground.work().await;
        match which % 3 {
            0 => ground.answer_decision(&mut work, message).await,
            1 => ground.answer_activity(&mut work, message).await,
            _ => ground.answer_operation(&mut work, message).await,
        }
        ground.run_beside(&mut work).await;
        ground.end().await;
    });
}

/// A host with a sidecar, and its service.
struct Ground<S> {
    host: Host,
    sidecar: Sidecar,
    service: S,
}

/// The work of a worker, as it comes.
struct Work {
    body: Body,
    /// Bytes that have come, of messages that nobody has taken.
    come: Vec<u8>,
}

impl Work {
    async fn next(&mut self) -> Option<proto::WorkItem> {
        loop {
            let item = self.message().await?;
            // Signs of life have none.
            if item.request.is_some() {
                return Some(item);
            }
        }
    }

    async fn message(&mut self) -> Option<proto::WorkItem> {
        loop {
            if let Some((frame, rest)) = self.come.split_at_checked(FRAME) {
                let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]) as usize;
                if let Some((message, rest)) = rest.split_at_checked(length) {
                    let item = proto::WorkItem::decode(message);
                    self.come = rest.to_vec();
                    return Some(item.expect("the sidecar writes messages"));
                }
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.ok()??;
            self.come.extend(frame.expect("it goes on").into_data().ok()?);
        }
    }
}

impl Ground<()> {
    async fn new() -> Ground<
        impl Service<
            http::Request<Body>,
            Response = http::Response<Body>,
            Error = std::convert::Infallible,
        > + Clone,
    > {
        let options = HostOptions::new().threads(ShardThreads::OnCallersRuntime);
        let host = Host::builder().options(options).provider(InMemory::new());
        let (sidecar, host) = Sidecar::install(host).expect("the system gives random bytes");
        let host = host.start().await.expect("a host in memory");
        let service = sidecar.service(host.client());
        Ground { host, sidecar, service }
    }
}

impl<S> Ground<S>
where
    S: Service<
            http::Request<Body>,
            Response = http::Response<Body>,
            Error = std::convert::Infallible,
        > + Clone,
{
    /// Calls a method. The answer may never come, but it is not the sidecar's fault.
    async fn fails_well(&self, method: &str, message: Vec<u8>) {
        let called = self.call(method, message);
        let Ok(response) = tokio::time::timeout(PATIENCE, called).await else { return };
        let (head, body) = response.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await;
        let trailers = body.ok().and_then(|body| body.expect("it ends").trailers().cloned());
        for headers in [Some(&head.headers), trailers.as_ref()].into_iter().flatten() {
            let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
            let (status, why) = (text("grpc-status"), text("grpc-message"));
            let is_message = !why.contains("decode");
            let is_at_fault = status == INTERNAL || status == UNKNOWN;
            assert!(!(is_at_fault && is_message), "{method}: {why}");
        }
    }

    async fn call(&self, method: &str, message: Vec<u8>) -> http::Response<Body> {
        let mut framed = vec![0];
        framed.extend((message.len() as u32).to_be_bytes());
        framed.extend(message);
        let request = http::Request::post(format!("/TaskHubSidecarService/{method}"))
            .header("content-type", "application/grpc")
            .body(Body::new(http_body_util::Full::from(framed)))
            .expect("a request");
        let response = self.service.clone().oneshot(request).await;
        response.unwrap_or_else(|never| match never {})
    }

    async fn start(&self, id: &str) {
        let request = proto::CreateInstanceRequest {
            instance_id: id.to_owned(),
            name: "code".to_owned(),
            ..Default::default()
        };
        self.fails_well("StartInstance", request.encode_to_vec()).await;
    }

    async fn work(&self) -> Work {
        let request = proto::GetWorkItemsRequest::default().encode_to_vec();
        Work { body: self.call("GetWorkItems", request).await.into_body(), come: Vec::new() }
    }

    async fn answer_decision(&self, work: &mut Work, message: &[u8]) {
        let Ok(mut answer) = proto::OrchestratorResponse::decode(message) else { return };
        self.start("any").await;
        let item = work.next().await.expect("a question to the code");
        (answer.instance_id, answer.completion_token) = ("any".to_owned(), item.completion_token);
        self.fails_well("CompleteOrchestratorTask", answer.encode_to_vec()).await;
    }

    async fn answer_activity(&self, work: &mut Work, message: &[u8]) {
        let Ok(mut answer) = proto::ActivityResponse::decode(message) else { return };
        self.start("any").await;
        let item = work.next().await.expect("a question to the code");
        let task = proto::ScheduleTaskAction { name: "task".to_owned(), ..Default::default() };
        self.decide("any", item.completion_token, What::ScheduleTask(task)).await;
        let item = work.next().await.expect("an activity");
        let Some(WorkItemRequest::ActivityRequest(asked)) = item.request else {
            panic!("{item:?} is no activity")
        };
        (answer.instance_id, answer.completion_token) = ("any".to_owned(), item.completion_token);
        answer.task_id = asked.task_id;
        self.fails_well("CompleteActivityTask", answer.encode_to_vec()).await;
    }

    async fn answer_operation(&self, work: &mut Work, message: &[u8]) {
        let Ok(mut answer) = proto::EntityBatchResult::decode(message) else { return };
        let signal = proto::SignalEntityRequest {
            instance_id: "@counter@any".to_owned(),
            name: "add".to_owned(),
            request_id: "1".to_owned(),
            ..Default::default()
        };
        self.fails_well("SignalEntity", signal.encode_to_vec()).await;
        let item = work.next().await.expect("an operation");
        answer.completion_token = item.completion_token;
        self.fails_well("CompleteEntityTask", answer.encode_to_vec()).await;
    }

    async fn decide(&self, id: &str, completion_token: String, what: What) {
        let action = OrchestratorAction { id: 1, orchestrator_action_type: Some(what) };
        let answer = proto::OrchestratorResponse {
            instance_id: id.to_owned(),
            actions: vec![action],
            completion_token,
            ..Default::default()
        };
        self.fails_well("CompleteOrchestratorTask", answer.encode_to_vec()).await;
    }

    /// An instance of another client runs to its end, whatever the worker has answered before.
    async fn run_beside(&self, work: &mut Work) {
        self.start(BESIDE).await;
        loop {
            let item = work.next().await.expect("a question to the code of another instance");
            if let Some(WorkItemRequest::OrchestratorRequest(asked)) = item.request
                && asked.instance_id == BESIDE
            {
                let done = proto::CompleteOrchestrationAction {
                    orchestration_status: OrchestrationStatus::Completed.into(),
                    ..Default::default()
                };
                let done = What::CompleteOrchestration(done);
                self.decide(BESIDE, item.completion_token, done).await;
                break;
            }
        }
        let client = self.host.client();
        let result = client.instance::<Option<()>>(BESIDE).result().await;
        result.expect("it ends, whatever others do");
    }

    async fn end(self) {
        self.sidecar.end_service();
        drop(self.service);
        self.host.shutdown().await.expect("it ends");
    }
}

/// Codes of gRPC that say that the server is at fault.
const INTERNAL: &str = "13";
const UNKNOWN: &str = "2";

/// One message of many fields for each method: those that a method does not know are skipped.
pub(super) fn call_seeds() -> Vec<Vec<u8>> {
    let start = proto::CreateInstanceRequest {
        instance_id: "waiting".to_owned(),
        name: "code".to_owned(),
        input: Some("[1]".to_owned()),
        ..Default::default()
    };
    let messages = [start.encode_to_vec(), proto::QueryInstancesRequest::default().encode_to_vec()];
    let seed = |which: usize| move |message: &Vec<u8>| [&[which as u8], &message[..]].concat();
    (0..METHODS.len()).flat_map(|which| messages.iter().map(seed(which))).collect()
}

pub(super) fn answer_seeds() -> Vec<Vec<u8>> {
    let actions = [
        What::ScheduleTask(proto::ScheduleTaskAction {
            name: "task".to_owned(),
            input: Some("7".to_owned()),
            ..Default::default()
        }),
        What::CreateTimer(proto::CreateTimerAction {
            fire_at: Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 7 }),
        }),
        What::CompleteOrchestration(proto::CompleteOrchestrationAction {
            orchestration_status: OrchestrationStatus::ContinuedAsNew.into(),
            result: Some("7".to_owned()),
            ..Default::default()
        }),
    ];
    let decision = |what: &What| {
        let action = OrchestratorAction { id: 1, orchestrator_action_type: Some(what.clone()) };
        let answer = proto::OrchestratorResponse {
            actions: vec![action],
            custom_status: Some("\"s\"".to_owned()),
            ..Default::default()
        };
        [&[0], &answer.encode_to_vec()[..]].concat()
    };
    let activity = proto::ActivityResponse { result: Some("7".to_owned()), ..Default::default() };
    let operation = proto::EntityBatchResult {
        results: vec![proto::OperationResult::default()],
        entity_state: Some("7".to_owned()),
        ..Default::default()
    };
    let mut seeds: Vec<_> = actions.iter().map(decision).collect();
    seeds.push([&[1], &activity.encode_to_vec()[..]].concat());
    seeds.push([&[2], &operation.encode_to_vec()[..]].concat());
    seeds
}
