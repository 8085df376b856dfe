//! What clients ask about instances: states, lists, ends, and what is refused.

use reenact_sidecar::proto::{self, OrchestrationStatus as Status};
use tonic::Code as Grpc;

use crate::support::{Code, Ground, Worker, add, adds, completes, soon};

#[tokio::test]
async fn an_instance_is_pending_until_a_worker_has_taken_it_up() {
    let ground = Ground::in_memory().await;
    ground.client.start("a", "sum", None).await.unwrap();
    assert_eq!(ground.client.state("a").await.unwrap().orchestration_status(), Status::Pending);

    let waiting = ground.client.clone();
    let started =
        tokio::spawn(async move { waiting.state_by("WaitForInstanceStart", "a").await.unwrap() });
    let _worker = Worker::with(&ground.client, Code::default().decides(|_, _| Vec::new())).await;

    assert_eq!(soon("the start", started).await.unwrap().orchestration_status(), Status::Running);
    ground.end().await;
}

#[tokio::test]
async fn an_id_is_used_again_only_where_the_policy_says_so() {
    let ground = Ground::in_memory().await;
    let code = Code::default().decides(|_, _| completes("1"));
    let _worker = Worker::with(&ground.client, code).await;
    ground.client.start("a", "sum", None).await.unwrap();
    ground.client.result("a").await;

    let again = ground.client.start("a", "sum", None).await;
    assert_eq!(again.unwrap_err().code(), Grpc::AlreadyExists);
    let reusing = |status: Status| proto::CreateInstanceRequest {
        instance_id: "a".to_owned(),
        name: "sum".to_owned(),
        orchestration_id_reuse_policy: Some(proto::OrchestrationIdReusePolicy {
            replaceable_status: vec![status.into()],
        }),
        ..Default::default()
    };
    type Started = proto::CreateInstanceResponse;
    let failed_only = ground.client.call::<_, Started>("StartInstance", reusing(Status::Failed));
    assert_eq!(failed_only.await.unwrap_err().code(), Grpc::AlreadyExists);
    let completed = ground.client.call::<_, Started>("StartInstance", reusing(Status::Completed));
    assert_eq!(completed.await.unwrap().instance_id, "a");
    ground.end().await;
}

#[tokio::test]
async fn an_instance_is_suspended_resumed_and_terminated() {
    let ground = Ground::in_memory().await;
    let _worker = Worker::with(&ground.client, Code::default().decides(|_, _| Vec::new())).await;
    ground.client.start("a", "waits", None).await.unwrap();
    let status = async || ground.client.state("a").await.unwrap().orchestration_status();

    let suspend = proto::SuspendRequest { instance_id: "a".to_owned(), reason: None };
    let _: proto::SuspendResponse = ground.client.call("SuspendInstance", suspend).await.unwrap();
    assert_eq!(status().await, Status::Suspended);
    let resume = proto::ResumeRequest { instance_id: "a".to_owned(), reason: None };
    let _: proto::ResumeResponse = ground.client.call("ResumeInstance", resume).await.unwrap();
    assert_ne!(status().await, Status::Suspended);
    let terminate = proto::TerminateRequest {
        instance_id: "a".to_owned(),
        output: Some("\"enough\"".to_owned()),
        recursive: false,
    };
    let _: proto::TerminateResponse =
        ground.client.call("TerminateInstance", terminate).await.unwrap();

    let ended = ground.client.result("a").await;
    assert_eq!(ended.orchestration_status(), Status::Terminated);
    assert_eq!(ended.output.as_deref(), Some("\"enough\""));
    ground.end().await;
}

#[tokio::test]
async fn instances_are_listed_by_pages_and_purged() {
    let ground = Ground::in_memory().await;
    let _worker = Worker::with(&ground.client, Code::default().decides(adds(1)).acts(add)).await;
    for id in ["a-1", "a-2", "a-3", "b-1"] {
        ground.client.start(id, "sum", None).await.unwrap();
        ground.client.result(id).await;
    }
    let query = |token: Option<String>| proto::QueryInstancesRequest {
        query: Some(proto::InstanceQuery {
            runtime_status: vec![Status::Completed.into()],
            instance_id_prefix: Some("a-".to_owned()),
            max_instance_count: 2,
            continuation_token: token,
            fetch_inputs_and_outputs: true,
            ..Default::default()
        }),
    };
    type Page = proto::QueryInstancesResponse;

    let first: Page = ground.client.call("QueryInstances", query(None)).await.unwrap();
    let token = first.continuation_token;
    let second: Page = ground.client.call("QueryInstances", query(token)).await.unwrap();

    let found = [first.orchestration_state, second.orchestration_state].concat();
    let ids: Vec<_> = found.iter().map(|state| state.instance_id.as_str()).collect();
    assert_eq!(ids, ["a-1", "a-2", "a-3"]);
    assert!(found.iter().all(|state| state.output.as_deref() == Some("1")));
    assert_eq!(second.continuation_token, None);
    let purge = proto::PurgeInstancesRequest {
        request: Some(proto::PurgeInstancesRequestRequest::PurgeInstanceFilter(
            proto::PurgeInstanceFilter::default(),
        )),
        ..Default::default()
    };
    let purged: proto::PurgeInstancesResponse =
        ground.client.call("PurgeInstances", purge).await.unwrap();
    assert_eq!(purged.deleted_instance_count, 4);
    assert_eq!(ground.client.state("a-1").await, None);
    ground.end().await;
}

#[tokio::test]
async fn bad_requests_get_the_status_that_clients_expect() {
    let ground = Ground::in_memory().await;
    let client = &ground.client;

    assert_eq!(client.raise("nobody", "a", "1").await.unwrap_err().code(), Grpc::NotFound);
    let long = "i".repeat(300);
    assert_eq!(client.start(&long, "sum", None).await.unwrap_err().code(), Grpc::InvalidArgument);
    assert_eq!(client.start("a", "", None).await.unwrap_err().code(), Grpc::InvalidArgument);
    let unknown: Result<proto::HealthPing, _> =
        client.call("NoSuchMethod", proto::HealthPing {}).await;
    assert_eq!(unknown.unwrap_err().code(), Grpc::Unimplemented);
    let rewind = proto::RewindInstanceRequest { instance_id: "nobody".to_owned(), reason: None };
    let rewound: Result<proto::RewindInstanceResponse, _> =
        client.call("RewindInstance", rewind).await;
    assert_eq!(rewound.unwrap_err().code(), Grpc::NotFound);
    assert_eq!(client.state("nobody").await, None);
    ground.end().await;
}
