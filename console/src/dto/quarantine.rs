//! Messages in quarantine.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// A page of the messages in quarantine, ordered by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineList {
    /// The messages.
    pub messages: Vec<QuarantinedMessage>,
    /// The `after` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A message that a host could not take, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedMessage {
    /// Its id in the quarantine.
    pub id: String,
    /// The queue that it came from: `shard 3`, or `tag gpu`.
    pub queue: String,
    /// The instance that it was for; absent when it is no message at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The key by which it is recognised when it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether it can be sent again: what is no message at all cannot.
    pub can_be_sent_again: bool,
    /// Its size in bytes.
    pub bytes: u64,
    /// Why it cannot be taken, for people.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// When it came into quarantine.
    pub at: Time,
}
