//! Step 1: activity, timer, event, activity.

use reenact::prelude::*;
use reenact::{Event, History};
use serde::{Deserialize, Serialize};

use super::failure::{Held, same};
use super::follow::Follower;
use super::page::Page;
use super::place::{Place, make_room};
use super::texts::{self, Counts, LICENCE, count_text, count_word};

const ID: &str = "survey";

const PAUSE: Duration = Duration::from_millis(200);

/// What a survey finds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Findings {
    counts: Counts,
    word: String,
    times: usize,
}

/// Counts a text, pauses, waits for a word, and counts that word in the text.
#[orchestration]
pub(crate) async fn survey(
    ctx: OrchestrationContext,
    name: String,
) -> Result<Findings, OrchestrationError> {
    let counts = ctx.call_activity(count_text, name.clone()).await?;
    ctx.timer(PAUSE).await;
    let word: String = ctx.wait_external("Go").await?;
    let times = ctx.call_activity(count_word, (name, word.clone())).await?;
    Ok(Findings { counts, word, times })
}

/// Runs a survey, prints its log as it grows, and gives that log.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held<History> {
    page.title(1, "An orchestration: activity, durable timer, external event, activity")?;
    let host = place
        .host()
        .orchestration(survey)
        .activity(count_text)
        .activity(count_word)
        .start()
        .await?;
    make_room(&host, ID).await?;
    let instance = host.start_new(survey, LICENCE.to_owned()).id(ID).await?;
    page.say("The instance `survey` is started; from here on it is in the log.")?;
    let mut follower = Follower::new(&instance);
    let waits = |event: &Event| matches!(event, Event::ExternalSubscribed { .. });
    follower.until(page, waits).await?;
    page.say("It waits for the event Go, and gets it with the word `License`.")?;
    instance.raise_event("Go", "License").await?;
    let history = follower.until_the_end(page).await?;
    let findings = instance.result().await?;
    verify(&findings)?;
    let Findings { counts: Counts { lines, words, bytes }, word, times } = findings;
    page.say(format_args!("Result: {LICENCE} has {lines} lines, {words} words, {bytes} bytes;"))?;
    page.say(format_args!("        the word `{word}` stands there {times} times."))?;
    page.say(format_args!("Check:  wc {LICENCE}; grep -ow {word} {LICENCE} | wc -l"))?;
    host.shutdown().await?;
    Ok(history)
}

fn verify(findings: &Findings) -> Held {
    let text = texts::text(LICENCE)?;
    let word = "License".to_owned();
    let times = texts::occurrences(text, &word);
    let expected = Findings { counts: Counts::of(text), word, times };
    same("the findings", findings, &expected)
}
