//! What a look through the store has found.

use reenact_providers::{Finding, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a look through the store has come, or what it has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    /// Instances that were looked at.
    pub looked: u64,
    /// About how many there are.
    pub of: u64,
    /// On the last line: what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<FindingText>>,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingText {
    /// How bad it is: `info`, `warning` or `error`.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// Where.
    pub place: String,
    /// What is there.
    pub what: String,
    /// What to do about it; empty when nothing needs to be done.
    pub advice: String,
}

impl From<Finding> for FindingText {
    fn from(finding: Finding) -> Self {
        let Finding { severity, place, what, advice } = finding;
        Self { severity, place, what, advice }
    }
}

impl From<FindingText> for Finding {
    fn from(text: FindingText) -> Self {
        let FindingText { severity, place, what, advice } = text;
        Self { severity, place, what, advice }
    }
}
