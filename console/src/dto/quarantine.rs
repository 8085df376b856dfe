//! Messages in quarantine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    /// What it says; absent when it is no message at all, or does not decode here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<QuarantinedContent>,
}

/// What a message in quarantine says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedContent {
    /// What it is, such as `raise_event`, `cancel` or `complete_task`; of a message of another instance `start`, `replace`,
    /// `cancel`, `event`, `result` or `command`.
    pub kind: String,
    /// Who sent it.
    pub sender: Sender,
    /// The instance that sent it, where the message names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The orchestration or the event that it is about, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it carries, payloads after the redaction.
    pub fields: Value,
}

/// Who has sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// Another instance.
    Instance,
    /// A client.
    Client,
    /// A host that ran an activity.
    Host,
}
