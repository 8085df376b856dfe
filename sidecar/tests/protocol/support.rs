//! A sidecar on a free port, a client, and workers whose code is given by the tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use reenact::HostBuilder;
use reenact::prelude::*;
use reenact_sidecar::proto::{
    self, HistoryEvent, HistoryEventEventType as Kind, OrchestrationState, OrchestrationStatus,
    OrchestratorAction, OrchestratorActionOrchestratorActionType as What, WorkItemRequest,
};
use reenact_sidecar::{ServeOptions, Server, Sidecar};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

/// How long a test waits for what must happen. Long, as machines under load are slow.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for what must happen, and fails with what was awaited where it does not.
pub(crate) async fn soon<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, awaited).await {
        Ok(happened) => happened,
        Err(_) => panic!("{what}: it has not come in {LIMIT:?}"),
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the end of the world: it has not come in 60s")]
async fn what_never_comes_fails_a_test_and_says_what_it_was() {
    soon("the end of the world", std::future::pending::<()>()).await;
}

/// A host with a sidecar, and a connection to it.
pub(crate) struct Ground {
    pub(crate) host: Host,
    pub(crate) server: Server,
    pub(crate) client: Connection,
}

impl Ground {
    pub(crate) async fn in_memory() -> Self {
        Self::of(Host::builder().provider(InMemory::new())).await
    }

    pub(crate) async fn in_directory(directory: &Path) -> Self {
        Self::of(Host::builder().provider(Local::open(directory).unwrap())).await
    }

    pub(crate) async fn of(host: HostBuilder) -> Self {
        let (sidecar, host) = Sidecar::install(host).unwrap();
        let host = soon("the start of the host", host.start()).await.unwrap();
        let options = ServeOptions::new();
        let server = sidecar.serve(host.client(), "127.0.0.1:0", options).await.unwrap();
        let client = Connection::to(&server).await;
        Self { host, server, client }
    }

    pub(crate) async fn end(self) {
        drop(self.client);
        soon("the end of the server", self.server.shutdown()).await;
        soon("the end of the host", self.host.shutdown()).await.unwrap();
    }

    /// As when the process is killed.
    pub(crate) async fn kill(self) {
        drop(self.server);
        soon("the end of the host", self.host.abort()).await;
    }
}

/// A connection of a client or of a worker.
#[derive(Clone)]
pub(crate) struct Connection {
    channel: Channel,
    token: Option<&'static str>,
}

impl Connection {
    pub(crate) async fn to(server: &Server) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
        Self { channel: endpoint.connect().await.unwrap(), token: None }
    }

    pub(crate) fn with_token(&self, token: &'static str) -> Self {
        Self { token: Some(token), ..self.clone() }
    }

    /// Calls a method that has one answer.
    pub(crate) async fn call<Q, A>(&self, method: &str, question: Q) -> Result<A, Status>
    where
        Q: Message + Default + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let codec = ProstCodec::<Q, A>::default();
        let answer = grpc.unary(self.request(question), path(method), codec);
        soon(method, answer).await.map(|answer| answer.into_inner())
    }

    /// Calls a method that has many.
    pub(crate) async fn stream<Q, A>(&self, method: &str, question: Q) -> Result<Answers<A>, Status>
    where
        Q: Message + Default + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let codec = ProstCodec::<Q, A>::default();
        let answers = grpc.server_streaming(self.request(question), path(method), codec);
        let answers = soon(method, answers).await?.into_inner();
        Ok(Answers { method: method.to_owned(), answers })
    }

    fn request<Q>(&self, question: Q) -> Request<Q> {
        let mut request = Request::new(question);
        if let Some(token) = self.token {
            request.metadata_mut().insert("authorization", token.parse().unwrap());
        }
        request
    }

    pub(crate) async fn start(
        &self,
        id: &str,
        name: &str,
        input: Option<&str>,
    ) -> Result<String, Status> {
        let request = proto::CreateInstanceRequest {
            instance_id: id.to_owned(),
            name: name.to_owned(),
            input: input.map(str::to_owned),
            ..Default::default()
        };
        let started: proto::CreateInstanceResponse = self.call("StartInstance", request).await?;
        Ok(started.instance_id)
    }

    /// How an instance has ended.
    pub(crate) async fn result(&self, id: &str) -> OrchestrationState {
        self.state_by("WaitForInstanceCompletion", id).await.expect("it is there")
    }

    pub(crate) async fn state(&self, id: &str) -> Option<OrchestrationState> {
        self.state_by("GetInstance", id).await
    }

    pub(crate) async fn state_by(&self, method: &str, id: &str) -> Option<OrchestrationState> {
        let request =
            proto::GetInstanceRequest { instance_id: id.to_owned(), get_inputs_and_outputs: true };
        let found: proto::GetInstanceResponse = self.call(method, request).await.unwrap();
        assert_eq!(found.exists, found.orchestration_state.is_some());
        found.orchestration_state
    }

    pub(crate) async fn raise(&self, id: &str, name: &str, data: &str) -> Result<(), Status> {
        let request = proto::RaiseEventRequest {
            instance_id: id.to_owned(),
            name: name.to_owned(),
            input: Some(data.to_owned()),
        };
        self.call::<_, proto::RaiseEventResponse>("RaiseEvent", request).await.map(drop)
    }

    pub(crate) async fn history(&self, id: &str) -> Vec<HistoryEvent> {
        let request = proto::StreamInstanceHistoryRequest {
            instance_id: id.to_owned(),
            ..Default::default()
        };
        let mut chunks: Answers<proto::HistoryChunk> =
            self.stream("StreamInstanceHistory", request).await.unwrap();
        let mut events = Vec::new();
        while let Some(chunk) = chunks.message().await.unwrap() {
            events.extend(chunk.events);
        }
        events
    }

    /// Work for a worker, as it comes.
    pub(crate) async fn work(
        &self,
        request: proto::GetWorkItemsRequest,
    ) -> Answers<proto::WorkItem> {
        self.stream("GetWorkItems", request).await.unwrap()
    }
}

/// The answers of a method that has many.
pub(crate) struct Answers<A> {
    method: String,
    answers: Streaming<A>,
}

impl<A> Answers<A> {
    /// The next one, which must come soon.
    pub(crate) async fn message(&mut self) -> Result<Option<A>, Status> {
        soon(&format!("the next answer of {}", self.method), self.answers.message()).await
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/TaskHubSidecarService/{method}").parse().unwrap()
}

/// What an orchestration does next, by its name and its history.
type Decide = dyn Fn(&str, &[HistoryEvent]) -> Vec<What> + Send + Sync;

/// What an activity returns, by its name and its input.
type Act = dyn Fn(&str, Option<&str>) -> Result<String, String> + Send + Sync;

/// The code of a worker.
#[derive(Clone, Default)]
pub(crate) struct Code {
    pub(crate) decide: Option<Arc<Decide>>,
    pub(crate) act: Option<Arc<Act>>,
}

impl Code {
    pub(crate) fn decides(
        mut self,
        decide: impl Fn(&str, &[HistoryEvent]) -> Vec<What> + Send + Sync + 'static,
    ) -> Self {
        self.decide = Some(Arc::new(decide));
        self
    }

    pub(crate) fn acts(
        mut self,
        act: impl Fn(&str, Option<&str>) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.act = Some(Arc::new(act));
        self
    }
}

/// A worker that runs until it is dropped.
pub(crate) struct Worker(tokio::task::JoinHandle<()>);

impl Worker {
    pub(crate) async fn with(connection: &Connection, code: Code) -> Self {
        let connection = connection.clone();
        // It waits for as long as there is no work.
        let mut work = connection.work(proto::GetWorkItemsRequest::default()).await.answers;
        Self(tokio::spawn(async move {
            while let Ok(Some(item)) = work.message().await {
                let (connection, code) = (connection.clone(), code.clone());
                tokio::spawn(async move { answer(&connection, &code, item).await });
            }
        }))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) async fn answer(connection: &Connection, code: &Code, item: proto::WorkItem) {
    let token = item.completion_token;
    // Work that was given to another meanwhile is refused, which is no fault of this worker.
    match item.request {
        Some(WorkItemRequest::OrchestratorRequest(question)) => {
            let Some(decide) = &code.decide else { return };
            let answer = decision(&question, token, decide.as_ref());
            let _ = connection
                .call::<_, proto::CompleteTaskResponse>("CompleteOrchestratorTask", answer)
                .await;
        }
        Some(WorkItemRequest::ActivityRequest(activity)) => {
            let Some(act) = &code.act else { return };
            let result = act(&activity.name, activity.input.as_deref());
            let answer = acted(&activity, token, result);
            let _ = connection
                .call::<_, proto::CompleteTaskResponse>("CompleteActivityTask", answer)
                .await;
        }
        _ => {}
    }
}

/// The answer to a question. Actions are numbered by how many the history has already.
pub(crate) fn decision(
    question: &proto::OrchestratorRequest,
    completion_token: String,
    decide: &Decide,
) -> proto::OrchestratorResponse {
    let history = [&question.past_events[..], &question.new_events[..]].concat();
    let name = history.iter().find_map(|event| match &event.event_type {
        Some(Kind::ExecutionStarted(started)) => Some(started.name.clone()),
        _ => None,
    });
    let taken = history.iter().filter(|event| event.event_id > 0).count() as i32;
    let actions = decide(&name.expect("a history begins with the start"), &history);
    let numbered = actions
        .into_iter()
        .zip(taken + 1..)
        .map(|(what, id)| OrchestratorAction { id, orchestrator_action_type: Some(what) });
    proto::OrchestratorResponse {
        instance_id: question.instance_id.clone(),
        actions: numbered.collect(),
        completion_token,
        ..Default::default()
    }
}

pub(crate) fn acted(
    activity: &proto::ActivityRequest,
    completion_token: String,
    result: Result<String, String>,
) -> proto::ActivityResponse {
    let instance = activity.orchestration_instance.as_ref().expect("it has an instance");
    let failure = result.as_ref().err().map(|why| proto::TaskFailureDetails {
        error_type: "Test".to_owned(),
        error_message: why.clone(),
        ..Default::default()
    });
    proto::ActivityResponse {
        instance_id: instance.instance_id.clone(),
        task_id: activity.task_id,
        result: result.ok(),
        failure_details: failure,
        completion_token,
    }
}

/// The results of activities in a history, in order.
pub(crate) fn results(history: &[HistoryEvent]) -> Vec<String> {
    let result = |event: &HistoryEvent| match &event.event_type {
        Some(Kind::TaskCompleted(done)) => Some(done.result.clone().unwrap_or_default()),
        _ => None,
    };
    history.iter().filter_map(result).collect()
}

/// Whether something has happened.
pub(crate) fn has(history: &[HistoryEvent], is_it: impl Fn(&Kind) -> bool) -> bool {
    history.iter().filter_map(|event| event.event_type.as_ref()).any(is_it)
}

pub(crate) fn task(name: &str, input: Option<&str>) -> What {
    What::ScheduleTask(proto::ScheduleTaskAction {
        name: name.to_owned(),
        input: input.map(str::to_owned),
        ..Default::default()
    })
}

pub(crate) fn completes(result: &str) -> Vec<What> {
    vec![What::CompleteOrchestration(proto::CompleteOrchestrationAction {
        orchestration_status: OrchestrationStatus::Completed.into(),
        result: Some(result.to_owned()),
        ..Default::default()
    })]
}

/// Calls `add` so often, one after the other, and returns what the last one returned.
pub(crate) fn adds(times: usize) -> impl Fn(&str, &[HistoryEvent]) -> Vec<What> + Send + Sync {
    move |_, history| {
        let done = results(history);
        match done.len() {
            n if n == times => completes(&done[n - 1]),
            0 if has(history, |kind| matches!(kind, Kind::TaskScheduled(_))) => Vec::new(),
            0 => vec![task("add", Some("0"))],
            n => vec![task("add", Some(&done[n - 1]))],
        }
    }
}

/// Returns its input and one.
pub(crate) fn add(_: &str, input: Option<&str>) -> Result<String, String> {
    let number: u64 = input.unwrap_or("0").parse().map_err(|_| "no number".to_owned())?;
    Ok((number + 1).to_string())
}
