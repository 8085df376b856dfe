//! How much work a sidecar gives to workers and takes from them in a second, with a worker that takes no time: what is
//! measured is the sidecar, gRPC and the store.
//!
//! `cargo bench -p reenact-sidecar --bench work`: on disk; with `-- --memory` in memory.

use std::time::Instant;

use prost::Message;
use reenact::HostOptions;
use reenact::prelude::*;
use reenact_sidecar::proto::{
    self, HistoryEvent, HistoryEventEventType as Kind, OrchestrationStatus, OrchestratorAction,
    OrchestratorActionOrchestratorActionType as What, WorkItemRequest,
};
use reenact_sidecar::{ServeOptions, Sidecar};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

/// Instances that run side by side, each after the other.
const CLIENTS: usize = 16;

/// Places of each kind that a worker has.
const PLACES: i32 = 1_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let host = Host::builder().options(HostOptions::new().max_activities(1_000_000));
    let is_in_memory = std::env::args().any(|argument| argument == "--memory");
    let host = match is_in_memory {
        true => host.provider(InMemory::new()),
        false => host.provider(Local::open(directory.path())?),
    };
    let (sidecar, host) = Sidecar::install(host)?;
    let host = host.start().await?;
    let server = sidecar.serve(host.client(), "127.0.0.1:0", ServeOptions::new()).await?;
    let connect =
        || async { Endpoint::from_shared(format!("http://{}", server.address()))?.connect().await };
    let worker = tokio::spawn(work(connect().await?));
    println!("{}", if is_in_memory { "in memory" } else { "in a directory" });
    for (name, tasks, rounds) in [("sequence of 5", 5, 50), ("fan-out of 100", 100, 20)] {
        let clients = (0..CLIENTS).map(|client| {
            let orchestration = if tasks == 5 { "sequence" } else { "fan" };
            let connected = connect();
            async move {
                let channel = connected.await?;
                for round in 0..rounds {
                    run(&channel, orchestration, format!("{orchestration}-{client}-{round}"))
                        .await?;
                }
                Ok::<_, Failure>(())
            }
        });
        let began = Instant::now();
        futures_util::future::try_join_all(clients).await?;
        let seconds = began.elapsed().as_secs_f64();
        let instances = (CLIENTS * rounds) as f64;
        let activities = instances * tasks as f64;
        let questions = instances * if tasks == 5 { 6.0 } else { 2.0 };
        println!(
            "{name:16} {:8.0} activities/s {:8.0} instances/s {:6.1} us for each work item",
            activities / seconds,
            instances / seconds,
            seconds * 1e6 / (activities + questions),
        );
    }
    worker.abort();
    server.shutdown().await;
    host.shutdown().await?;
    Ok(())
}

async fn run(channel: &Channel, name: &str, id: String) -> Result<(), Failure> {
    let start = proto::CreateInstanceRequest {
        instance_id: id.clone(),
        name: name.to_owned(),
        ..Default::default()
    };
    call::<_, proto::CreateInstanceResponse>(channel, "StartInstance", start).await?;
    let wait = proto::GetInstanceRequest { instance_id: id, get_inputs_and_outputs: false };
    let ended: proto::GetInstanceResponse =
        call(channel, "WaitForInstanceCompletion", wait).await?;
    let status = ended.orchestration_state.map(|state| state.orchestration_status());
    assert_eq!(status, Some(OrchestrationStatus::Completed));
    Ok(())
}

/// A worker whose code takes no time.
async fn work(channel: Channel) -> Result<(), Failure> {
    let request = proto::GetWorkItemsRequest {
        max_concurrent_orchestration_work_items: PLACES,
        max_concurrent_activity_work_items: PLACES,
        ..Default::default()
    };
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(usize::MAX);
    grpc.ready().await?;
    let codec = ProstCodec::<_, proto::WorkItem>::default();
    let path = "/TaskHubSidecarService/GetWorkItems".parse()?;
    let items = grpc.server_streaming(Request::new(request), path, codec).await?;
    let mut items: Streaming<proto::WorkItem> = items.into_inner();
    while let Some(item) = items.message().await? {
        let channel = channel.clone();
        tokio::spawn(async move { answer(&channel, item).await });
    }
    Ok(())
}

async fn answer(channel: &Channel, item: proto::WorkItem) -> Result<(), Failure> {
    type Done = proto::CompleteTaskResponse;
    let completion_token = item.completion_token;
    match item.request {
        Some(WorkItemRequest::OrchestratorRequest(asked)) => {
            let response = proto::OrchestratorResponse {
                instance_id: asked.instance_id.clone(),
                actions: decide(&[&asked.past_events[..], &asked.new_events[..]].concat()),
                completion_token,
                ..Default::default()
            };
            call::<_, Done>(channel, "CompleteOrchestratorTask", response).await?;
        }
        Some(WorkItemRequest::ActivityRequest(activity)) => {
            let response = proto::ActivityResponse {
                instance_id: activity.orchestration_instance.unwrap_or_default().instance_id,
                task_id: activity.task_id,
                result: Some("1".to_owned()),
                completion_token,
                ..Default::default()
            };
            call::<_, Done>(channel, "CompleteActivityTask", response).await?;
        }
        _ => {}
    }
    Ok(())
}

fn decide(history: &[HistoryEvent]) -> Vec<OrchestratorAction> {
    let kinds = || history.iter().filter_map(|event| event.event_type.as_ref());
    let count = |is_it: fn(&Kind) -> bool| kinds().filter(|kind| is_it(kind)).count();
    let is_fan = kinds().any(|kind| matches!(kind, Kind::ExecutionStarted(s) if s.name == "fan"));
    let scheduled = count(|kind| matches!(kind, Kind::TaskScheduled(_)));
    let done = count(|kind| matches!(kind, Kind::TaskCompleted(_)));
    let task = || {
        What::ScheduleTask(proto::ScheduleTaskAction {
            name: "add".to_owned(),
            input: Some("1".to_owned()),
            ..Default::default()
        })
    };
    let whats: Vec<_> = match (is_fan, scheduled) {
        (true, 0) => (0..100).map(|_| task()).collect(),
        (true, _) if done < 100 => Vec::new(),
        (false, _) if done < scheduled => Vec::new(),
        (false, 0..5) => vec![task()],
        _ => vec![What::CompleteOrchestration(proto::CompleteOrchestrationAction {
            orchestration_status: OrchestrationStatus::Completed.into(),
            ..Default::default()
        })],
    };
    let first = i32::try_from(scheduled).unwrap_or(i32::MAX).saturating_add(1);
    let numbered = whats.into_iter().zip(first..);
    numbered
        .map(|(what, id)| OrchestratorAction { id, orchestrator_action_type: Some(what) })
        .collect()
}

async fn call<Q, A>(channel: &Channel, method: &str, question: Q) -> Result<A, Failure>
where
    Q: Message + Default + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let path = format!("/TaskHubSidecarService/{method}").parse()?;
    let answer = grpc.unary(Request::new(question), path, ProstCodec::<Q, A>::default()).await?;
    Ok(answer.into_inner())
}
