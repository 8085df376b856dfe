//! Cases of append blobs and their leases, which fence a journal.

use reenact_providers::azure::port::{Metadata, Only};

use crate::stage::{Stage, failure, lease, unmet};

pub(crate) async fn appended_blocks_stand_one_after_the_other(stage: &Stage) {
    leased(stage).await;
    append(stage, b"one", 0).await;
    append(stage, b"two", 3).await;
    assert_eq!(read(stage).await, b"onetwo");
}

pub(crate) async fn an_append_blob_is_made_once_and_never_emptied(stage: &Stage) {
    leased(stage).await;
    append(stage, b"one", 0).await;
    assert_eq!(failure(stage.port.create_append_blob("log").await), "exists");
    assert_eq!(read(stage).await, b"one");
}

pub(crate) async fn an_append_at_another_place_is_refused(stage: &Stage) {
    leased(stage).await;
    append(stage, b"one", 0).await;
    for place in [0, 2, 4, u64::MAX] {
        let refused = stage.port.append("log", b"two".to_vec(), place, &lease(1)).await;
        assert_eq!(unmet(refused), "AppendPositionConditionNotMet", "{place}");
    }
    assert_eq!(read(stage).await, b"one");
}

pub(crate) async fn an_append_without_the_lease_being_taken_is_refused(stage: &Stage) {
    stage.port.create_append_blob("log").await.unwrap();
    let refused = stage.port.append("log", b"one".to_vec(), 0, &lease(1)).await;
    assert_eq!(unmet(refused), "LeaseNotPresentWithBlobOperation");
    assert_eq!(read(stage).await, b"");
}

pub(crate) async fn an_append_under_anothers_lease_is_refused(stage: &Stage) {
    leased(stage).await;
    let refused = stage.port.append("log", b"one".to_vec(), 0, &lease(2)).await;
    assert_eq!(unmet(refused), "LeaseIdMismatchWithBlobOperation");
    assert_eq!(read(stage).await, b"");
}

pub(crate) async fn an_append_under_a_broken_lease_is_refused(stage: &Stage) {
    leased(stage).await;
    append(stage, b"one", 0).await;
    stage.port.break_lease("log").await.unwrap();
    let refused = stage.port.append("log", b"two".to_vec(), 3, &lease(1)).await;
    assert_eq!(unmet(refused), "LeaseNotPresentWithBlobOperation");
    assert_eq!(read(stage).await, b"one");
}

pub(crate) async fn an_append_to_a_blob_that_is_not_there_is_not_found(stage: &Stage) {
    let refused = stage.port.append("log", b"one".to_vec(), 0, &lease(1)).await;
    assert_eq!(failure(refused), "not found");
}

pub(crate) async fn an_append_makes_another_version(stage: &Stage) {
    leased(stage).await;
    append(stage, b"one", 0).await;
    let before = stage.port.get("log", 0, None).await.unwrap().etag;
    append(stage, b"two", 3).await;
    assert_ne!(stage.port.get("log", 0, None).await.unwrap().etag, before);
}

pub(crate) async fn a_lease_is_taken_by_one(stage: &Stage) {
    leased(stage).await;
    let refused = stage.port.acquire_lease("log", &lease(2)).await;
    assert_eq!(unmet(refused), "LeaseAlreadyPresent");
}

pub(crate) async fn a_lease_is_taken_again_under_the_same_id(stage: &Stage) {
    leased(stage).await;
    stage.port.acquire_lease("log", &lease(1)).await.unwrap();
    append(stage, b"one", 0).await;
}

pub(crate) async fn a_broken_lease_can_be_taken_by_another(stage: &Stage) {
    leased(stage).await;
    append(stage, b"one", 0).await;
    stage.port.break_lease("log").await.unwrap();
    stage.port.acquire_lease("log", &lease(2)).await.unwrap();
    let late = stage.port.append("log", b"late".to_vec(), 3, &lease(1)).await;
    assert_eq!(unmet(late), "LeaseIdMismatchWithBlobOperation");
    stage.port.append("log", b"two".to_vec(), 3, &lease(2)).await.unwrap();
    assert_eq!(read(stage).await, b"onetwo");
}

pub(crate) async fn breaking_what_is_not_leased_is_no_error(stage: &Stage) {
    stage.port.create_append_blob("log").await.unwrap();
    stage.port.break_lease("log").await.unwrap();
    stage.port.acquire_lease("log", &lease(1)).await.unwrap();
    stage.port.break_lease("log").await.unwrap();
    stage.port.break_lease("log").await.unwrap();
}

pub(crate) async fn a_lease_of_what_is_not_there_is_not_found(stage: &Stage) {
    assert_eq!(failure(stage.port.acquire_lease("log", &lease(1)).await), "not found");
    assert_eq!(failure(stage.port.break_lease("log").await), "not found");
}

pub(crate) async fn a_leased_blob_is_not_deleted(stage: &Stage) {
    leased(stage).await;
    assert_eq!(unmet(stage.port.delete("log").await), "LeaseIdMissing");
    stage.port.break_lease("log").await.unwrap();
    stage.port.delete("log").await.unwrap();
    stage.port.put("log", vec![], &Metadata::new(), &Only::IfNew).await.unwrap();
}

/// An empty append blob under the first lease.
async fn leased(stage: &Stage) {
    stage.port.create_append_blob("log").await.unwrap();
    stage.port.acquire_lease("log", &lease(1)).await.unwrap();
}

async fn append(stage: &Stage, bytes: &[u8], place: u64) {
    stage.port.append("log", bytes.to_vec(), place, &lease(1)).await.unwrap();
}

async fn read(stage: &Stage) -> Vec<u8> {
    stage.port.get("log", 0, None).await.unwrap().bytes
}
