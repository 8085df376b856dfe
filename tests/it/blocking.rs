//! Activities that block their thread: they have one for themselves, and hold up nobody.

mod ends;
mod what_works;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::kit::{Door, Way, guard, id, on_the_tests_runtime, options, store};
use reenact::prelude::*;
use reenact::{Error, ErrorKind, HostBuilder, NamedActivity, ShardThreads};

/// Blocks its thread at a door, in a plain function.
#[activity(blocking)]
fn block(_ctx: ActivityContext, State(way): State<Way>, number: u64) -> Result<u64, String> {
    way.pass();
    Ok(number)
}

/// Blocks its thread at a door, in the midst of async code.
#[activity(blocking)]
async fn block_and_await(
    _ctx: ActivityContext,
    State(way): State<Way>,
    number: u64,
) -> Result<u64, String> {
    tokio::task::yield_now().await;
    way.pass();
    tokio::task::yield_now().await;
    Ok(number)
}

/// Blocks nothing.
#[activity]
async fn quick(_ctx: ActivityContext, number: u64) -> Result<u64, String> {
    Ok(number)
}

/// Calls one activity, by its name.
#[orchestration]
async fn call(
    ctx: OrchestrationContext,
    (name, n): (String, u64),
) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity_by_name(NamedActivity::new(&name), &n).await?)
}

fn host(door: &Door, options: HostOptions) -> HostBuilder {
    Host::builder()
        .provider(store().0.with_shards(1))
        .options(options)
        .state(door.way())
        .orchestration(call)
        .activity(block)
        .activity(block_and_await)
        .activity(quick)
}

async fn start(host: &Host, instance: &str, activity: &str) -> InstanceHandle<u64> {
    let input = (activity.to_owned(), 7);
    guard(host.start_new(call, input).id(instance)).await.unwrap()
}

/// Runs this many instances to their end, each with a few steps.
async fn run_neighbours(host: &Host, called: &str, many: u64) {
    for n in 0..many {
        let instance = start(host, &format!("{called}-{n}"), "quick").await;
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
    }
}

#[tokio::test]
async fn an_activity_that_blocks_does_not_hold_up_the_other_instances_of_its_shard() {
    let own_threads = options().threads(ShardThreads::Exactly(1));
    for options in [own_threads, on_the_tests_runtime()] {
        for activity in ["block", "block_and_await"] {
            let door = Door::closed();
            let host = guard(host(&door, options.clone()).start()).await.unwrap();
            let blocked = start(&host, "blocked", activity).await;
            door.until_came(1).await;
            run_neighbours(&host, "neighbour", 10).await;
            door.open();
            assert_eq!(guard(blocked.result()).await.unwrap(), 7);
            assert_eq!(door.came(), ["reenact-blocking"]);
            guard(host.shutdown()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn methods_and_activities_of_others_can_be_said_to_block() {
    struct Files(Way);

    #[activities]
    impl Files {
        #[activity(blocking)]
        fn read(&self, _ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
            self.0.pass();
            Ok(number)
        }

        #[activity(name = "size", blocking)]
        async fn size(
            self: Arc<Self>,
            _ctx: ActivityContext,
            n: u64,
        ) -> Result<u64, ActivityError> {
            self.0.pass();
            Ok(n)
        }
    }

    /// As somebody else wrote it.
    #[activity]
    async fn theirs(
        _: ActivityContext,
        State(way): State<Way>,
        n: u64,
    ) -> Result<u64, ActivityError> {
        way.pass();
        Ok(n)
    }

    let door = Door::closed();
    let way = door.way();
    let host = host(&door, on_the_tests_runtime().blocking_activities(["theirs", "closure"]))
        .activities(Files(door.way()))
        .activity(theirs)
        .register_activity("closure", move |_: ActivityContext, number: u64| {
            // All of it, not its future only.
            way.pass();
            async move { Ok(number) }
        });
    let host = guard(host.start()).await.unwrap();
    let mut started = Vec::new();
    for name in ["Files::read", "size", "theirs", "closure"] {
        started.push(start(&host, name, name).await);
    }
    door.until_came(4).await;
    run_neighbours(&host, "neighbour", 2).await;
    door.open();
    for instance in started {
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
    }
    assert_eq!(door.came(), ["reenact-blocking"; 4]);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_not_registered_cannot_block() {
    let door = Door::closed();
    for (name, error) in [("nobody", "activity `nobody` is not registered"), ("", "name")] {
        let blocking_activities = BTreeSet::from([name.to_owned()]);
        let refused = host(&door, options().blocking_activities(blocking_activities)).start().await;
        let refused = refused.map(drop).unwrap_err();
        assert!(refused.to_string().contains(error), "{refused}");
        assert_eq!(matches!(refused, Error::UnknownActivity { .. }), name == "nobody");
    }
    let blocking_activities = BTreeSet::from(["nobody".to_owned()]);
    let refused = host(&door, options().blocking_activities(blocking_activities)).start().await;
    assert_eq!(refused.map(drop).unwrap_err().kind(), ErrorKind::Setup);
}

#[tokio::test]
async fn without_a_free_thread_it_waits_and_others_go_on() {
    // 0 counts as 1.
    for max_blocking_activities in [0, 1] {
        let door = Door::closed();
        let options = on_the_tests_runtime()
            .max_blocking_activities(max_blocking_activities)
            .max_activities(2);
        let host = guard(host(&door, options).start()).await.unwrap();
        let mut waiting = vec![start(&host, "first", "block").await];
        door.until_came(1).await;
        for n in 0..3 {
            waiting.push(start(&host, &format!("waiting-{n}"), "block_and_await").await);
        }
        // They wait for a thread, and take no place meanwhile: there is one for all of these.
        run_neighbours(&host, "neighbour", 10).await;
        assert_eq!(door.came().len(), 1);
        for (n, instance) in waiting.into_iter().enumerate() {
            door.until_came(n + 1).await;
            assert_eq!(door.came().len(), n + 1);
            door.let_one_through();
            assert_eq!(guard(instance.result()).await.unwrap(), 7);
        }
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn one_with_a_tag_waits_for_a_thread_too() {
    #[orchestration]
    async fn tagged(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
        Ok(ctx.call_activity(block.with(ActivityOptions::new().tag("files")), 7).await?)
    }
    let door = Door::closed();
    let options = options().max_blocking_activities(1).tags(["files"]);
    let host = host(&door, options).provider(store().0.with_shards(2).shared());
    let host = guard(host.orchestration(tagged).start()).await.unwrap();
    let mut started = Vec::new();
    for _ in 0..3 {
        started.push(guard(host.start_new(tagged, ())).await.unwrap());
    }
    for n in 1..=3 {
        door.until_came(n).await;
        run_neighbours(&host, &format!("round-{n}"), 2).await;
        assert_eq!(door.came().len(), n);
        door.let_one_through();
    }
    for instance in started {
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn places_count_for_those_that_block_too() {
    let door = Door::closed();
    let options = on_the_tests_runtime().max_activities_of("block", 1);
    let host = guard(host(&door, options).start()).await.unwrap();
    let first = start(&host, "first", "block").await;
    door.until_came(1).await;
    let second = start(&host, "second", "block").await;
    let other = start(&host, "other", "block_and_await").await;
    door.until_came(2).await;
    run_neighbours(&host, "neighbour", 2).await;
    assert_eq!(door.came().len(), 2);
    door.open();
    for instance in [first, second, other] {
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_blocks_on_its_own_thread_has_not_stalled() {
    let door = Door::closed();
    let way = door.way();
    let stalls_after = Duration::from_millis(1);
    let options = options().stalls_after(stalls_after).threads(ShardThreads::Exactly(2));
    let host = host(&door, options).provider(store().0.with_shards(2)).register_activity(
        "holds",
        move |_: ActivityContext, number: u64| {
            way.pass();
            async move { Ok(number) }
        },
    );
    let host = guard(host.start()).await.unwrap();
    let blocked = start(&host, "blocked", "block").await;
    door.until_came(1).await;
    let held = start(&host, "held", "holds").await;
    // The watchdog looks into all threads at once.
    crate::kit::until(|| !host.stalled().is_empty()).await;
    let stalled: Vec<_> = host.stalled().into_iter().map(|stalled| stalled.instance).collect();
    assert_eq!(stalled, [id("held")]);
    door.open();
    for instance in [blocked, held] {
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
    }
    guard(host.shutdown()).await.unwrap();
}
