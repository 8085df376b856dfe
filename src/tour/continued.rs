//! Step 7: an instance that goes on as new executions, and an event that waits for the last of them.

use reenact::prelude::*;
use reenact::{Event, ExecutionId};
use serde::{Deserialize, Serialize};

use super::failure::{Held, same};
use super::page::Page;
use super::place::Place;
use super::texts::{self, Counts, LICENCE};

/// Executions of the instance; each counts its share of the lines.
const EXECUTIONS: u32 = 50;

/// The execution in which the events come.
const BREAK: u32 = 25;

const NOTE: &str = "read by Ada";

/// Events of the last execution, the status that came along included. What the ones before it have
/// recorded is gone.
const LAST_LOG: u64 = 9;

/// Counts the words of each part, of a fixed number of lines.
#[activity]
async fn count_page(_ctx: ActivityContext, page: u32) -> Result<usize, ActivityError> {
    let lines = texts::text(LICENCE)?.lines().skip(page as usize - 1).step_by(EXECUTIONS as usize);
    Ok(lines.map(|line| Counts::of(line).words).sum())
}

/// What one execution hands to the next.
#[derive(Serialize, Deserialize)]
struct Progress {
    page: u32,
    words: usize,
}

/// Counts one page, and goes on with the next; takes the note at the end.
#[orchestration]
async fn reader(
    ctx: OrchestrationContext,
    Progress { page, words }: Progress,
) -> Result<(usize, String), OrchestrationError> {
    if page == BREAK {
        ctx.set_status("takes a break");
        ctx.wait_external::<()>("Go on").await?;
    }
    let words = words + ctx.call_activity(count_page, page).await?;
    if page < EXECUTIONS {
        return ctx.continue_as_new(reader, Progress { page: page + 1, words });
    }
    let note: String = ctx.wait_external("Note").await?;
    Ok((words, note))
}

/// Runs a reader, and looks at the log that it leaves.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(7, "An instance that goes on as new: a short log, and no event lost")?;
    let host = place.host().orchestration(reader).activity(count_page).start().await?;
    let instance = host.start_new(reader, Progress { page: 1, words: 0 }).await?;
    let waits = instance.wait_for_status(|status| status.custom_status.is_some()).await?;
    same("the execution that waits", &waits.execution, &ExecutionId(BREAK))?;
    page.say(format_args!(
        "Execution {BREAK} waits. The event Note is raised, which only execution {EXECUTIONS} takes."
    ))?;
    instance.raise_event("Note", NOTE).await?;
    instance.raise_event("Go on", ()).await?;
    let (words, note) = instance.result().await?;
    same("the number of words", &words, &Counts::of(texts::text(LICENCE)?).words)?;
    same("the note", &&*note, &NOTE)?;
    let status = instance.status().await?;
    same("the newest execution", &status.execution, &ExecutionId(EXECUTIONS))?;
    let history = instance.history().await?;
    let notes =
        history.events().filter(|entry| matches!(entry.event, Event::ExternalRaised { .. }));
    same("the events in the log", &notes.count(), &1)?;
    same("the length of the log", &history.len(), &LAST_LOG)?;
    page.say(format_args!("The log of execution {EXECUTIONS}, which is all that is kept:"))?;
    page.history(&history)?;
    page.say(format_args!("Result: {words} words in {EXECUTIONS} executions; {note}."))?;
    page.say(format_args!("Check:  wc -w {LICENCE}"))?;
    host.shutdown().await?;
    Ok(())
}
