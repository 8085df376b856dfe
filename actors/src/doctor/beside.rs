//! What a store has beside the histories: blobs of large turns, queues, and the quarantine.

use reenact_core::ShardId;
use reenact_providers::Finding;

use crate::access::Access;
use crate::error::{Error, Result};

/// Messages in quarantine that are counted; of more it is said that there are more.
const COUNTED: usize = 100;

/// What the store keeps of its shards beside the turns.
pub(super) async fn check_shards(access: &Access) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for shard in (0..access.store().shards()).map(ShardId) {
        findings.extend(access.store().histories.check(shard).await?);
    }
    Ok(findings)
}

/// Messages that wait for a host, or for a person.
pub(super) async fn check_queues(access: &Access) -> Result<Vec<Finding>> {
    let waiting = match access.waiting().await {
        Err(Error::NotShared) => return Ok(Vec::new()),
        waiting => waiting?,
    };
    let lives = access.hosts().await?.iter().any(|host| host.is_alive);
    let queues = waiting.filter(|waiting| *waiting > 0).map(|waiting| {
        let what = format!("{waiting} wait for hosts");
        if lives {
            return Finding::info("messages in queues", what);
        }
        Finding::warning(
            "messages in queues",
            format!("{what}, and no host lives"),
            "start a host with the code that they are for; an export does not take them along, and is refused until \
             they are handled",
        )
    });
    let kept = access.quarantined(None, COUNTED + 1).await?.len();
    let kept = (kept > 0).then(|| {
        let more = if kept > COUNTED { "more than " } else { "" };
        Finding::warning(
            "messages in quarantine",
            format!("{more}{} could not be taken", kept.min(COUNTED)),
            "look at them with `reenact quarantine`; send them again, or discard them",
        )
    });
    Ok(queues.into_iter().chain(kept).collect())
}
