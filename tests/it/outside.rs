//! Activities that return, and are completed from outside, by the tokens of their attempts.

use std::sync::{Arc, Mutex};

use crate::kit::{Faulty, HOUR, events, guard, id, options, pass_time_until, store, until_parked};
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{ActivityErrorKind, ActivityToken, Error, HostBuilder, InstanceState};

/// The tokens that were passed on, in order. Clones are the same.
type Tokens = Arc<Mutex<Vec<String>>>;

/// A host whose orchestration `calls` calls `approve` with these options. That passes its token on, and returns.
fn host(provider: impl Provider, with: ActivityOptions, tokens: &Tokens) -> HostBuilder {
    let tokens = tokens.clone();
    Host::builder()
        .provider(provider)
        .options(options().max_activities(1))
        .register_orchestration("calls", move |ctx: OrchestrationContext, ()| {
            let approve = NamedActivity::new("approve").with(with);
            async move { Ok(ctx.call_activity_by_name::<_, u32>(approve, &()).await?) }
        })
        .register_activity("approve", move |ctx: ActivityContext, (): ()| {
            tokens.lock().unwrap().push(ctx.token().to_string());
            async move { Err::<u32, _>(ActivityError::later()) }
        })
        .register_orchestration("doubles", |ctx: OrchestrationContext, n: u32| async move {
            Ok(ctx.call_activity_by_name::<_, u32>("double", &n).await?)
        })
        .register_activity("double", |_ctx, n: u32| async move { Ok(n * 2) })
}

fn plain() -> ActivityOptions {
    ActivityOptions::new()
}

async fn start(client: &Client, name: &str) -> InstanceHandle<u32> {
    guard(client.start_new_by_name("calls", ()).id(name)).await.unwrap()
}

/// The newest token, once there are so many, and the log knows that its activity has returned.
async fn token(client: &Client, tokens: &Tokens, many: usize) -> String {
    guard(async {
        loop {
            let newest = {
                let tokens = tokens.lock().unwrap();
                tokens.last().filter(|_| tokens.len() >= many).cloned()
            };
            if let Some(newest) = newest {
                let instance = newest.parse::<ActivityToken>().unwrap().instance().clone();
                let open = client.get_status(&instance).await.unwrap().activities;
                if open.first().is_none_or(|open| open.deferred) {
                    return newest;
                }
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_client_that_has_the_token_completes_the_activity_and_its_place_is_free_meanwhile() {
    let (memory, clock) = store();
    let tokens = Tokens::default();
    let host = host(memory, plain(), &tokens).start().await.unwrap();
    let waiting: Vec<_> = [start(&host, "a").await, start(&host, "b").await].into();
    let token = token(&host, &tokens, 2).await;
    // There is one place for activities.
    let doubling = guard(host.start_new_by_name::<u32>("doubles", 21_u32)).await.unwrap();
    assert_eq!(guard(doubling.result()).await.unwrap(), 42);
    clock.advance(HOUR * 24 * 30);
    let known = tokens.lock().unwrap().clone();
    assert_eq!(known.last(), Some(&token));
    for (place, token) in known.iter().enumerate() {
        guard(host.complete_activity(token, &(place as u32))).await.unwrap();
    }
    let mut results = Vec::new();
    for instance in waiting {
        results.push(guard(instance.result()).await.unwrap());
    }
    results.sort_unstable();
    assert_eq!(results, [0, 1]);
}

#[tokio::test]
async fn after_a_restart_it_does_not_run_again() {
    let (memory, _clock) = store();
    let tokens = Tokens::default();
    for round in 0..4 {
        let host = host(memory.clone(), plain(), &tokens).start().await.unwrap();
        match round {
            0 => drop(start(&host, "i").await),
            _ => {
                // It comes into memory for this, and has nothing to run.
                guard(host.suspend(&id("i"), "a look")).await.unwrap();
                guard(host.resume(&id("i"))).await.unwrap();
            }
        }
        token(&host, &tokens, 1).await;
        match round % 2 {
            0 => guard(host.abort()).await,
            _ => guard(host.shutdown()).await.unwrap(),
        }
    }
    let host = host(memory, plain(), &tokens).start().await.unwrap();
    let token = token(&host, &tokens, 1).await;
    guard(host.complete_activity(&token, &7)).await.unwrap();
    assert_eq!(guard(host.instance::<u32>(&id("i")).result()).await.unwrap(), 7);
    assert_eq!(tokens.lock().unwrap().len(), 1, "it ran once");
}

#[cfg(feature = "local")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_local_store_it_waits_in_the_archive_without_running() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("outside-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let tokens = Tokens::default();
    for round in 0..3 {
        let store = LocalOptions::new().flush_bytes(2_000).open(&path).unwrap();
        let host = host(store, plain(), &tokens).start().await.unwrap();
        if round == 0 {
            for number in 0..20 {
                start(&host, &format!("i-{number}")).await;
            }
            token(&host, &tokens, 20).await;
        }
        for number in 0..20 {
            let status = guard(host.get_status(&id(&format!("i-{number}")))).await.unwrap();
            assert_eq!(status.state, InstanceState::Running);
        }
        guard(host.shutdown()).await.unwrap();
    }
    let store = LocalOptions::new().open(&path).unwrap();
    let host = host(store, plain(), &tokens).start().await.unwrap();
    let known = tokens.lock().unwrap().clone();
    assert_eq!(known.len(), 20, "each ran once");
    for token in &known {
        guard(host.complete_activity(token, &7)).await.unwrap();
    }
    for number in 0..20 {
        let instance = host.instance::<u32>(&id(&format!("i-{number}")));
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
    }
    guard(host.shutdown()).await.unwrap();
    std::fs::remove_dir_all(&path).unwrap();
}

#[tokio::test]
async fn a_crash_before_each_append_runs_it_again_or_not_at_all() {
    for appends in 0..5 {
        let faulty = Faulty::new(store().0);
        let tokens = Tokens::default();
        let first = host(faulty.clone(), plain(), &tokens).start().await.unwrap();
        let before = faulty.appends.came();
        faulty.appends.close();
        (0..=appends).for_each(|_| faulty.appends.let_one_through());
        start(&first, "i").await;
        // The next one waits at the gate, or nothing is left.
        for _ in 0..10_000 {
            if faulty.appends.came() > before + 1 + appends {
                break;
            }
            tokio::task::yield_now().await;
        }
        guard(first.abort()).await;
        faulty.appends.let_all_through();
        let second = host(faulty, plain(), &tokens).start().await.unwrap();
        let token = token(&second, &tokens, 1).await;
        guard(second.complete_activity(&token, &7)).await.unwrap();
        let result = guard(second.instance::<u32>(&id("i")).result()).await.unwrap();
        assert_eq!(result, 7, "after {appends}");
        let again = guard(second.complete_activity(&token, &7)).await.unwrap_err();
        assert!(matches!(again, Error::TokenUsed { .. }), "{again}");
    }
}

#[tokio::test]
async fn a_completion_may_come_before_the_activity_has_returned() {
    let (memory, _clock) = store();
    let (send, sent) = tokio::sync::oneshot::channel::<String>();
    let send = Mutex::new(Some(send));
    let host = Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, u32>("approve", &()).await?)
        })
        .register_activity("approve", move |ctx: ActivityContext, (): ()| {
            let send = send.lock().unwrap().take();
            async move {
                send.into_iter().for_each(|send| send.send(ctx.token().to_string()).unwrap());
                ctx.cancelled().await;
                Err::<u32, _>(ActivityError::later())
            }
        });
    let host = host.start().await.unwrap();
    let calling = start(&host, "i").await;
    let token = guard(sent).await.unwrap();
    guard(host.complete_activity(&token, &7)).await.unwrap();
    assert_eq!(guard(calling.result()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_retried_with_another_token() {
    let tokens = Tokens::default();
    let with = plain().retry(RetryPolicy::new(2).first_delay(Duration::ZERO));
    let host = host(store().0, with, &tokens).start().await.unwrap();
    let calling = start(&host, "i").await;
    let first = token(&host, &tokens, 1).await;
    guard(host.fail_activity(&first, ActivityError::retryable("not reached"))).await.unwrap();
    let second = token(&host, &tokens, 2).await;
    assert_ne!(first, second);
    let late = guard(host.complete_activity(&first, &1)).await.unwrap_err();
    assert!(matches!(late, Error::TokenUsed { .. } | Error::TooLate { .. }), "{late}");
    guard(host.fail_activity(&second, ActivityError::fatal("no").with_details(&51))).await.unwrap();
    let Error::Failed { source, .. } = guard(calling.result()).await.unwrap_err() else {
        panic!("it failed");
    };
    assert!(source.to_string().contains("no"), "{source}");
    let used = guard(host.complete_activity(&second, &2)).await.unwrap_err();
    assert!(matches!(used, Error::TokenUsed { .. }), "{used}");
}

#[tokio::test]
async fn its_time_limits_hold_and_heartbeats_from_outside_keep_it_alive() {
    let (memory, clock) = store();
    let tokens = Tokens::default();
    let minute = Duration::from_secs(60);
    let with = plain().heartbeat(minute).start_to_close(HOUR);
    let host = host(memory, with, &tokens).start().await.unwrap();
    let calling = start(&host, "i").await;
    let token = token(&host, &tokens, 1).await;
    for beat in 0..5_u32 {
        clock.advance(minute / 2);
        guard(host.heartbeat_activity(&token, &beat)).await.unwrap();
    }
    let open = calling.status().await.unwrap().activities;
    assert_eq!(open[0].heartbeat.as_ref().unwrap().decode::<u32>().unwrap(), 4);
    let ended = pass_time_until(&clock, minute, calling.result()).await.unwrap_err();
    assert!(ended.to_string().contains("heartbeat: there was none for 60s"), "{ended}");
    let late = guard(host.complete_activity(&token, &1)).await.unwrap_err();
    assert!(matches!(late, Error::TooLate { .. }), "{late}");
    let late = guard(host.heartbeat_activity(&token, &1)).await.unwrap_err();
    assert!(matches!(late, Error::TooLate { .. }), "{late}");
}

#[tokio::test]
async fn a_limit_that_passes_while_no_host_is_there_holds() {
    let (memory, clock) = store();
    let tokens = Tokens::default();
    let with = plain().start_to_close(HOUR);
    let first = host(memory.clone(), with, &tokens).start().await.unwrap();
    start(&first, "i").await;
    let token = token(&first, &tokens, 1).await;
    guard(first.abort()).await;
    clock.advance(HOUR);
    let second = host(memory, with, &tokens).start().await.unwrap();
    let late = guard(second.complete_activity(&token, &1)).await.unwrap_err();
    assert!(matches!(late, Error::TooLate { .. }), "{late}");
    let ended = guard(second.instance::<u32>(&id("i")).result()).await.unwrap_err();
    assert!(ended.to_string().contains("start-to-close"), "{ended}");
}

#[tokio::test]
async fn what_is_no_token_or_comes_too_late_is_refused_by_type() {
    let tokens = Tokens::default();
    let host = host(store().0, plain(), &tokens).start().await.unwrap();
    let calling = start(&host, "i").await;
    let token = token(&host, &tokens, 1).await;
    for wrong in ["", "order-7", &token[1..], &token[..token.len() - 1]] {
        let refused = guard(host.complete_activity(wrong, &1)).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidToken(_)), "{refused}");
    }
    let of = token.parse::<ActivityToken>().unwrap();
    let other = |instance, id, attempt| ActivityToken::new(instance, of.run(), id, attempt);
    let unknown = other(id("nobody"), of.id(), 1);
    let refused = guard(host.complete_activity(&unknown, &1)).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    for never in [other(id("i"), reenact::CorrelationId(7), 1), other(id("i"), of.id(), 2)] {
        let refused = guard(host.complete_activity(&never, &1)).await.unwrap_err();
        assert!(matches!(refused, Error::TooLate { .. }), "{refused}");
    }
    let refused = guard(host.fail_activity(&token, ActivityError::later())).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidPayload { .. }), "{refused}");
    let large = "x".repeat(reenact::limits::MAX_HEARTBEAT_BYTES);
    let refused = guard(host.heartbeat_activity(&token, &large)).await.unwrap_err();
    assert!(matches!(refused, Error::OverLimit { .. }), "{refused}");
    guard(host.cancel(&id("i"), "enough")).await.unwrap();
    guard(calling.result()).await.unwrap_err();
    let refused = guard(host.complete_activity(&token, &1)).await.unwrap_err();
    assert!(matches!(refused, Error::TooLate { .. }), "{refused}");
    assert!(events(&host, &id("i")).await.iter().all(|event| !event.starts_with("TaskCompleted")));
}

#[tokio::test]
async fn an_output_that_is_not_of_the_type_is_an_error_of_the_call() {
    let tokens = Tokens::default();
    let host = host(store().0, plain(), &tokens).start().await.unwrap();
    let calling = start(&host, "i").await;
    let token = token(&host, &tokens, 1).await;
    guard(host.complete_activity(&token, "no number")).await.unwrap();
    let ended = guard(calling.result()).await.unwrap_err();
    assert!(ended.to_string().contains("output is not valid"), "{ended}");
}

#[tokio::test]
async fn a_parked_instance_says_so_and_is_completed_once_it_goes_on() {
    let memory = store().0;
    let tokens = Tokens::default();
    let first = host(memory.clone(), plain(), &tokens).start().await.unwrap();
    start(&first, "i").await;
    let token = token(&first, &tokens, 1).await;
    guard(first.abort()).await;
    let without = Host::builder().provider(memory.clone()).options(options());
    let without = without.start().await.unwrap();
    until_parked(&without, &id("i")).await;
    let refused = guard(without.complete_activity(&token, &7)).await.unwrap_err();
    assert!(matches!(refused, Error::Parked { .. }), "{refused}");
    guard(without.abort()).await;
    let third = host(memory, plain(), &tokens).start().await.unwrap();
    guard(third.complete_activity(&token, &7)).await.unwrap();
    assert_eq!(guard(third.instance::<u32>(&id("i")).result()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_local_activity_cannot_be_completed_from_outside() {
    let host = Host::builder()
        .provider(store().0)
        .options(options())
        .register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
            let called = ctx.call_local_by_name::<_, u32>("approve", &()).await;
            Ok(called.is_err_and(|error| error.kind() == ActivityErrorKind::Fatal))
        })
        .register_activity("approve", |_ctx, (): ()| async move {
            Err::<u32, _>(ActivityError::later())
        });
    let host = host.start().await.unwrap();
    let calling = guard(host.start_new_by_name::<bool>("calls", ())).await.unwrap();
    assert!(guard(calling.result()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_host_completes_it_through_a_queue() {
    let (memory, _clock) = store();
    let memory = memory.with_shards(2).shared();
    let client = Client::connect(memory.clone()).unwrap();
    let tokens = Tokens::default();
    let first = host(memory.clone(), plain(), &tokens).start().await.unwrap();
    for shard in 0..2 {
        let mut names = (0..).map(|number| format!("i-{shard}-{number}"));
        let name = names.find(|name| ShardId::of(&id(name), 2) == ShardId(shard)).unwrap();
        let calling = start(&first, &name).await;
        let token = token(&first, &tokens, shard as usize + 1).await;
        guard(client.heartbeat_activity(&token, &1)).await.unwrap();
        guard(client.complete_activity(&token, &7)).await.unwrap();
        assert_eq!(guard(calling.result()).await.unwrap(), 7);
        let used = guard(client.complete_activity(&token, &8)).await.unwrap_err();
        assert!(matches!(used, Error::TokenUsed { .. }), "{used}");
    }
    assert_eq!(guard(first.quarantined(None, 10)).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_with_a_tag_returns_on_another_host_and_is_not_delivered_again() {
    let (memory, clock) = store();
    let memory = memory.with_shards(2).shared();
    let tokens = Tokens::default();
    // It has no shards to itself: it runs what has the tag.
    let owner = host(memory.clone(), plain().tag("people"), &Tokens::default());
    let owner = owner.options(options().host_name("owner")).start().await.unwrap();
    let worker = host(memory.clone(), plain().tag("people"), &tokens);
    let worker = worker.options(options().host_name("worker").tags(["people"]));
    let worker = worker.start().await.unwrap();
    let calling = start(&owner, "i").await;
    let token = token(&owner, &tokens, 1).await;
    for _ in 0..10 {
        clock.advance(reenact::providers::limits::VISIBILITY_TIME);
        tokio::task::yield_now().await;
    }
    guard(worker.complete_activity(&token, &7)).await.unwrap();
    assert_eq!(guard(calling.result()).await.unwrap(), 7);
    assert_eq!(tokens.lock().unwrap().len(), 1, "it ran once");
}
