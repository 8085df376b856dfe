//! What cannot be is refused with an error of its own, before anything is stored.

use crate::kit::{Faulty, events, guard, id, options, store, stored, until};
use reenact::prelude::*;
use reenact::{
    ActivityErrorKind, Error, HostBuilder, InstanceState, InvalidName, PayloadError, WhenBusy,
    limits,
};

#[activity]
async fn length(_ctx: ActivityContext, text: String) -> Result<usize, ActivityError> {
    Ok(text.len())
}

/// As many bytes as are wanted, when they are to be stored.
#[activity]
async fn grow(_ctx: ActivityContext, many: usize) -> Result<String, ActivityError> {
    Ok("x".repeat(many))
}

#[orchestration]
async fn waiting(ctx: OrchestrationContext, _input: String) -> Result<String, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

/// Calls an activity by its name with a number, and tells how it failed.
#[orchestration]
async fn calling(
    ctx: OrchestrationContext,
    activity: String,
) -> Result<(String, bool), OrchestrationError> {
    let error = ctx.call_activity_by_name::<u64, usize>(&activity, &7).await.expect_err("refused");
    assert_eq!(error.kind(), ActivityErrorKind::InvalidInput);
    Ok((error.to_string(), error.is_retryable()))
}

fn builder() -> HostBuilder {
    Host::builder()
        .provider(store().0)
        .options(options())
        .orchestration(waiting)
        .orchestration(calling)
        .activity(length)
        .activity(grow)
}

async fn host() -> Host {
    builder().start().await.unwrap()
}

fn too_long(limit: usize) -> String {
    "x".repeat(limit + 1)
}

/// A text that is one byte too large once it is quoted.
fn too_large() -> String {
    "x".repeat(limits::MAX_PAYLOAD_BYTES - 1)
}

fn too_large_as_payload(error: &Error) -> bool {
    let bytes = limits::MAX_PAYLOAD_BYTES + 1;
    matches!(error, Error::InvalidPayload { source: PayloadError::TooLarge { bytes: found, .. }, .. }
        if *found == bytes)
}

#[tokio::test]
async fn an_id_that_is_invalid_is_refused() {
    let host = host().await;
    let start = |id: String| host.start_new(waiting, String::new()).id(id);
    let empty = guard(start(String::new())).await.unwrap_err();
    assert!(matches!(empty, Error::InvalidName(InvalidName::Empty { .. })), "{empty}");
    let long = guard(start(too_long(limits::MAX_INSTANCE_ID_BYTES))).await.unwrap_err();
    assert!(
        matches!(long, Error::InvalidName(InvalidName::TooLong { bytes: 257, limit: 256, .. })),
        "{long}"
    );
    let control = guard(start("a\nb".into())).await.unwrap_err();
    assert_eq!(
        control.to_string(),
        "the instance id has the control character '\\n' at byte 1; leave it out"
    );
    assert_eq!(stored(&host).await, 0);
    guard(start("x".repeat(limits::MAX_INSTANCE_ID_BYTES))).await.expect("the longest");
}

#[tokio::test]
async fn a_name_of_an_orchestration_that_is_invalid_is_refused() {
    let host = host().await;
    for name in [String::new(), too_long(limits::MAX_NAME_BYTES), "a\tb".into()] {
        let refused = guard(host.start_new_by_name::<()>(&name, "")).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidName(_)), "{name:?}: {refused}");
    }
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test]
async fn an_orchestration_that_is_not_registered_is_refused() {
    let host = host().await;
    let refused = guard(host.start_new_by_name::<()>("nowhere", "")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "orchestration `nowhere` is not registered on this host; register it, or use a host that has it"
    );
    assert!(matches!(refused, Error::UnknownOrchestration { .. }));
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test]
async fn an_input_over_the_limit_is_refused() {
    let host = host().await;
    let typed = guard(host.start_new(waiting, too_large())).await.unwrap_err();
    assert!(too_large_as_payload(&typed), "{typed}");
    let named = guard(host.start_new_by_name::<()>("waiting", too_large())).await.unwrap_err();
    assert!(too_large_as_payload(&named), "{named}");
    assert_eq!(stored(&host).await, 0);
    let largest = "x".repeat(limits::MAX_PAYLOAD_BYTES - 2);
    guard(host.start_new(waiting, largest)).await.expect("the largest");
}

#[tokio::test]
async fn an_input_that_does_not_encode_is_refused() {
    let host = host().await;
    let keys_are_no_texts = std::collections::BTreeMap::from([((1, 2), 3)]);
    let refused = guard(host.start_new_by_name::<()>("waiting", keys_are_no_texts)).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidPayload { source: PayloadError::Encode(_), .. }),
        "{refused}"
    );
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test]
async fn an_input_of_another_type_than_the_orchestrations_is_refused() {
    let host = host().await;
    let refused = guard(host.start_new_by_name::<()>("waiting", 7)).await.unwrap_err();
    let Error::InvalidPayload { what, source: PayloadError::Decode(why) } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(what, "the input of orchestration `waiting`");
    assert!(why.contains("expected a string"), "{why}");
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test]
async fn an_input_of_another_type_than_the_activitys_is_an_error_with_nothing_scheduled() {
    let host = host().await;
    let run = host.run_to_completion("i", calling, "length".to_string());
    let (message, retryable) = guard(run).await.unwrap();
    assert!(message.starts_with("the activity's input is not valid"), "{message}");
    assert!(!retryable);
    let events = events(&host, &id("i")).await;
    assert!(!events.iter().any(|event| event.starts_with("TaskScheduled")), "{events:#?}");
}

#[tokio::test]
async fn a_name_that_no_activity_can_have_is_an_error_with_nothing_scheduled() {
    let host = host().await;
    for (at, name) in [String::new(), too_long(limits::MAX_NAME_BYTES)].into_iter().enumerate() {
        let instance = format!("i{at}");
        guard(host.run_to_completion(&instance, calling, name)).await.unwrap();
        let events = events(&host, &id(&instance)).await;
        assert_eq!(events, ["ExecutionStarted `calling`", "ExecutionCompleted"]);
    }
}

#[tokio::test]
async fn an_activitys_output_over_the_limit_is_an_error_of_the_activity() {
    let host = builder()
        .register_orchestration("wants", |ctx: OrchestrationContext, many: usize| async move {
            let error = ctx.call_activity(grow, many).await.expect_err("too large");
            assert_eq!(error.kind(), ActivityErrorKind::InvalidOutput);
            Ok(error.to_string())
        })
        .start()
        .await
        .unwrap();
    let wants = host.start_new_by_name::<String>("wants", limits::MAX_PAYLOAD_BYTES).id("i");
    let message = guard(guard(wants).await.unwrap().result()).await.unwrap();
    assert!(message.contains("at most 1048576 are allowed"), "{message}");
    let history = host.history(&id("i")).await.unwrap();
    let events: Vec<_> = history.events().map(|event| event.event.kind().name()).collect();
    assert_eq!(events, ["ExecutionStarted", "TaskScheduled", "TaskFailed", "ExecutionCompleted"]);
}

#[tokio::test]
async fn an_orchestrations_output_over_the_limit_fails_the_instance() {
    let host = builder()
        .register_orchestration("large", |_ctx, many: usize| async move { Ok("x".repeat(many)) })
        .start()
        .await
        .unwrap();
    let large = host.start_new_by_name::<String>("large", limits::MAX_PAYLOAD_BYTES);
    let failed = guard(guard(large).await.unwrap().result()).await.unwrap_err();
    let Error::Failed { source, .. } = &failed else { panic!("{failed}") };
    assert_eq!(source.kind(), reenact::OrchestrationErrorKind::InvalidOutput);
}

#[tokio::test]
async fn a_result_that_is_asked_for_as_another_type_is_refused() {
    let host = host().await;
    let instance = host.start_new(waiting, String::new()).id("i").await.unwrap();
    instance.raise_event("Go", "text").await.unwrap();
    guard(instance.result()).await.unwrap();
    let refused = guard(host.instance::<u64>(&id("i")).result()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidPayload { source: PayloadError::Decode(_), .. }),
        "{refused}"
    );
    let status = instance.status().await.unwrap();
    assert_eq!(status.output::<u64>(), None);
    assert_eq!(status.output::<String>(), Some("text".into()));
}

#[tokio::test]
async fn an_event_that_cannot_be_is_refused() {
    let host = host().await;
    let instance = host.start_new(waiting, String::new()).id("i").await.unwrap();
    let before = events(&host, &id("i")).await;
    for name in ["", &too_long(limits::MAX_NAME_BYTES), "G\0"] {
        let refused = guard(instance.raise_event(name, "")).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidName(_)), "{name:?}: {refused}");
    }
    for key in ["", &too_long(limits::MAX_EVENT_KEY_BYTES), "k\u{7f}"] {
        let refused = guard(instance.raise_event("Go", "").key(key)).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidName(_)), "{key:?}: {refused}");
    }
    let large = guard(instance.raise_event("Go", too_large())).await.unwrap_err();
    assert!(too_large_as_payload(&large), "{large}");
    assert_eq!(events(&host, &id("i")).await, before);
}

#[tokio::test]
async fn an_instance_that_does_not_exist_is_not_found_by_any_call() {
    let host = host().await;
    let unknown = id("unknown");
    let instance = host.instance::<String>(&unknown);
    let errors = [
        guard(instance.raise_event("Go", "")).await.unwrap_err(),
        guard(instance.result()).await.unwrap_err(),
        guard(instance.status()).await.unwrap_err(),
        guard(instance.history()).await.unwrap_err(),
        guard(instance.terminate("why not")).await.unwrap_err(),
        guard(host.purge(&unknown)).await.unwrap_err(),
        guard(host.actor(&unknown)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, Error::NotFound { instance } if *instance == unknown), "{error}");
    }
    assert_eq!(stored(&host).await, 0);
    until(|| host.in_memory() == 0).await;
}

#[tokio::test]
async fn a_finished_instance_takes_nothing_more() {
    let host = host().await;
    let instance = host.start_new(waiting, String::new()).id("i").await.unwrap();
    instance.raise_event("Go", "").await.unwrap();
    guard(instance.result()).await.unwrap();
    let before = events(&host, &id("i")).await;
    let raised = guard(instance.raise_event("Go", "")).await.unwrap_err();
    assert!(matches!(raised, Error::Finished { .. }), "{raised}");
    let terminated = guard(instance.terminate("too late")).await.unwrap_err();
    assert!(matches!(terminated, Error::Finished { .. }), "{terminated}");
    let actor = guard(instance.actor()).await.unwrap_err();
    assert!(matches!(actor, Error::Finished { .. }), "{actor}");
    assert_eq!(events(&host, &id("i")).await, before);
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused_whether_its_instance_runs_or_has_finished() {
    let host = host().await;
    let instance = host.start_new(waiting, "first".into()).id("i").await.unwrap();
    let running = guard(host.start_new(waiting, "second".into()).id("i")).await.unwrap_err();
    assert!(matches!(running, Error::AlreadyExists { .. }), "{running}");

    instance.raise_event("Go", "").await.unwrap();
    guard(instance.result()).await.unwrap();
    until(|| host.in_memory() == 0).await;
    let before = events(&host, &id("i")).await;
    let finished = guard(host.start_new(waiting, "third".into()).id("i")).await.unwrap_err();
    assert!(matches!(finished, Error::AlreadyExists { .. }), "{finished}");
    assert_eq!(events(&host, &id("i")).await, before);
    assert_eq!(stored(&host).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_starts_with_one_id_at_the_same_time_exactly_one_counts() {
    let host = host().await;
    for round in 0..200 {
        let name = format!("i{round}");
        let start = |input: &str| {
            let start = host.start_new(waiting, input.to_string()).id(&name);
            tokio::spawn(start.into_future())
        };
        let starts = futures::future::join_all([start("a"), start("b"), start("c")]);
        let started: Vec<_> =
            guard(starts).await.into_iter().map(|joined| joined.unwrap()).collect();
        let (counted, refused): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
        assert_eq!(counted.len(), 1);
        for refused in refused {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Error::AlreadyExists { .. }), "{refused}");
        }
    }
    assert_eq!(stored(&host).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_counts_although_somebody_asks_for_its_id_at_the_same_time() {
    let faulty = Faulty::new(store().0);
    let host = builder().provider(faulty.clone()).start().await.unwrap();
    // Somebody raises an event too early, and the look for the instance takes its time.
    faulty.summaries.close();
    let looks = faulty.summaries.came();
    let early = tokio::spawn(host.raise_event(&id("i"), "Go", "early").into_future());
    faulty.summaries.until_came(looks + 1).await;
    let mut start = Box::pin(host.start_new(waiting, String::new()).id("i").into_future());
    assert!(futures::poll!(start.as_mut()).is_pending());
    faulty.summaries.let_all_through();

    let early = guard(early).await.unwrap().unwrap_err();
    assert!(matches!(early, Error::NotFound { .. }), "{early}");
    let instance = guard(start).await.expect("nobody else has the id");
    guard(instance.raise_event("Go", "in time")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "in time");
}

#[tokio::test]
async fn what_is_registered_twice_is_refused_at_the_start_of_the_host() {
    let orchestration = builder().orchestration(waiting).start().await.expect_err("refused");
    assert_eq!(
        orchestration.to_string(),
        "`waiting` is registered twice; give one of them another name"
    );
    let activity = builder().register_activity("length", |_, ()| async { Ok(()) });
    let activity = activity.start().await.expect_err("refused");
    assert!(matches!(activity, Error::RegisteredTwice { .. }), "{activity}");
    let both = builder().register_activity("waiting", |_, ()| async { Ok(()) });
    both.start()
        .await
        .map(drop)
        .expect("an activity may be called what an orchestration is called");
}

#[tokio::test]
async fn a_name_that_is_invalid_cannot_be_registered() {
    for name in ["", "a\nb", &too_long(limits::MAX_NAME_BYTES)] {
        let activity = builder().register_activity(name, |_, ()| async { Ok(()) });
        let refused = activity.start().await.expect_err("refused");
        assert!(matches!(refused, Error::InvalidName(_)), "{name:?}: {refused}");
        let orchestration = builder().register_orchestration(name, |_, ()| async { Ok(()) });
        let refused = orchestration.start().await.expect_err("refused");
        assert!(matches!(refused, Error::InvalidName(_)), "{name:?}: {refused}");
    }
}

#[tokio::test]
async fn a_limit_for_an_activity_that_is_not_registered_is_refused() {
    let limited = HostOptions::new().max_activities_of("lenght", 1);
    let refused = builder().options(limited).start().await.expect_err("refused");
    assert!(matches!(refused, Error::UnknownActivity { .. }), "{refused}");
}

#[tokio::test]
async fn a_host_without_a_provider_is_refused() {
    let refused = Host::builder().orchestration(waiting).start().await.expect_err("refused");
    assert!(matches!(refused, Error::NoProvider), "{refused}");
}

#[tokio::test]
async fn limits_of_zero_count_as_one() {
    let none = options()
        .max_activities(0)
        .max_activities_of("length", 0)
        .max_instances(0)
        .max_messages(0)
        .when_busy(WhenBusy::Wait);
    let host = builder()
        .options(none)
        .register_orchestration("measures", |ctx: OrchestrationContext, text: String| async move {
            Ok(ctx.call_activity(length, text).await?)
        })
        .start()
        .await
        .unwrap();
    let instance = guard(host.start_new_by_name::<usize>("measures", "four")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 4);
}

#[tokio::test]
async fn a_reason_that_is_too_long_is_cut_and_says_so() {
    let host = host().await;
    let instance = host.start_new(waiting, String::new()).id("i").await.unwrap();
    let reason = too_long(limits::MAX_MESSAGE_BYTES);
    guard(instance.terminate(&reason)).await.unwrap();
    let Err(Error::Terminated { reason, .. }) = guard(instance.result()).await else {
        panic!("it was terminated")
    };
    assert_eq!(reason.len(), limits::MAX_MESSAGE_BYTES);
    assert!(reason.ends_with("… (cut)"));
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Terminated);
}
