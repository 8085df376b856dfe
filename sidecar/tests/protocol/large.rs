//! Histories that are larger than one message.

use reenact_sidecar::proto::{
    self, HistoryEvent, HistoryEventEventType as Kind, OrchestrationStatus as Status,
    OrchestratorActionOrchestratorActionType as What, WorkItemRequest, WorkerCapability,
};
use tonic::Code as Grpc;

use crate::support::{Answers, Code, Connection, Ground, answer, completes, results, task};

/// Bytes of each result.
const RESULT: usize = 300_000;

/// More results than a client of gRPC takes in one message, which is 4 MiB unless it says otherwise.
const RESULTS: usize = 15;

/// Calls `make` so often, one after the other, and returns how much it has made.
fn collects(_: &str, history: &[HistoryEvent]) -> Vec<What> {
    let made = results(history);
    let called = history
        .iter()
        .filter(|event| matches!(event.event_type, Some(Kind::TaskScheduled(_))))
        .count();
    match made.len() {
        RESULTS => completes(&made.iter().map(String::len).sum::<usize>().to_string()),
        done if done < called => Vec::new(),
        _ => vec![task("make", None)],
    }
}

fn code() -> Code {
    Code::default().decides(collects).acts(|_, _| Ok("m".repeat(RESULT)))
}

fn asked(item: &proto::WorkItem) -> Option<&proto::OrchestratorRequest> {
    match &item.request {
        Some(WorkItemRequest::OrchestratorRequest(asked)) => Some(asked),
        _ => None,
    }
}

/// The history before a question, as a worker has it streamed.
async fn streamed(client: &Connection, asked: &proto::OrchestratorRequest) -> Vec<HistoryEvent> {
    let request = proto::StreamInstanceHistoryRequest {
        instance_id: asked.instance_id.clone(),
        execution_id: asked.execution_id.clone(),
        for_work_item_processing: true,
    };
    let mut chunks: Answers<proto::HistoryChunk> =
        client.stream("StreamInstanceHistory", request).await.unwrap();
    let mut events = Vec::new();
    while let Some(chunk) = chunks.message().await.unwrap() {
        events.extend(chunk.events);
    }
    events
}

#[tokio::test]
async fn a_worker_that_can_stream_histories_gets_a_large_one_so() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "collect", None).await.unwrap();
    let request = proto::GetWorkItemsRequest {
        capabilities: vec![WorkerCapability::HistoryStreaming.into()],
        ..Default::default()
    };
    let mut work = ground.client.work(request).await;
    let mut times_streamed = 0;
    // A question and an activity for each result, and the last question.
    for _ in 0..=2 * RESULTS {
        let mut item = work.message().await.unwrap().unwrap();
        if let Some(WorkItemRequest::OrchestratorRequest(asked)) = &mut item.request
            && asked.requires_history_streaming
        {
            assert!(asked.past_events.is_empty(), "it comes twice");
            asked.past_events = streamed(&ground.client, asked).await;
            times_streamed += 1;
        }
        answer(&ground.client, &code(), item).await;
    }

    let ended = ground.client.result("a").await;
    assert_eq!(ended.output, Some((RESULTS * RESULT).to_string()));
    assert!((8..RESULTS).contains(&times_streamed), "small ones come with the question");
    assert_eq!(results(&ground.client.history("a").await).len(), RESULTS, "in several messages");
    ground.end().await;
}

#[tokio::test]
async fn a_question_that_is_too_large_for_a_worker_keeps_no_other_from_it() {
    let ground = Ground::in_memory().await;
    ground.client.start("large", "collect", None).await.unwrap();
    let everything = proto::GetWorkItemsRequest::default;
    let mut work = ground.client.work(everything()).await;
    let too_large = loop {
        match work.message().await {
            Ok(item) => answer(&ground.client, &code(), item.unwrap()).await,
            Err(status) => break status,
        }
    };
    assert_eq!(too_large.code(), Grpc::OutOfRange);
    drop(work);

    ground.client.start("small", "sum", None).await.unwrap();
    let mut work = ground.client.work(everything()).await;
    let item = work.message().await.unwrap().unwrap();
    assert_eq!(asked(&item).unwrap().instance_id, "small");
    let done = Code::default().decides(|_, _| completes("1"));
    answer(&ground.client, &done, item).await;
    assert_eq!(ground.client.result("small").await.orchestration_status(), Status::Completed);

    // It comes again, for a worker that takes it.
    assert_eq!(work.message().await.unwrap_err().code(), Grpc::OutOfRange);
    ground.end().await;
}
