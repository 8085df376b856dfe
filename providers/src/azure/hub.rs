//! Finds a hub in a container, or makes it.

use std::sync::Arc;

use super::AzureOptions;
use super::archive::BlobArchive;
use super::blob_store::ContainerStore;
use super::client::Client;
use super::medium::BlobMedium;
use super::members::Members;
use super::port::{Metadata, Only, PortError, PortErrorKind};
use super::queues::Queues;
use crate::OpenError;
use crate::identity::{self, StoreIdentity};
use crate::journal::JournalId;
use crate::journaled::Journaled;
use crate::limits::{
    MAX_HUB_NAME_BYTES, MAX_SHARDS, MIN_HUB_NAME_BYTES, SHORTEST_LEASE_TIME,
    SHORTEST_VISIBILITY_TIME,
};

/// What the hub says about itself.
const HUB: &str = "HUB";

/// What a hub consists of once it is open.
pub(super) struct Parts {
    pub(super) histories: Journaled<BlobMedium, BlobArchive>,
    pub(super) queues: Arc<Queues>,
    pub(super) members: Arc<Members>,
}

/// Opens a hub; makes it if there is nothing.
pub(super) async fn open(
    options: &AzureOptions,
    client: &Client,
    hub: &str,
) -> Result<Parts, OpenError> {
    check_name(hub)?;
    let identity = match find(client, hub).await? {
        Some(identity) => identity,
        None if options.must_exist => {
            let reason = format!("the account has no container `{hub}` with a `{HUB}` in it");
            return Err(OpenError::NoStore { place: format!("hub {hub}"), reason });
        }
        None => make(options, client, hub).await?,
    };
    let StoreIdentity { journal, shards } = identity;
    let lease_time = options.lease_time.max(SHORTEST_LEASE_TIME);
    let members = Members::new(client.clone(), shards, lease_time);
    let queues = queues(options, client, &members, hub, shards);
    let media = (0..shards).map(|shard| {
        BlobMedium::new(client.clone(), Arc::clone(&members), reenact_core::ShardId(shard))
    });
    let archive = BlobArchive::new(Arc::new(ContainerStore::new(client.clone())), journal, shards);
    let clock = Arc::clone(&options.clock);
    let histories = Journaled::open(journal, media, archive, clock, options.journaled)?;
    Ok(Parts { histories, queues, members })
}

fn queues(
    options: &AzureOptions,
    client: &Client,
    members: &Arc<Members>,
    hub: &str,
    shards: u32,
) -> Arc<Queues> {
    let (members, clock) = (Arc::clone(members), Arc::clone(&options.clock));
    let visibility = options.visibility_time.max(SHORTEST_VISIBILITY_TIME);
    let takes_large = options.large_payloads;
    Queues::new(client.clone(), members, clock, (hub.to_owned(), shards), visibility, takes_large)
}

async fn find(client: &Client, hub: &str) -> Result<Option<StoreIdentity>, OpenError> {
    let place = format!("{hub}/{HUB}");
    match client.get(HUB, 0, Some(identity::MAX_BYTES as u64)).await {
        Ok(Some(got)) => StoreIdentity::decode(&got.bytes, &place).map(Some),
        Ok(None) => Ok(None),
        // There is no container.
        Err(PortError { kind: PortErrorKind::NotFound { .. }, .. }) => Ok(None),
        Err(error) => Err(refused(hub, error)),
    }
}

/// Makes a hub; it is there once its identity is. Two that do so at once make the same.
async fn make(
    options: &AzureOptions,
    client: &Client,
    hub: &str,
) -> Result<StoreIdentity, OpenError> {
    let failed = |error| refused(hub, error);
    match client.patiently(|| client.port().create_container()).await {
        Ok(()) => {}
        Err(error) if error.is_unmet() => check_empty(client, hub).await?,
        Err(error) => return Err(failed(error)),
    }
    let shards = options.shards.clamp(1, MAX_SHARDS);
    // Of no life: only the queues are made.
    let members = Members::new(client.clone(), shards, options.lease_time);
    queues(options, client, &members, hub, shards).make().await.map_err(failed)?;
    let identity = StoreIdentity { journal: JournalId::random(), shards };
    let stored = identity.encode().into_bytes();
    match client.put(HUB, stored, &Metadata::new(), &Only::IfNew).await {
        Ok(_) => Ok(identity),
        Err(error) if error.is_unmet() => {
            let missing = || OpenError::Missing { place: format!("{hub}/{HUB}") };
            find(client, hub).await?.ok_or_else(missing)
        }
        Err(error) => Err(failed(error)),
    }
}

/// A hub is not put into a container that has something else in it.
async fn check_empty(client: &Client, hub: &str) -> Result<(), OpenError> {
    let blobs = client.list("").await.map_err(|error| refused(hub, error))?;
    match blobs.iter().find(|blob| blob.name != HUB) {
        // Another process has made the hub in the meantime.
        _ if blobs.iter().any(|blob| blob.name == HUB) => Ok(()),
        None => Ok(()),
        Some(other) => Err(OpenError::NotAStore {
            place: hub.to_owned(),
            reason: format!("there is a `{}` in it, and no `{HUB}`", other.name),
        }),
    }
}

/// The names of queues begin with it, so it must be shorter than a container's may be.
pub(super) fn check_name(hub: &str) -> Result<(), OpenError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_long_enough = (MIN_HUB_NAME_BYTES..=MAX_HUB_NAME_BYTES).contains(&hub.len());
    let has_dashes_within = !hub.starts_with('-') && !hub.ends_with('-') && !hub.contains("--");
    if is_long_enough && has_dashes_within && hub.bytes().all(is_plain) {
        return Ok(());
    }
    let reason = format!(
        "a hub's name has {MIN_HUB_NAME_BYTES} to {MAX_HUB_NAME_BYTES} lowercase letters, digits and \
         single dashes"
    );
    Err(OpenError::NotAStore { place: hub.to_owned(), reason })
}

/// The service, or the system, has refused.
pub(super) fn refused(
    hub: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> OpenError {
    OpenError::Refused { place: format!("hub {hub}"), source: Box::new(error) }
}
