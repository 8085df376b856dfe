//! Activities that nobody waits for: each is in an instance of its own.

use reenact::{OrchestrationContext, OrchestrationError};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::text::Text;

/// A call of an activity, as the input of an instance.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Detached {
    name: String,
    /// The input of the activity.
    call: Box<RawValue>,
}

impl Detached {
    pub(crate) fn new<I: Serialize>(name: impl Into<String>, call: &I) -> Self {
        // What is called has been read from JSON, so it can be written.
        let call = to_raw_value(call).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { name: name.into(), call }
    }
}

/// The orchestration of such an instance.
pub(crate) async fn run(
    ctx: OrchestrationContext,
    detached: Detached,
) -> Result<Text, OrchestrationError> {
    let Detached { name, call } = detached;
    Ok(ctx.call_activity_by_name(name.as_str(), &call).await?)
}
