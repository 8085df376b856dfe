//! Entities of workers.

use reenact_sidecar::proto::{
    self, HistoryEventEventType as Kind, OperationResultResultType as Operated, WorkItemRequest,
};

use crate::support::{Answers, Ground};

/// Does one operation of a counter.
async fn operate(ground: &Ground, work: &mut Answers<proto::WorkItem>) {
    operate_leaving(ground, work, Some).await;
}

/// The same, with what becomes of the state.
async fn operate_leaving(
    ground: &Ground,
    work: &mut Answers<proto::WorkItem>,
    leaving: fn(String) -> Option<String>,
) {
    let item = work.message().await.unwrap().unwrap();
    let Some(WorkItemRequest::EntityRequestV2(request)) = item.request else { panic!("{item:?}") };
    let before: u64 = request.entity_state.as_deref().unwrap_or("0").parse().unwrap();
    let operation = request.operation_requests.into_iter().next().unwrap();
    let Some(Kind::EntityOperationSignaled(operation)) = operation.event_type else { panic!() };
    let (result, state) = match operation.operation.as_str() {
        "add" => {
            let sum = before + operation.input.unwrap().parse::<u64>().unwrap();
            let success = proto::OperationResultSuccess {
                result: Some(sum.to_string()),
                ..Default::default()
            };
            (Operated::Success(success), sum)
        }
        other => {
            let failure = proto::TaskFailureDetails {
                error_message: format!("no operation {other}"),
                ..Default::default()
            };
            let failed = proto::OperationResultFailure {
                failure_details: Some(failure),
                ..Default::default()
            };
            (Operated::Failure(failed), before)
        }
    };
    let done = proto::EntityBatchResult {
        results: vec![proto::OperationResult { result_type: Some(result) }],
        entity_state: leaving(state.to_string()),
        completion_token: item.completion_token,
        ..Default::default()
    };
    let _: proto::CompleteTaskResponse =
        ground.client.call("CompleteEntityTask", done).await.unwrap();
}

async fn signal(ground: &Ground, operation: &str, input: &str) {
    let signal = proto::SignalEntityRequest {
        instance_id: "@counter@a".to_owned(),
        name: operation.to_owned(),
        input: Some(input.to_owned()),
        ..Default::default()
    };
    let _: proto::SignalEntityResponse = ground.client.call("SignalEntity", signal).await.unwrap();
}

async fn entity(ground: &Ground) -> Option<proto::EntityMetadata> {
    let request =
        proto::GetEntityRequest { instance_id: "@counter@a".to_owned(), include_state: true };
    let found: proto::GetEntityResponse = ground.client.call("GetEntity", request).await.unwrap();
    assert_eq!(found.exists, found.entity.is_some());
    found.entity
}

#[tokio::test]
async fn an_entity_does_its_operations_one_after_the_other() {
    let ground = Ground::in_memory().await;
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    assert_eq!(entity(&ground).await, None);

    for (operation, input) in [("add", "5"), ("fly", "1"), ("add", "2")] {
        signal(&ground, operation, input).await;
    }
    for _ in 0..3 {
        operate(&ground, &mut work).await;
    }
    // The fourth begins after the third has left its state.
    signal(&ground, "add", "1").await;
    let next = work.message().await.unwrap().unwrap();

    let Some(WorkItemRequest::EntityRequestV2(request)) = next.request else { panic!("{next:?}") };
    assert_eq!(request.entity_state.as_deref(), Some("7"));
    assert_eq!(entity(&ground).await.unwrap().serialized_state.as_deref(), Some("7"));
    ground.end().await;
}

#[tokio::test]
async fn an_entity_is_there_as_long_as_it_has_a_state() {
    let ground = Ground::in_memory().await;
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    signal(&ground, "add", "5").await;
    assert_eq!(entity(&ground).await, None, "no operation has given it a state yet");
    operate(&ground, &mut work).await;
    signal(&ground, "add", "1").await;
    operate_leaving(&ground, &mut work, |_| None).await;

    // The third begins after the second has left its state.
    signal(&ground, "add", "2").await;
    let third = work.message().await.unwrap().unwrap();

    assert_eq!(entity(&ground).await, None, "it was deleted, and has a signal that waits");
    drop((third, work));
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    operate(&ground, &mut work).await;
    signal(&ground, "add", "1").await;
    work.message().await.unwrap().unwrap();
    assert_eq!(entity(&ground).await.unwrap().serialized_state.as_deref(), Some("2"));
    ground.end().await;
}

#[tokio::test]
async fn who_hears_of_an_operation_sees_the_state_that_it_has_left() {
    const ROUNDS: u64 = 20;
    let ground = Ground::in_memory().await;
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    for round in 1..=ROUNDS {
        signal(&ground, "add", "1").await;
        let item = work.message().await.unwrap().unwrap();
        let start = proto::StartNewOrchestrationAction {
            instance_id: format!("run-{round}"),
            name: "run".to_owned(),
            ..Default::default()
        };
        let action = proto::OperationActionOperationActionType::StartNewOrchestration(start);
        let done = proto::EntityBatchResult {
            results: vec![proto::OperationResult {
                result_type: Some(Operated::Success(Default::default())),
            }],
            actions: vec![proto::OperationAction {
                operation_action_type: Some(action),
                ..Default::default()
            }],
            entity_state: Some(round.to_string()),
            completion_token: item.completion_token,
            ..Default::default()
        };
        let _: proto::CompleteTaskResponse =
            ground.client.call("CompleteEntityTask", done).await.unwrap();

        let started = work.message().await.unwrap().unwrap();

        let Some(WorkItemRequest::OrchestratorRequest(question)) = started.request else {
            panic!("{started:?}")
        };
        assert_eq!(question.instance_id, format!("run-{round}"));
        let state = entity(&ground).await.unwrap().serialized_state;
        assert_eq!(state, Some(round.to_string()));
    }
    ground.end().await;
}
