//! Orchestrations of workers, from their start to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reenact::Event;
use reenact::prelude::*;
use reenact_sidecar::proto::{
    self, HistoryEventEventType as Kind, OrchestrationStatus as Status,
    OrchestratorActionOrchestratorActionType as What,
};

use crate::support::{Code, Ground, Worker, add, adds, completes, has, results, soon, task};

#[tokio::test]
async fn a_sequence_of_activities_runs_to_its_result() {
    let ground = Ground::in_memory().await;
    let _worker = Worker::with(&ground.client, Code::default().decides(adds(5)).acts(add)).await;

    ground.client.start("order-7", "sum", None).await.unwrap();

    let ended = ground.client.result("order-7").await;
    assert_eq!(ended.output.as_deref(), Some("5"));
    assert_eq!(ended.orchestration_status(), Status::Completed);
    assert_eq!(ended.name, "sum");
    // The question and its answer share the commit of what has led to them.
    let log = ground.host.client().history("order-7").await.unwrap();
    let is_local = |event: &Event| matches!(event, Event::TaskLocal { .. });
    let local = log.events().filter(|at| is_local(at.event)).count();
    assert_eq!(local, 6, "one question for the start, and one for each result");
    ground.end().await;
}

#[tokio::test]
async fn a_hundred_activities_run_side_by_side() {
    let ground = Ground::in_memory().await;
    let code = Code::default().acts(add).decides(|_, history| {
        match (has(history, |kind| matches!(kind, Kind::TaskScheduled(_))), results(history).len())
        {
            (false, _) => (0..100).map(|number| task("add", Some(&number.to_string()))).collect(),
            (true, 100) => completes("\"all\""),
            (true, _) => Vec::new(),
        }
    });
    let _worker = Worker::with(&ground.client, code).await;

    ground.client.start("fan", "fan", None).await.unwrap();

    assert_eq!(ground.client.result("fan").await.output.as_deref(), Some("\"all\""));
    ground.end().await;
}

#[tokio::test]
async fn texts_come_through_as_they_are() {
    let texts = ["null", "{\"b\": 1,  \"a\": [1.0]}", "no json", "\"é\"", "1e999", ""];
    let ground = Ground::in_memory().await;
    let code = Code::default().acts(|_, input| Ok(input.unwrap_or("none").to_owned())).decides(
        |_, history| match (results(history).first(), input_of(history)) {
            (Some(result), _) => completes(result),
            (None, _) if has(history, |kind| matches!(kind, Kind::TaskScheduled(_))) => Vec::new(),
            (None, input) => vec![task("echo", input.as_deref())],
        },
    );
    let _worker = Worker::with(&ground.client, code).await;

    for (number, text) in texts.into_iter().enumerate() {
        let id = format!("text-{number}");
        ground.client.start(&id, "echo", Some(text)).await.unwrap();
        let ended = ground.client.result(&id).await;
        assert_eq!(ended.output.as_deref(), Some(text));
        assert_eq!(ended.input.as_deref(), Some(text));
    }
    ground.client.start("nothing", "echo", None).await.unwrap();
    assert_eq!(ground.client.result("nothing").await.output.as_deref(), Some("none"));
    ground.end().await;
}

fn input_of(history: &[proto::HistoryEvent]) -> Option<String> {
    history.iter().find_map(|event| match &event.event_type {
        Some(Kind::ExecutionStarted(started)) => started.input.clone(),
        _ => None,
    })
}

#[tokio::test]
async fn a_failure_keeps_its_tree() {
    let failure = proto::TaskFailureDetails {
        error_type: "Outer".to_owned(),
        error_message: "it broke".to_owned(),
        stack_trace: Some("at line 7".to_owned()),
        inner_failure: Some(Box::new(proto::TaskFailureDetails {
            error_type: "Inner".to_owned(),
            error_message: "as the glass was thin".to_owned(),
            ..Default::default()
        })),
        is_non_retriable: true,
        ..Default::default()
    };
    let ground = Ground::in_memory().await;
    let sent = failure.clone();
    let code = Code::default().decides(move |_, _| {
        vec![What::CompleteOrchestration(proto::CompleteOrchestrationAction {
            orchestration_status: Status::Failed.into(),
            failure_details: Some(sent.clone()),
            ..Default::default()
        })]
    });
    let _worker = Worker::with(&ground.client, code).await;

    ground.client.start("broken", "breaks", None).await.unwrap();

    let ended = ground.client.result("broken").await;
    assert_eq!(ended.orchestration_status(), Status::Failed);
    assert_eq!(ended.failure_details, Some(failure));
    ground.end().await;
}

#[tokio::test]
async fn events_come_in_order_and_each_once() {
    let ground = Ground::in_memory().await;
    let code = Code::default().decides(|_, history| {
        let raised: Vec<_> = history
            .iter()
            .filter_map(|event| match &event.event_type {
                Some(Kind::EventRaised(raised)) => Some(raised.input.clone().unwrap_or_default()),
                _ => None,
            })
            .collect();
        if raised.len() == 3 { completes(&format!("[{}]", raised.join(","))) } else { Vec::new() }
    });
    let _worker = Worker::with(&ground.client, code).await;
    ground.client.start("waits", "waits", None).await.unwrap();

    for (name, data) in [("a", "1"), ("b", "2"), ("a", "3")] {
        ground.client.raise("waits", name, data).await.unwrap();
    }

    assert_eq!(ground.client.result("waits").await.output.as_deref(), Some("[1,2,3]"));
    ground.end().await;
}

#[tokio::test]
async fn events_that_came_meanwhile_go_along_when_it_continues_as_new() {
    let ground = Ground::in_memory().await;
    // Continues as new once, with the first event taken and the others carried over.
    let code = Code::default().decides(|_, history| {
        let raised: Vec<_> = history
            .iter()
            .filter(|event| matches!(event.event_type, Some(Kind::EventRaised(_))))
            .cloned()
            .collect();
        match (input_of(history).as_deref(), raised.len()) {
            (Some("\"again\""), 2..) => completes(&raised.len().to_string()),
            (Some("\"again\""), _) | (_, 0) => Vec::new(),
            (_, _) => vec![What::CompleteOrchestration(proto::CompleteOrchestrationAction {
                orchestration_status: Status::ContinuedAsNew.into(),
                result: Some("\"again\"".to_owned()),
                carryover_events: raised.into_iter().skip(1).collect(),
                ..Default::default()
            })],
        }
    });
    ground.client.start("eternal", "eternal", None).await.unwrap();
    for data in ["1", "2", "3"] {
        ground.client.raise("eternal", "tick", data).await.unwrap();
    }
    let _worker = Worker::with(&ground.client, code).await;

    assert_eq!(ground.client.result("eternal").await.output.as_deref(), Some("2"));
    ground.end().await;
}

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    match cents {
        0 => Err(ActivityError::fatal("there is nothing to charge")),
        cents => Ok(cents + 20),
    }
}

#[orchestration]
async fn shop(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let charged: u64 = ctx.call_activity(charge, cents).await?;
    let packed: String = ctx.call_activity_by_name("pack", &charged).await?;
    let shipped: String = ctx.call_orchestration_by_name("ship", &packed).await?;
    Ok(shipped)
}

#[tokio::test]
async fn code_in_rust_calls_activities_and_orchestrations_of_workers() {
    let host = Host::builder().provider(InMemory::new()).orchestration(shop).activity(charge);
    let ground = Ground::of(host).await;
    let code = Code::default()
        .acts(|name, input| Ok(format!("\"{name} {}\"", input.unwrap_or_default())))
        .decides(|name, history| {
            let input = input_of(history).unwrap_or_default();
            completes(
                &format!("[\"{name}\",{input}]")
                    .replace("[\"ship\",\"", "\"ship: ")
                    .replace("\"]", "\""),
            )
        });
    let _worker = Worker::with(&ground.client, code).await;

    ground.client.start("order", "shop", Some("500")).await.unwrap();

    let ended = ground.client.result("order").await;
    assert_eq!(ended.output.as_deref(), Some("\"ship: pack 520\""), "{ended:?}");
    ground.end().await;
}

#[tokio::test]
async fn code_of_workers_calls_activities_and_orchestrations_in_rust() {
    let host = Host::builder().provider(InMemory::new()).orchestration(shop).activity(charge);
    let ground = Ground::of(host).await;
    let code = Code::default().acts(|_, input| Ok(input.unwrap_or_default().to_owned())).decides(
        |name, history| match (name, results(history).first()) {
            ("ship", _) => completes("\"shipped\""),
            (_, Some(charged)) => completes(charged),
            (_, None) if has(history, |kind| matches!(kind, Kind::TaskFailed(_))) => {
                completes("\"refused\"")
            }
            (_, None) if has(history, |kind| matches!(kind, Kind::TaskScheduled(_))) => Vec::new(),
            (_, None) => vec![task("charge", input_of(history).as_deref())],
        },
    );
    let _worker = Worker::with(&ground.client, code).await;

    for (id, cents, output) in [("paid", "30", "50"), ("free", "0", "\"refused\"")] {
        ground.client.start(id, "pay", Some(cents)).await.unwrap();
        assert_eq!(ground.client.result(id).await.output.as_deref(), Some(output));
    }
    ground.end().await;
}

#[tokio::test]
async fn a_history_says_what_has_happened_from_the_start_to_the_end() {
    let ground = Ground::in_memory().await;
    let _worker = Worker::with(&ground.client, Code::default().decides(adds(1)).acts(add)).await;
    ground.client.start("told", "sum", Some("3")).await.unwrap();
    ground.client.result("told").await;

    let kinds: Vec<_> = ground
        .client
        .history("told")
        .await
        .into_iter()
        .map(|event| match event.event_type.expect("each event has a kind") {
            Kind::OrchestratorStarted(_) => "asked",
            Kind::OrchestratorCompleted(_) => "answered",
            Kind::ExecutionStarted(started) => {
                assert_eq!(started.input.as_deref(), Some("3"));
                "started"
            }
            Kind::TaskScheduled(task) => {
                assert_eq!(task.name, "add");
                "scheduled"
            }
            Kind::TaskCompleted(_) => "done",
            Kind::ExecutionCompleted(ended) => {
                assert_eq!(ended.result.as_deref(), Some("1"));
                "ended"
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        ["asked", "started", "scheduled", "answered", "asked", "done", "answered", "ended"]
    );
    ground.end().await;
}

#[tokio::test]
async fn what_is_called_as_it_ends_runs_all_the_same() {
    let ground = Ground::in_memory().await;
    let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let code = Code::default()
        .acts(move |name, input| {
            ran.send((name.to_owned(), input.map(str::to_owned))).unwrap();
            Ok("1".to_owned())
        })
        .decides(|name, history| match (name, results(history).len()) {
            ("parent", _) => {
                let child = What::CreateSubOrchestration(proto::CreateSubOrchestrationAction {
                    instance_id: "child".to_owned(),
                    name: "child".to_owned(),
                    ..Default::default()
                });
                [vec![task("log", Some("\"bye\"")), child], completes("\"done\"")].concat()
            }
            (_, 1) => completes("\"child is done\""),
            (_, _) if has(history, |kind| matches!(kind, Kind::TaskScheduled(_))) => Vec::new(),
            (_, _) => vec![task("count", None)],
        });
    let _worker = Worker::with(&ground.client, code).await;

    ground.client.start("parent", "parent", None).await.unwrap();
    assert_eq!(ground.client.result("parent").await.output.as_deref(), Some("\"done\""));

    let mut run = async || soon("a run", runs.recv()).await.unwrap();
    let mut all = [run().await, run().await];
    all.sort_unstable();
    assert_eq!(all[0], ("count".to_owned(), None));
    assert_eq!(all[1], ("log".to_owned(), Some("\"bye\"".to_owned())));
    let child = ground.client.result("child").await;
    assert_eq!(child.output.as_deref(), Some("\"child is done\""));
    ground.end().await;
}

#[tokio::test]
async fn the_history_of_an_execution_counts_as_its_memory() {
    let ground = Ground::in_memory().await;
    let code = Code::default()
        .decides(|_, history| match results(history).len() {
            done if has(history, |kind| matches!(kind, Kind::EventRaised(_))) => {
                completes(&done.to_string())
            }
            done if done < RESULTS && in_steps(history) == done => vec![task("load", None)],
            _ => Vec::new(),
        })
        .acts(|_, _| Ok(format!("\"{}\"", "x".repeat(RESULT_BYTES))));
    let _worker = Worker::with(&ground.client, code).await;
    let client = ground.host.client();
    ground.client.start("a", "gather", None).await.unwrap();
    let mut watch = client.watch("a").unwrap();
    let loads = RESULTS * (RESULT_BYTES + 2);
    let holds = async || {
        let held = ground.host.in_memory_bytes();
        held > loads && client.get_status("a").await.unwrap().activities.is_empty()
    };

    while !holds().await {
        soon("the next turn", watch.changed()).await.unwrap();
    }

    ground.client.raise("a", "Go", "1").await.unwrap();
    assert_eq!(ground.client.result("a").await.output.as_deref(), Some("20"));
    ground.end().await;
}

/// Results of the history that counts as memory, and how large each is.
const RESULTS: usize = 20;
const RESULT_BYTES: usize = 50_000;

fn in_steps(history: &[proto::HistoryEvent]) -> usize {
    let is_call =
        |event: &&proto::HistoryEvent| matches!(event.event_type, Some(Kind::TaskScheduled(_)));
    history.iter().filter(is_call).count()
}

#[tokio::test]
async fn a_custom_status_may_be_larger_than_one_of_reenact() {
    let ground = Ground::in_memory().await;
    for (id, letter, letters) in
        [("a", "s", 100_000), ("b", "\u{e9}", 200_000), ("c", "\\\"", 200_000)]
    {
        let large = format!("\"{}\"", letter.repeat(letters));
        status_comes_back(&ground, id, large).await;
    }
    ground.end().await;
}

async fn status_comes_back(ground: &Ground, id: &str, large: String) {
    ground.client.start(id, "sum", None).await.unwrap();
    let mut work = ground.client.work(proto::GetWorkItemsRequest::default()).await;
    let item = work.message().await.unwrap().unwrap();
    let Some(proto::WorkItemRequest::OrchestratorRequest(asked)) = item.request else { panic!() };
    let answer = proto::OrchestratorResponse {
        custom_status: Some(large.clone()),
        ..crate::support::decision(&asked, item.completion_token, &|_, _| completes("1"))
    };

    let done =
        ground.client.call::<_, proto::CompleteTaskResponse>("CompleteOrchestratorTask", answer);
    done.await.unwrap();

    let ended = ground.client.result(id).await;
    assert!(ended.custom_status == Some(large), "{id} has another status");
    assert_eq!(ended.output.as_deref(), Some("1"));
}

#[tokio::test]
async fn an_instance_that_failed_is_rewound_and_goes_on() {
    let ground = Ground::in_memory().await;
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = is_mended.clone();
    let code = Code::default()
        .acts(move |name, _| match (name, mended.load(Ordering::Relaxed)) {
            ("charge", false) => Err("no money".to_owned()),
            _ => Ok(format!("\"{name}\"")),
        })
        .decides(|_, history| {
            let rewound = history
                .iter()
                .position(|event| matches!(event.event_type, Some(Kind::ExecutionRewound(_))));
            let ended = has(history, |kind| matches!(kind, Kind::ExecutionCompleted(_)));
            if rewound.is_some() && ended {
                return vec![What::RewindOrchestration(proto::RewindOrchestrationAction {
                    new_history: without_failures(history),
                })];
            }
            match results(history).len() {
                2 => completes("\"paid and packed\""),
                _ if has(history, |kind| matches!(kind, Kind::TaskFailed(_))) => {
                    vec![What::CompleteOrchestration(proto::CompleteOrchestrationAction {
                        orchestration_status: Status::Failed.into(),
                        ..Default::default()
                    })]
                }
                _ => {
                    let called = |name: &str| {
                        has(
                            history,
                            |kind| matches!(kind, Kind::TaskScheduled(t) if t.name == name),
                        )
                    };
                    let missing = ["pack", "charge"].into_iter().filter(|name| !called(name));
                    missing.map(|name| task(name, None)).collect()
                }
            }
        });
    let _worker = Worker::with(&ground.client, code).await;
    ground.client.start("order", "order", None).await.unwrap();
    assert_eq!(ground.client.result("order").await.orchestration_status(), Status::Failed);

    is_mended.store(true, Ordering::Relaxed);
    let rewind = proto::RewindInstanceRequest {
        instance_id: "order".to_owned(),
        reason: Some("the account is full again".to_owned()),
    };
    let _: proto::RewindInstanceResponse =
        ground.client.call("RewindInstance", rewind).await.unwrap();

    let ended = ground.client.result("order").await;
    assert_eq!(ended.output.as_deref(), Some("\"paid and packed\""), "{ended:?}");
    ground.end().await;
}

/// What a worker keeps of a history that is rewound.
fn without_failures(history: &[proto::HistoryEvent]) -> Vec<proto::HistoryEvent> {
    let failed: Vec<_> = history
        .iter()
        .filter_map(|event| match &event.event_type {
            Some(Kind::TaskFailed(failed)) => Some(failed.task_scheduled_id),
            _ => None,
        })
        .collect();
    let is_kept = |event: &&proto::HistoryEvent| match &event.event_type {
        Some(Kind::TaskFailed(_) | Kind::ExecutionCompleted(_)) => false,
        Some(Kind::TaskScheduled(_)) => !failed.contains(&event.event_id),
        _ => true,
    };
    history.iter().filter(is_kept).cloned().collect()
}
