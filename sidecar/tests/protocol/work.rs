//! Work on its way to workers: filters, places, answers that make no sense, and who comes in.

use reenact::prelude::*;
use reenact_sidecar::limits::MAX_ANSWER_BYTES;
use reenact_sidecar::proto::{self, OrchestrationStatus as Status, WorkItemRequest};
use reenact_sidecar::{ServeError, ServeOptions, Sidecar};
use tonic::Code as Grpc;

use crate::support::{Code, Connection, Ground, Worker, add, adds, completes, decision, task};

type Completed = proto::CompleteTaskResponse;

fn only(name: &str) -> proto::GetWorkItemsRequest {
    proto::GetWorkItemsRequest {
        work_item_filters: Some(proto::WorkItemFilters {
            orchestrations: vec![proto::OrchestrationFilter {
                name: name.to_owned(),
                versions: Vec::new(),
            }],
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_worker_gets_only_what_it_has_the_code_of() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "other", None).await.unwrap();
    ground.client.start("b", "mine", None).await.unwrap();
    let mut work = ground.client.work(only("mine")).await;

    let item = work.message().await.unwrap().unwrap();

    let Some(WorkItemRequest::OrchestratorRequest(question)) = item.request else {
        panic!("{item:?}")
    };
    assert_eq!(question.instance_id, "b");
    ground.end().await;
}

#[tokio::test]
async fn a_worker_gets_no_more_than_it_has_places_for() {
    let ground = Ground::in_memory().await;
    for id in ["a", "b"] {
        ground.client.start(id, "sum", None).await.unwrap();
    }
    let one = proto::GetWorkItemsRequest {
        max_concurrent_orchestration_work_items: 1,
        ..Default::default()
    };
    let mut work = ground.client.work(one).await;
    let first = work.message().await.unwrap().unwrap();
    let Some(WorkItemRequest::OrchestratorRequest(question)) = first.request else { panic!() };

    // The second comes once the first is answered, and not before.
    let answer = decision(&question, first.completion_token, &|_, _| completes("1"));
    let (second, answered) = tokio::join!(
        work.message(),
        ground.client.call::<_, Completed>("CompleteOrchestratorTask", answer)
    );
    answered.unwrap();
    let Some(WorkItemRequest::OrchestratorRequest(other)) = second.unwrap().unwrap().request else {
        panic!()
    };
    assert_ne!(other.instance_id, question.instance_id);
    ground.end().await;
}

#[tokio::test]
async fn work_that_is_given_back_comes_again() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "sum", None).await.unwrap();
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let first = work.message().await.unwrap().unwrap();

    let request =
        proto::AbandonOrchestrationTaskRequest { completion_token: first.completion_token.clone() };
    let answered: proto::AbandonOrchestrationTaskResponse =
        ground.client.call("AbandonTaskOrchestratorWorkItem", request).await.unwrap();
    let proto::AbandonOrchestrationTaskResponse {} = answered;

    assert_eq!(work.message().await.unwrap().unwrap().request, first.request);
    ground.end().await;
}

#[tokio::test]
async fn only_the_first_answer_counts() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "sum", None).await.unwrap();
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let item = work.message().await.unwrap().unwrap();
    let Some(WorkItemRequest::OrchestratorRequest(question)) = item.request else { panic!() };
    let answer = |result: &'static str| {
        decision(&question, item.completion_token.clone(), &move |_, _| completes(result))
    };

    ground.client.call::<_, Completed>("CompleteOrchestratorTask", answer("1")).await.unwrap();
    let second = ground.client.call::<_, Completed>("CompleteOrchestratorTask", answer("2")).await;

    assert_eq!(second.unwrap_err().code(), Grpc::NotFound);
    assert_eq!(ground.client.result("a").await.output.as_deref(), Some("1"));
    ground.end().await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_fails_its_instance_and_no_other() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "sum", None).await.unwrap();
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let item = work.message().await.unwrap().unwrap();

    let answer = proto::OrchestratorResponse {
        instance_id: "a".to_owned(),
        completion_token: item.completion_token,
        actions: vec![proto::OrchestratorAction { id: 7, orchestrator_action_type: None }],
        ..Default::default()
    };
    let refused = ground.client.call::<_, Completed>("CompleteOrchestratorTask", answer).await;

    assert_eq!(refused.unwrap_err().code(), Grpc::InvalidArgument);
    let ended = ground.client.result("a").await;
    assert_eq!(ended.orchestration_status(), Status::Failed);
    let failure = ended.failure_details.unwrap();
    assert_eq!(failure.error_message, "action 7 does not say what is to be done");
    drop(work);
    let _worker = Worker::with(&ground.client, Code::default().decides(adds(1)).acts(add)).await;
    ground.client.start("b", "sum", None).await.unwrap();
    assert_eq!(ground.client.result("b").await.output.as_deref(), Some("1"));
    ground.end().await;
}

#[tokio::test]
async fn an_answer_may_come_in_parts_and_without_a_token() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "sum", None).await.unwrap();
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let item = work.message().await.unwrap().unwrap();
    let Some(WorkItemRequest::OrchestratorRequest(question)) = item.request else { panic!() };
    let whole = decision(&question, String::new(), &|_, _| {
        [vec![task("add", Some("1"))], completes("\"done\"")].concat()
    });

    for (number, action) in whole.actions.iter().enumerate() {
        let part = proto::OrchestratorResponse {
            actions: vec![action.clone()],
            is_partial: number == 0,
            chunk_index: Some(number as i32),
            ..whole.clone()
        };
        ground.client.call::<_, Completed>("CompleteOrchestratorTask", part).await.unwrap();
    }

    assert_eq!(ground.client.result("a").await.output.as_deref(), Some("\"done\""));
    ground.end().await;
}

#[tokio::test]
async fn parts_that_are_too_much_together_fail_their_instance() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "sum", None).await.unwrap();
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let item = work.message().await.unwrap().unwrap();
    let half = format!("\"{}\"", "x".repeat(MAX_ANSWER_BYTES / 2));
    let part = |number| proto::OrchestratorResponse {
        actions: vec![proto::OrchestratorAction {
            id: number,
            orchestrator_action_type: Some(task("add", Some(&half))),
        }],
        completion_token: item.completion_token.clone(),
        is_partial: true,
        chunk_index: Some(number),
        ..Default::default()
    };
    let send = async |number| {
        let part = part(number);
        ground.client.call::<_, Completed>("CompleteOrchestratorTask", part).await
    };

    send(1).await.unwrap();
    let refused = send(2).await.unwrap_err();

    assert_eq!(refused.code(), Grpc::ResourceExhausted);
    let ended = ground.client.result("a").await;
    assert_eq!(ended.orchestration_status(), Status::Failed);
    assert_eq!(ended.failure_details.unwrap().error_message, refused.message());
    assert_eq!(send(3).await.unwrap_err().code(), Grpc::NotFound);
    ground.end().await;
}

#[tokio::test]
async fn nobody_comes_in_without_the_token() {
    let host = Host::builder().provider(InMemory::new());
    let (sidecar, host) = Sidecar::install(host).unwrap();
    let host = host.start().await.unwrap();
    let options = ServeOptions::new().token("secret");
    let server = sidecar.serve(host.client(), "127.0.0.1:0", options).await.unwrap();
    let client = Connection::to(&server).await;

    for connection in [client.clone(), client.with_token("other")] {
        let refused = connection.start("a", "sum", None).await.unwrap_err();
        assert_eq!(refused.code(), Grpc::Unauthenticated);
    }
    assert_eq!(client.with_token("Bearer secret").start("a", "sum", None).await.unwrap(), "a");
    server.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let (sidecar, host) = Sidecar::install(Host::builder().provider(InMemory::new())).unwrap();
    let host = host.start().await.unwrap();

    let refused = sidecar.serve(host.client(), "0.0.0.0:0", ServeOptions::new()).await;

    assert!(matches!(refused, Err(ServeError::Unguarded { .. })), "{refused:?}");
    let taken = sidecar.serve(host.client(), "127.0.0.1:0", ServeOptions::new()).await.unwrap();
    let address = taken.address().to_string();
    let second = sidecar.serve(host.client(), address, ServeOptions::new()).await;
    assert!(matches!(second, Err(ServeError::AddressInUse { .. })), "{second:?}");
    taken.shutdown().await;
    host.shutdown().await.unwrap();
}
