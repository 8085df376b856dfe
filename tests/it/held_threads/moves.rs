//! Shards that move to another host while code holds their thread.

use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{Error, InstanceFilter, InstanceState, ShardThreads};

use super::scene::{Held, begin_waiting, host, replaces};
use crate::kit::{guard, id};

const SHARDS: u32 = 4;

fn named(name: &str, options: HostOptions) -> HostOptions {
    options.host_name(name.to_owned())
}

/// The ids of instances, one in each shard.
fn one_of_each() -> Vec<InstanceId> {
    let in_shard = |shard| {
        let mut ids = (0..).map(|number| id(&format!("i-{number}")));
        ids.find(|id| ShardId::of(id, SHARDS) == ShardId(shard)).unwrap()
    };
    (0..SHARDS).map(in_shard).collect()
}

/// All of a host's shards have code that loops when another host comes, and gets its part of them.
async fn move_shards(first: HostOptions) {
    let held = Held::default();
    let _at_the_end = held.let_go_at_the_end();
    let memory = InMemory::new().with_shards(SHARDS).with_clock(ManualClock::default()).shared();
    let first = host(memory.clone(), &held, named("first", first)).start().await.unwrap();
    let ids = one_of_each();
    for id in &ids {
        begin_waiting(&first, "loops", id.as_str()).await;
    }
    for id in &ids {
        let (client, id) = (first.client().clone(), id.clone());
        tokio::spawn(async move { client.raise_event(&id, "Go", ()).await });
    }
    held.until_came(1).await;

    let mended = Held::default();
    mended.let_go();
    let second = host(memory.clone(), &mended, named("second", replaces())).start().await.unwrap();
    // What was raised before had mostly not become durable. Where it waited to be sent, it may be by now.
    let client = Client::connect(memory).unwrap();
    for id in &ids {
        match guard(client.raise_event(id, "Go", ())).await {
            Ok(()) | Err(Error::Finished { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    guard(async {
        let here = async || second.client().shards().await.unwrap().into_iter();
        while here().await.filter(|shard| shard.is_here).count() < SHARDS as usize / 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let done = InstanceFilter::new().states([InstanceState::Completed]);
    guard(async {
        while client.count(&done).await.unwrap() < u64::from(SHARDS / 2) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(second.shutdown()).await.unwrap();
    guard(first.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_move_in_spite_of_code_that_holds_their_threads() {
    move_shards(replaces()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_thread_for_all_of_them_is_no_obstacle() {
    move_shards(replaces().threads(ShardThreads::Exactly(1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn shards_move_from_a_runtime_that_cannot_be_replaced() {
    let on_callers = replaces().threads(ShardThreads::OnCallersRuntime);
    move_shards(on_callers).await;
}
