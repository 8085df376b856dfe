//! The sidecar and its workers are killed in the middle.

use std::sync::Arc;

use reenact::prelude::*;
use reenact_sidecar::proto::{self, OrchestrationStatus as Status};
use tempfile::TempDir;

use crate::support::{Code, Ground, Worker, add, adds, soon};

#[tokio::test]
async fn an_orchestration_goes_on_after_the_sidecar_was_killed_at_each_of_its_steps() {
    let directory = TempDir::new().unwrap();
    let ground = Ground::in_directory(directory.path()).await;
    ground.client.start("order-7", "sum", None).await.unwrap();
    ground.kill().await;

    // One answer for each life of the sidecar: six questions and five activities.
    for life in 1.. {
        assert!(life <= 11, "it does not come to its end");
        let ground = Ground::in_directory(directory.path()).await;
        let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
        let item = work.message().await.unwrap().unwrap();
        let token = item.completion_token;
        let client = ground.host.client();
        let mut watch = client.watch("order-7").unwrap();
        let open = async || -> Vec<_> {
            let activities = client.get_status("order-7").await.unwrap().activities;
            activities.into_iter().map(|activity| activity.id).collect()
        };
        let before = open().await;
        match item.request.unwrap() {
            proto::WorkItemRequest::OrchestratorRequest(question) => {
                let answer = crate::support::decision(&question, token, &adds(5));
                let ends = answer.actions.iter().any(|action| {
                    use proto::OrchestratorActionOrchestratorActionType as What;
                    matches!(action.orchestrator_action_type, Some(What::CompleteOrchestration(_)))
                });
                let completed: proto::CompleteTaskResponse =
                    ground.client.call("CompleteOrchestratorTask", answer).await.unwrap();
                let proto::CompleteTaskResponse {} = completed;
                if ends {
                    let ended = ground.client.result("order-7").await;
                    assert_eq!(ended.output.as_deref(), Some("5"));
                    assert_eq!(life, 11);
                    ground.end().await;
                    return;
                }
            }
            proto::WorkItemRequest::ActivityRequest(activity) => {
                let result = add(&activity.name, activity.input.as_deref());
                let answer = crate::support::acted(&activity, token, result);
                let completed: proto::CompleteTaskResponse =
                    ground.client.call("CompleteActivityTask", answer).await.unwrap();
                let proto::CompleteTaskResponse {} = completed;
            }
            other => panic!("{other:?}"),
        }
        while open().await == before {
            soon("the next turn", watch.changed()).await.unwrap();
        }
        ground.kill().await;
    }
}

#[tokio::test]
async fn what_a_worker_had_goes_to_another_when_its_stream_breaks() {
    let ground = Ground::in_memory().await;
    ground.client.start("order-7", "sum", None).await.unwrap();
    let mut first = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let taken = first.message().await.unwrap().unwrap();
    assert!(matches!(taken.request, Some(proto::WorkItemRequest::OrchestratorRequest(_))));
    drop(first);

    let _second = Worker::with(&ground.client, Code::default().decides(adds(2)).acts(add)).await;

    let ended = ground.client.result("order-7").await;
    assert_eq!(
        (ended.orchestration_status(), ended.output.as_deref()),
        (Status::Completed, Some("2"))
    );
    ground.end().await;
}

#[tokio::test]
async fn nothing_of_a_host_is_left_when_it_and_its_sidecar_have_ended() {
    let of_host = Arc::new(());
    let host = Host::builder().provider(InMemory::new()).state(of_host.clone());
    let ground = Ground::of(host).await;
    let worker = Worker::with(&ground.client, Code::default().decides(adds(2)).acts(add)).await;
    ground.client.start("a", "sum", None).await.unwrap();
    assert_eq!(ground.client.result("a").await.output.as_deref(), Some("2"));
    drop(worker);
    ground.end().await;

    let gone = async {
        while Arc::strong_count(&of_host) > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon("that the host is gone from memory", gone).await;
}
