//! Blob operations by the unofficial crates.

use std::num::NonZeroU32;
use std::time::Duration;

use azure_core_legacy::prelude::{
    IfMatchCondition, LeaseDuration, LeaseId as Lease, MaxResults, Metadata as Headers, NextMarker,
    Prefix, ProposedLeaseId,
};
use azure_storage_blobs::prelude::{Blob, BlobClient, ConditionAppendPosition};
use futures_util::StreamExt;

use super::{Storage, meaning, unreadable};
use crate::azure::port::{BlobEntry, BlobPage, Etag, Got, LeaseId, Metadata, Only, PortErrorKind};
use crate::azure::wire;

fn blob(storage: &Storage, name: &str) -> BlobClient {
    storage.blobs.blob_client(name)
}

pub(super) async fn create_container(storage: &Storage) -> Result<(), PortErrorKind> {
    storage.blobs.create().into_future().await.map_err(|error| meaning(&error))
}

pub(super) async fn list(
    storage: &Storage,
    prefix: &str,
    marker: Option<&str>,
) -> Result<BlobPage, PortErrorKind> {
    let mut list = storage.blobs.list_blobs().include_metadata(true);
    if !prefix.is_empty() {
        list = list.prefix(Prefix::new(prefix.to_owned()));
    }
    if let Some(marker) = marker {
        list = list.marker(NextMarker::new(marker.to_owned()));
    }
    if let Some(blobs) = NonZeroU32::new(storage.blobs_per_page) {
        list = list.max_results(MaxResults::new(blobs));
    }
    let page = list.into_stream().next().await.ok_or_else(|| unreadable("no page"))?;
    let page = page.map_err(|error| meaning(&error))?;
    let next = page.next_marker.as_ref().map(|marker| marker.as_str().to_owned());
    Ok(BlobPage { blobs: page.blobs.blobs().map(entry).collect(), next })
}

fn entry(blob: &Blob) -> BlobEntry {
    BlobEntry {
        name: blob.name.clone(),
        size: blob.properties.content_length,
        etag: wire::etag(blob.properties.etag.as_ref()),
        metadata: blob.metadata.clone().unwrap_or_default().into_iter().collect(),
    }
}

pub(super) async fn get(
    storage: &Storage,
    name: &str,
    from: u64,
    length: Option<u64>,
) -> Result<Got, PortErrorKind> {
    let asked = wire::range(from, length);
    // One chunk, so that one call is one request.
    let chunk = asked.end - asked.start;
    let mut chunks = blob(storage, name).get().range(asked).chunk_size(chunk).into_stream();
    let answer = match chunks.next().await {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => return wire::nothing_after_the_end(meaning(&error)),
        None => return Err(unreadable("no blob")),
    };
    let etag = wire::etag(answer.blob.properties.etag.as_ref());
    let bytes = answer.data.collect().await.map_err(|error| meaning(&error))?;
    Ok(wire::got(bytes.into(), length, Some(etag)))
}

pub(super) async fn put(
    storage: &Storage,
    name: &str,
    bytes: Vec<u8>,
    metadata: &Metadata,
    only: &Only,
) -> Result<Etag, PortErrorKind> {
    let mut headers = Headers::new();
    for (name, value) in metadata {
        headers.insert(name.clone(), value.clone());
    }
    let put = blob(storage, name).put_block_blob(bytes).metadata(headers);
    let put = match only {
        Only::Always => put,
        Only::IfNew => put.if_match(if_new()),
        Only::IfMatch(etag) => put.if_match(IfMatchCondition::Match(wire::quoted(etag))),
    };
    let answer = put.into_future().await.map_err(|error| meaning(&error))?;
    Ok(wire::etag(&answer.etag))
}

fn if_new() -> IfMatchCondition {
    IfMatchCondition::NotMatch("*".to_owned())
}

pub(super) async fn delete(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    let deleted = blob(storage, name).delete().into_future().await;
    deleted.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn create_append_blob(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    // Without the condition, one that is there would be emptied.
    let create = blob(storage, name).put_append_blob().if_match(if_new());
    create.into_future().await.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn append(
    storage: &Storage,
    name: &str,
    bytes: Vec<u8>,
    position: u64,
    lease: &LeaseId,
) -> Result<(), PortErrorKind> {
    let append = blob(storage, name)
        .append_block(bytes)
        .condition_append_position(ConditionAppendPosition::new(position))
        .lease_id(lease_of(lease)?);
    append.into_future().await.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn acquire_lease(
    storage: &Storage,
    name: &str,
    id: &LeaseId,
) -> Result<(), PortErrorKind> {
    let acquire = blob(storage, name)
        .acquire_lease(LeaseDuration::Infinite)
        .proposed_lease_id(ProposedLeaseId::from(lease_of(id)?));
    acquire.into_future().await.map(drop).map_err(|error| meaning(&error))
}

/// The crate takes nothing but UUIDs, as does the service.
fn lease_of(id: &LeaseId) -> Result<Lease, PortErrorKind> {
    let code = "InvalidHeaderValue".to_owned();
    id.0.parse().map_err(|_| PortErrorKind::Refused { status: 400, code })
}

pub(super) async fn break_lease(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    let broken = blob(storage, name).break_lease().lease_break_period(Duration::ZERO);
    match broken.into_future().await {
        Ok(_) => Ok(()),
        Err(error) => wire::no_lease_is_no_error(meaning(&error)),
    }
}
