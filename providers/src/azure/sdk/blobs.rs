//! Blob operations by Microsoft's crates.

use std::collections::HashMap;
use std::num::NonZero;

use azure_core::http::{NoFormat, RequestContent};
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{
    AppendBlobClientAppendBlockOptions, AppendBlobClientCreateOptions,
    BlobClientAcquireLeaseOptions, BlobClientBreakLeaseOptions, BlobClientDownloadOptions,
    BlobContainerClientListBlobsOptions, BlobItem, BlockBlobClientUploadOptions, HttpRange,
    ListBlobsIncludeItem,
};
use futures_util::TryStreamExt;

use super::{NEVER_ENDING, Storage, meaning, unreadable};
use crate::azure::port::{BlobEntry, BlobPage, Etag, Got, LeaseId, Metadata, Only, PortErrorKind};
use crate::azure::wire;

/// Blobs are read and written whole, so that one call is one request.
const WHOLE: NonZero<usize> = NonZero::<usize>::MAX;

fn blob(storage: &Storage, name: &str) -> BlobClient {
    storage.blobs.blob_client(name)
}

pub(super) async fn create_container(storage: &Storage) -> Result<(), PortErrorKind> {
    storage.blobs.create(None).await.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn list(
    storage: &Storage,
    prefix: &str,
    marker: Option<&str>,
) -> Result<BlobPage, PortErrorKind> {
    let options = BlobContainerClientListBlobsOptions {
        include: Some(vec![ListBlobsIncludeItem::Metadata]),
        marker: marker.map(str::to_owned),
        maxresults: i32::try_from(storage.blobs_per_page).ok(),
        prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        ..Default::default()
    };
    let pages = storage.blobs.list_blobs(Some(options)).map_err(|error| meaning(&error))?;
    let page = pages.into_pages().try_next().await.map_err(|error| meaning(&error))?;
    let page = page.ok_or_else(|| unreadable("no page"))?;
    let page = page.into_model().map_err(|error| meaning(&error))?;
    let blobs = page.blob_items.into_iter().map(entry).collect::<Option<Vec<_>>>();
    let blobs = blobs.ok_or_else(|| unreadable("a blob without its name, size or version"))?;
    Ok(BlobPage { blobs, next: page.next_marker.filter(|marker| !marker.is_empty()) })
}

fn entry(item: BlobItem) -> Option<BlobEntry> {
    let properties = item.properties?;
    let metadata = item.metadata.and_then(|metadata| metadata.values);
    Some(BlobEntry {
        name: item.name?,
        size: properties.content_length?,
        etag: wire::etag(properties.etag?.as_ref()),
        metadata: metadata.unwrap_or_default().into_iter().collect(),
    })
}

pub(super) async fn get(
    storage: &Storage,
    name: &str,
    from: u64,
    length: Option<u64>,
) -> Result<Got, PortErrorKind> {
    let asked = wire::range(from, length);
    let options = BlobClientDownloadOptions {
        parallel: Some(NonZero::<usize>::MIN),
        partition_size: Some(WHOLE),
        range: Some(HttpRange::new(asked.start, asked.end - asked.start)),
        ..Default::default()
    };
    let answer = match blob(storage, name).download(Some(options)).await {
        Ok(answer) => answer,
        Err(error) => return wire::nothing_after_the_end(meaning(&error)),
    };
    let etag = answer.properties.etag.map(|etag| wire::etag(etag.as_ref()));
    let bytes = answer.body.collect().await.map_err(|error| meaning(&error))?;
    Ok(wire::got(bytes.into(), length, etag))
}

pub(super) async fn put(
    storage: &Storage,
    name: &str,
    bytes: Vec<u8>,
    metadata: &Metadata,
    only: &Only,
) -> Result<Etag, PortErrorKind> {
    let (if_match, if_none_match) = match only {
        Only::Always => (None, None),
        Only::IfNew => (None, Some("*".into())),
        Only::IfMatch(etag) => (Some(wire::quoted(etag).into()), None),
    };
    let metadata: HashMap<_, _> = metadata.clone().into_iter().collect();
    let options = BlockBlobClientUploadOptions {
        if_match,
        if_none_match,
        metadata: Some(metadata),
        parallel: Some(NonZero::<usize>::MIN),
        partition_size: Some(NonZero::<u64>::MAX),
        ..Default::default()
    };
    let content: RequestContent<azure_core::Bytes, NoFormat> = RequestContent::from(bytes);
    let answer = blob(storage, name).block_blob_client().upload(content, Some(options)).await;
    let answer = answer.map_err(|error| meaning(&error))?;
    let etag = answer.etag.ok_or_else(|| unreadable("no version of what was written"))?;
    Ok(wire::etag(etag.as_ref()))
}

pub(super) async fn delete(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    blob(storage, name).delete(None).await.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn create_append_blob(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    // Without the condition, one that is there would be emptied.
    let options =
        AppendBlobClientCreateOptions { if_none_match: Some("*".into()), ..Default::default() };
    let created = blob(storage, name).append_blob_client().create(Some(options)).await;
    created.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn append(
    storage: &Storage,
    name: &str,
    bytes: Vec<u8>,
    position: u64,
    lease: &LeaseId,
) -> Result<(), PortErrorKind> {
    let options = AppendBlobClientAppendBlockOptions {
        // A number beyond those of the crate is no end of a blob either.
        append_position: Some(i64::try_from(position).unwrap_or(i64::MAX)),
        lease_id: Some(lease.0.clone()),
        ..Default::default()
    };
    let length = bytes.len() as u64;
    let content: RequestContent<azure_core::Bytes, NoFormat> = RequestContent::from(bytes);
    let client = blob(storage, name).append_blob_client();
    let appended = client.append_block(content, length, Some(options)).await;
    appended.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn acquire_lease(
    storage: &Storage,
    name: &str,
    id: &LeaseId,
) -> Result<(), PortErrorKind> {
    let options = BlobClientAcquireLeaseOptions {
        proposed_lease_id: Some(id.0.clone()),
        ..Default::default()
    };
    let acquired = blob(storage, name).acquire_lease(NEVER_ENDING, Some(options)).await;
    acquired.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn break_lease(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    let options = BlobClientBreakLeaseOptions { break_period: Some(0), ..Default::default() };
    match blob(storage, name).break_lease(Some(options)).await {
        Ok(_) => Ok(()),
        Err(error) => wire::no_lease_is_no_error(meaning(&error)),
    }
}
