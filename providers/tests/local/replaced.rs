//! What becomes of a store whose directory is renamed, removed or replaced while it is open.

use std::fs;
use std::path::Path;

use reenact_core::ShardId;
use reenact_providers::InstanceState::Running;
use reenact_providers::{Batch, InstanceFilter, Lease, Local, OpenError, Provider, ProviderError};

use super::kit::{Owner, Scratch, contents, history, options, turn};

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        if from.is_dir() {
            copy(&from, &to.join(name));
        } else {
            fs::copy(&from, to.join(name)).unwrap();
        }
    }
}

/// The turns of "a" as far as this one.
fn up_to(number: u64) -> Vec<Vec<u8>> {
    (0..=number).map(|number| format!("a/{number}").into_bytes()).collect()
}

async fn append(store: &Local, lease: &Lease, number: u64) -> Result<(), ProviderError> {
    let turns = vec![turn("a", number, Running)];
    let batch = Batch { shard: lease.shard, epoch: lease.epoch, turns };
    store.histories().append(batch.into()).await.map(drop)
}

async fn acquired(store: &Local) -> Result<Lease, ProviderError> {
    let instance = turn("a", 0, Running).summary.instance;
    store.leases().acquire(ShardId::of(&instance, store.shards()), "test").await
}

#[tokio::test]
async fn a_backup_that_is_put_in_its_place_is_left_alone_and_nothing_more_is_taken() {
    for flush_bytes in [1, usize::MAX / 2] {
        let scratch = Scratch::new();
        let (path, backup, aside) =
            (scratch.join("store"), scratch.join("backup"), scratch.join("aside"));
        Owner::of(options(flush_bytes).open(&path).unwrap())
            .await
            .append(&[turn("a", 0, Running)])
            .await;
        copy(&path, &backup);

        let store = options(flush_bytes).open(&path).unwrap();
        let lease = acquired(&store).await.unwrap();
        append(&store, &lease, 1).await.unwrap();
        append(&store, &lease, 2).await.unwrap();
        fs::rename(&path, &aside).unwrap();
        fs::rename(&backup, &path).unwrap();
        let before = contents(&path);
        for _ in 0..3 {
            let refused = append(&store, &lease, 3).await.unwrap_err();
            assert!(matches!(refused, ProviderError::Moved { .. }), "{refused}");
            assert!(refused.to_string().contains("store"), "{refused}");
        }
        // Read is what was opened, or nothing.
        let count = store.histories().count(&InstanceFilter::new()).await;
        assert!(matches!(count, Ok(1) | Err(ProviderError::Unavailable { .. })), "{count:?}");
        drop(store);
        assert!(contents(&path) == before, "nothing is changed in the backup");

        let restored = options(flush_bytes).open(&path).unwrap();
        assert_eq!(history(&restored, "a").await, up_to(0));
        let moved = options(flush_bytes).open(&aside).unwrap();
        assert_eq!(history(&moved, "a").await, up_to(2), "all that was acknowledged");
    }
}

#[tokio::test]
async fn a_directory_that_is_put_back_goes_on() {
    let scratch = Scratch::new();
    let (path, aside) = (scratch.join("store"), scratch.join("aside"));
    let store = options(1).open(&path).unwrap();
    let lease = acquired(&store).await.unwrap();
    append(&store, &lease, 0).await.unwrap();
    fs::rename(&path, &aside).unwrap();
    let refused = append(&store, &lease, 1).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Moved { .. }), "{refused}");
    assert!(!path.exists(), "nothing is made in its place");
    // The shard goes down for it, and cannot come up.
    store.leases().release(&lease).await.unwrap();
    let refused = acquired(&store).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Moved { .. }), "{refused}");

    fs::rename(&aside, &path).unwrap();
    let lease = acquired(&store).await.unwrap();
    append(&store, &lease, 1).await.unwrap();
    drop(store);
    assert_eq!(history(&options(1).open(&path).unwrap(), "a").await, up_to(1));
}

#[tokio::test]
async fn an_archive_that_is_put_in_the_place_of_the_open_one_is_not_read() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    Owner::of(options(1).open(&path).unwrap()).await.append(&[turn("a", 0, Running)]).await;
    let store = options(1).open(&path).unwrap();
    fs::rename(path.join("archive.db"), path.join("old")).unwrap();
    fs::copy(path.join("old"), path.join("archive.db")).unwrap();
    let refused = store.histories().count(&InstanceFilter::new()).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unavailable { .. }), "{refused}");
    assert!(refused.to_string().contains("archive.db"), "{refused}");
}

#[tokio::test]
async fn a_store_at_the_end_of_a_link_goes_on_where_the_link_leads_to_it() {
    let scratch = Scratch::new();
    let (path, link, other) = (scratch.join("store"), scratch.join("link"), scratch.join("other"));
    drop(options(1).open(&path).unwrap());
    fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = options(1).open(&link).unwrap();
    let lease = acquired(&store).await.unwrap();
    append(&store, &lease, 0).await.unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    let refused = append(&store, &lease, 1).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Moved { .. }), "{refused}");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
    assert!(matches!(options(1).open(&path), Err(OpenError::InUse { .. })), "it is still open");
}
