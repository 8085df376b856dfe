//! What instances tell each other, from host to host.

use reenact::prelude::*;

use crate::scene::{host, in_shard, shared_store, sums, until_held};
use crate::support::guard;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_on_other_hosts_tell_their_parents_how_they_ended() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for shard in 0..4 {
        let parent = first.start_new(sums, 20).id(in_shard(shard, "parent"));
        assert_eq!(guard(guard(parent).await.unwrap().result()).await.unwrap(), 420);
    }
    drop(second);
}
