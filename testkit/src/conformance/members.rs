//! Hosts that share a store: each has its part of the shards, and the others get it when the host goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reenact_core::ShardId;
use reenact_providers::{Membership, Provider};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::kit::within;
use super::{Hub, Stage};

/// A host with a handle of its own, as another process has, and what it was shown of its share last.
struct Host {
    membership: Arc<dyn Membership>,
    share: watch::Receiver<BTreeSet<ShardId>>,
    all: BTreeSet<ShardId>,
}

impl Host {
    async fn join<H: Hub>(stage: &Stage<H>, name: &str) -> Self {
        let provider = stage.open().await;
        let sharing = provider.sharing().expect("the store is one that several hosts share");
        let membership = sharing.join(name).await.expect("a host can join");
        let share = membership.share();
        Self { membership, share, all: (0..provider.shards()).map(ShardId).collect() }
    }

    async fn leave(&self) {
        self.membership.leave().await.expect("a host can leave");
    }

    fn has(&self) -> BTreeSet<ShardId> {
        self.share.borrow().clone()
    }
}

/// Waits until these hosts have all shards among them, in equal parts.
async fn until_shared(hosts: &[&Host], contract: &str) {
    let shared = async {
        loop {
            // Before the look, so that no change is missed in between.
            let mut changes = JoinSet::new();
            for host in hosts {
                let mut share = host.share.clone();
                share.mark_unchanged();
                changes.spawn(async move { share.changed().await });
            }
            if is_shared(hosts, &hosts[0].all) {
                return;
            }
            changes.join_next().await;
        }
    };
    within(shared, contract).await;
}

fn is_shared(hosts: &[&Host], all: &BTreeSet<ShardId>) -> bool {
    let shares: Vec<_> = hosts.iter().map(|host| host.has()).collect();
    let mut owners = BTreeMap::new();
    for (host, share) in shares.iter().enumerate() {
        for shard in share {
            if owners.insert(*shard, host).is_some() {
                return false;
            }
        }
    }
    let (least, most) =
        (shares.iter().map(BTreeSet::len).min(), shares.iter().map(BTreeSet::len).max());
    owners.into_keys().eq(all.iter().copied()) && least.zip(most).is_some_and(|(l, m)| m - l <= 1)
}

/// A host that is alone has all shards as soon as it has joined.
pub async fn one_host_alone_has_all_shards<H: Hub>(stage: &Stage<H>) {
    let host = Host::join(stage, "host").await;
    until_shared(&[&host], "one that is alone has all").await;
}

/// Any number of hosts have parts that differ by at most one shard, and each shard has one host.
pub async fn hosts_that_join_have_equal_parts_and_every_shard_has_one_host<H: Hub>(
    stage: &Stage<H>,
) {
    let mut hosts = Vec::new();
    for number in 0..3 {
        hosts.push(Host::join(stage, &format!("host-{number}")).await);
        let hosts: Vec<_> = hosts.iter().collect();
        until_shared(&hosts, "hosts have equal parts").await;
    }
}

/// When a host leaves, the others get its shards without waiting until it is taken for dead.
pub async fn a_host_that_leaves_is_gone_at_once<H: Hub>(stage: &Stage<H>) {
    let first = Host::join(stage, "first").await;
    let second = Host::join(stage, "second").await;
    until_shared(&[&first, &second], "hosts have equal parts").await;
    first.leave().await;
    until_shared(&[&second], "what one had that left goes to the others").await;
}

/// A host may leave twice, and may leave when it is alone.
pub async fn leaving_twice_is_no_error<H: Hub>(stage: &Stage<H>) {
    let host = Host::join(stage, "host").await;
    host.leave().await;
    host.leave().await;
    drop(host);
    let next = Host::join(stage, "next").await;
    until_shared(&[&next], "nobody else is there").await;
}

/// When a host dies without leaving, the others get its shards after a time.
pub async fn a_host_that_died_is_gone_after_a_while<H: Hub>(stage: &Stage<H>) {
    let first = Host::join(stage, "first").await;
    let second = Host::join(stage, "second").await;
    let third = Host::join(stage, "third").await;
    until_shared(&[&first, &second, &third], "hosts have equal parts").await;
    drop(first);
    stage.outwait().await;
    until_shared(&[&second, &third], "what a dead host had goes to the others").await;
}

/// No shard moves while no host joins, leaves or dies.
pub async fn hosts_that_live_keep_their_parts_however_long<H: Hub>(stage: &Stage<H>) {
    let first = Host::join(stage, "first").await;
    let second = Host::join(stage, "second").await;
    until_shared(&[&first, &second], "hosts have equal parts").await;
    let before = (first.has(), second.has());
    stage.outwait().await;
    until_shared(&[&first, &second], "both are there still").await;
    assert_eq!((first.has(), second.has()), before, "nothing moves while nobody comes or goes");
}

/// Two hosts of the same name are two hosts: the name is for people.
pub async fn hosts_of_one_name_are_two<H: Hub>(stage: &Stage<H>) {
    let first = Host::join(stage, "host").await;
    let second = Host::join(stage, "host").await;
    until_shared(&[&first, &second], "hosts of one name have equal parts").await;
}

/// A host that joins again after its death is a new host.
pub async fn a_host_that_comes_back_is_a_new_one<H: Hub>(stage: &Stage<H>) {
    drop(Host::join(stage, "host").await);
    stage.outwait().await;
    let host = Host::join(stage, "host").await;
    until_shared(&[&host], "the dead one is forgotten").await;
}
