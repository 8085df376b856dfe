//! Whether a parent and the children that it waits for agree.

use reenact_core::{InstanceId, RecordedTurn, Viewer, codec};
use reenact_providers::{InstanceState, InstanceSummary, ProviderError};

use super::wrong::Wrong;
use crate::access::Access;
use crate::error::{Error, Result};

/// What to do about a child that will not report.
const ADVICE: &str =
    "rewind the instance to before the call, which calls the child anew; or terminate the instance";

/// A child that an instance waits for, and that will not report its end. Asks for nothing on its way: no host may
/// work on the store.
pub(super) async fn disagreement(
    access: &Access,
    summary: &InstanceSummary,
    turns: &[RecordedTurn],
) -> Result<Option<Wrong>> {
    if summary.state.is_finished() {
        return Ok(None);
    }
    let mut viewer = Viewer::new(summary.instance.clone());
    turns.iter().for_each(|turn| viewer.apply(turn));
    let view = viewer.view(usize::MAX);
    // What is under way to it may be its start.
    let is_sent =
        |child: &InstanceId| view.messages.items.iter().all(|message| message.to != *child);
    let children = view.children.items.iter();
    let children = children.filter(|child| !child.in_doubt && is_sent(&child.instance));
    for child in children {
        let called = (&summary.instance, &child.instance);
        if let Some(what) = wrong_with(access, called).await? {
            return Ok(Some(Wrong { what, advice: ADVICE }));
        }
    }
    Ok(None)
}

/// What is wrong with a child that was started and is waited for.
async fn wrong_with(
    access: &Access,
    (parent, child): (&InstanceId, &InstanceId),
) -> Result<Option<String>> {
    let summary = match access.summary(child).await {
        Err(Error::NotFound { .. }) => {
            return Ok(Some(format!("it waits for its child `{child}`, which is not there")));
        }
        summary => summary?,
    };
    if summary.state == InstanceState::Importing {
        return Ok(None);
    }
    if !is_child_of(access, &summary, parent).await? {
        return Ok(Some(format!("it waits for its child `{child}`, which another has started")));
    }
    Ok(summary.is_over().then(|| {
        format!(
            "it waits for its child `{child}`, which has ended and has reported its end already"
        )
    }))
}

/// Whether an instance was started by that parent, as its first turn says. One that cannot be read is a finding of
/// its own.
async fn is_child_of(access: &Access, of: &InstanceSummary, parent: &InstanceId) -> Result<bool> {
    let page = match access.histories().read(&of.instance, of.execution, 0, 1).await {
        // It has gone on since: it is no finding now.
        Err(ProviderError::NotFound { .. }) => return Ok(true),
        page => page?,
    };
    let first = page.turns.first().and_then(|turn| codec::decode_turn(&turn.bytes).ok());
    let Some(first) = first else { return Ok(true) };
    let mut viewer = Viewer::new(of.instance.clone());
    viewer.apply(&first);
    Ok(viewer.view(0).parent.is_some_and(|origin| origin.instance == *parent))
}
