//! The streams of an instance.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An item of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemRow {
    /// Its place in the stream.
    pub offset: u64,
    /// What was emitted.
    pub value: Value,
    /// The correlation id of the activity that emitted it; absent when the code of the orchestration did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<u64>,
    /// The attempt of that activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// A page of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemPage {
    /// The items, in the order of their offsets.
    pub items: Vec<ItemRow>,
    /// The `from` of the next page.
    pub next: u64,
    /// Whether there is more already.
    pub has_more: bool,
    /// Whether the instance has ended, and these are the last items.
    pub has_ended: bool,
}

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamBounds {
    /// Its name.
    pub name: String,
    /// The items before this offset were trimmed.
    pub first: u64,
    /// The offset of the next item.
    pub next: u64,
}
