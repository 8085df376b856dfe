//! What of a hub is in no history: the messages in its queues and in its quarantine.

use super::error::TransferError;
use super::options::ExportOptions;
use crate::access::Access;
use crate::error::Error;

/// What an export leaves there, for people.
///
/// # Errors
/// At rest, [`TransferError::InUse`] while a host lives, and [`TransferError::MessagesLeft`] while there are
/// messages.
pub(super) async fn left_there(
    access: &Access,
    options: ExportOptions,
) -> Result<Vec<String>, TransferError> {
    if options.is_at_rest() {
        refuse_hosts(access).await?;
    }
    let waiting = match access.waiting().await {
        // No hub: nothing is under way outside of instances.
        Err(Error::NotShared) => return Ok(Vec::new()),
        waiting => waiting?,
    };
    let queued = match waiting {
        Some(0) => None,
        Some(1) => Some("1 message in its queues".to_owned()),
        Some(waiting) => Some(format!("{waiting} messages in its queues")),
        None => Some("messages in its queues, maybe".to_owned()),
    };
    let kept = !access.quarantined(None, 1).await?.is_empty();
    let kept = kept.then(|| "messages in quarantine".to_owned());
    let is_refused = options.is_at_rest() && !options.leaves_messages();
    let what: Vec<_> = queued.iter().filter(|_| waiting.is_some()).chain(&kept).cloned().collect();
    if is_refused && !what.is_empty() {
        let advice = match (waiting, &kept) {
            (Some(1..), None) => "start a host with its code, and end it when they are handled",
            (Some(1..), Some(_)) => {
                "start a host with its code, send those in quarantine again or discard them, and end it when the \
                 others are handled"
            }
            _ => "send them again to a host, or discard them",
        };
        return Err(TransferError::MessagesLeft { what: what.join(" and "), advice });
    }
    Ok(queued.into_iter().chain(kept).collect())
}

/// An export at rest is one that no host disturbs.
async fn refuse_hosts(access: &Access) -> Result<(), TransferError> {
    let hosts = access.hosts().await?;
    match hosts.iter().find(|host| host.is_alive) {
        Some(host) => Err(TransferError::InUse { reason: format!("`{}` lives", host.name) }),
        None => Ok(()),
    }
}
