//! Finds that nothing can happen any more, and says what is waited for.

use std::fmt::Write;

use reenact_actors::Result;
use reenact_core::ExecutionView;
use reenact_providers::{InstanceFilter, InstanceState, PageRequest};
use tokio::task::AbortHandle;

use crate::testing::run::{LONGEST_TEST, report_standstill, sleep};
use crate::{Client, Host};

/// The maximum number of instances that are named.
const NAMED: usize = 20;

/// Watches a host for as long as a test may take.
pub(super) fn watch(host: &Host) -> AbortHandle {
    let (client, ending) = (host.client().clone(), host.shutdown_handle());
    let watching = tokio::spawn(async move {
        sleep(LONGEST_TEST).await;
        let why = match explain(&client).await {
            Ok(why) => why,
            Err(error) => format!("the test has not ended, and its host says nothing: {error}"),
        };
        if let Err(why) = report_standstill(why) {
            eprintln!("{why}");
            // Those who wait get an error, so that the test does not hang.
            ending.begin();
        }
    });
    watching.abort_handle()
}

async fn explain(client: &Client) -> Result<String> {
    let years = LONGEST_TEST.as_secs() / (365 * 24 * 60 * 60);
    let mut text = format!("the test has not ended within {years} years of virtual time: ");
    let states = [InstanceState::Running, InstanceState::Suspended, InstanceState::Parked];
    let unfinished = InstanceFilter::new().states(states);
    let page = client.list(&unfinished, &PageRequest::new().limit(NAMED)).await?;
    if page.instances.is_empty() {
        text.push_str("all instances have ended, and the test waits for something else");
        return Ok(text);
    }
    text.push_str("these instances have not");
    for summary in &page.instances {
        let view = client.view(&summary.instance).await?;
        let waits = match &view.parked {
            Some(parked) => format!("parked: {}", parked.reason),
            None => waits(&view.execution),
        };
        let _ = write!(text, "\n  `{}` ({}): {waits}", summary.instance, summary.name);
    }
    if page.next.is_some() {
        text.push_str("\n  and more");
    }
    Ok(text)
}

/// What an execution waits for.
fn waits(execution: &ExecutionView) -> String {
    let mut all = Vec::new();
    if let Some(suspended) = &execution.suspended {
        all.push(format!("it is suspended: {}", suspended.reason));
    }
    let items = &execution.waits.items;
    all.extend(items.iter().map(|wait| format!("waits for the event `{}`", wait.name)));
    let items = &execution.activities.items;
    all.extend(items.iter().map(|open| format!("waits for the activity `{}`", open.name)));
    let items = &execution.children.items;
    all.extend(items.iter().map(|open| format!("waits for the child `{}`", open.instance)));
    let items = &execution.timers.items;
    all.extend(items.iter().map(|timer| format!("waits until {}", timer.fire_at)));
    if all.is_empty() {
        all.push("waits for nothing that its history knows, such as an update".to_owned());
    }
    all.join(", ")
}
