//! Custom statuses that are larger than a status of reenact may be: they are published values. So what lists show stays
//! small.

use reenact::limits::MAX_STATUS_BYTES;
use reenact::{Client, InstanceId, OrchestrationContext};

use crate::text::Text;

/// The published value that is the custom status.
const LARGE_STATUS: &str = "durabletask.status";

/// Sets the custom status.
pub(crate) fn set(ctx: &OrchestrationContext, status: &Text) {
    let bytes = status.as_json().len();
    if bytes <= MAX_STATUS_BYTES {
        // That of a status before this one, also of the execution before.
        ctx.unpublish(LARGE_STATUS);
        return ctx.set_status(status);
    }
    ctx.publish(LARGE_STATUS, status);
    ctx.set_status(&format!("{bytes} bytes, in the published value `{LARGE_STATUS}`"));
}

/// The custom status of an instance, by what its status says.
pub(crate) async fn read(
    client: &Client,
    id: &InstanceId,
    status: Option<String>,
) -> reenact::Result<Option<String>> {
    if !status.as_ref().is_some_and(|status| status.contains(LARGE_STATUS)) {
        return Ok(status);
    }
    let large = client.query::<Text>(id, LARGE_STATUS).await?;
    Ok(large.and_then(Text::into_option).or(status))
}
