//! Step 3: some hundred activities at once.

use std::time::Instant;

use reenact::prelude::*;
use reenact::{Event, InstanceHandle};

use super::failure::{Held, same};
use super::page::Page;
use super::place::Place;
use super::texts::{self, Counts, LICENCE, README};

/// Lines that are counted at a time.
const AT_A_TIME: usize = 16;

/// Each line takes that long, as a call to a service would.
const WORK: Duration = Duration::from_millis(10);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Splits a text into its lines.
#[activity]
async fn split_lines(_ctx: ActivityContext, name: String) -> Result<Vec<String>, ActivityError> {
    Ok(texts::text(&name)?.lines().map(str::to_owned).collect())
}

/// Counts the words of a line.
#[activity]
async fn count_line(_ctx: ActivityContext, line: String) -> Result<usize, ActivityError> {
    tokio::time::sleep(WORK).await;
    Ok(Counts::of(&line).words)
}

/// Counts the words of some texts: one activity for each line, all at once.
#[orchestration]
async fn count_words(
    ctx: OrchestrationContext,
    names: Vec<String>,
) -> Result<usize, OrchestrationError> {
    let mut counts = Vec::new();
    for name in names {
        let lines = ctx.call_activity(split_lines, name).await?;
        counts.extend(lines.into_iter().map(|line| ctx.schedule_activity(count_line, line)));
    }
    let mut words = 0;
    for count in ctx.when_all(counts).await {
        words += count?;
    }
    Ok(words)
}

/// Counts the words of two files, line by line.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(3, "A fan-out: one activity for each line of two files")?;
    let host = place
        .host()
        .orchestration(count_words)
        .activity(split_lines)
        .activity(count_line)
        .options(HostOptions::new().max_activities_of(count_line::NAME, AT_A_TIME))
        .start()
        .await?;
    let files = [LICENCE, README];
    let (total, words) = expected(files)?;
    let began = Instant::now();
    let instance = host.start_new(count_words, files.map(str::to_owned).to_vec()).await?;
    watch(page, &instance, total).await?;
    let found = instance.result().await?;
    let took = began.elapsed().as_secs_f64();
    same("the number of words", &found, &words)?;
    page.say(format_args!("Result: {found} words, {AT_A_TIME} lines at a time, in {took:.2} s."))?;
    page.say(format_args!("Check:  cat {} | wc -w", files.join(" ")))?;
    host.shutdown().await?;
    Ok(())
}

/// Prints the progress, which is what the log says.
async fn watch(page: &mut Page, instance: &InstanceHandle<usize>, total: usize) -> Held {
    loop {
        let history = instance.history().await?;
        let ended = |event: &Event| matches!(event, Event::TaskCompleted { .. });
        let done = history.events().filter(|entry| ended(entry.event)).count();
        // The splitting of the files counts as well.
        page.progress(done.min(total), total, "activities")?;
        if history.outcome().is_some() {
            return same("the completed activities", &done, &total);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many activities and words there must be.
fn expected(files: [&str; 2]) -> Held<(usize, usize)> {
    let mut activities = 0;
    let mut words = 0;
    for file in files {
        let text = texts::text(file)?;
        activities += 1 + text.lines().count();
        words += Counts::of(text).words;
    }
    Ok((activities, words))
}
