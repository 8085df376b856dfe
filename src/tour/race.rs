//! Step 4: races, whose losers are awaited later.

use reenact::prelude::*;
use reenact::{Event, Winner};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::failure::{Held, same};
use super::follow::Follower;
use super::page::Page;
use super::place::Place;
use super::texts::{self, Counts, LICENCE};

const DEADLINE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_millis(100);

/// Opened when the activity may end: so the race does not depend on how fast the machine is.
static GATE: Semaphore = Semaphore::const_new(0);

/// Who came first, and what the losers had to say later.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Results {
    first: String,
    late_counts: Counts,
    second: String,
    late_timer: String,
}

/// Counts a text, slowly.
#[activity]
async fn count_slowly(_ctx: ActivityContext, name: String) -> Result<Counts, ActivityError> {
    let _permit = GATE.acquire().await.map_err(ActivityError::fatal)?;
    Ok(Counts::of(texts::text(&name)?))
}

/// Two races, and then the losers.
#[orchestration]
async fn races(ctx: OrchestrationContext, name: String) -> Result<Results, OrchestrationError> {
    ctx.wait_external::<()>("Begin").await?;

    let counts = ctx.schedule_activity(count_slowly, name).into_output();
    let deadline = ctx.schedule_timer(DEADLINE).into_output();
    let Winner { output: first, rest: slow_activity, .. } = ctx.when_any([counts, deadline]).await;

    let word = ctx.schedule_wait::<String>("Word").into_output();
    let patience = ctx.schedule_timer(PATIENCE).into_output();
    let Winner { output: second, rest: slow_timer, .. } = ctx.when_any([word, patience]).await;

    let mut late = ctx.when_all(slow_activity.into_iter().chain(slow_timer)).await.into_iter();
    let counts = late.next();
    let timer = late.next();
    let late_counts = counts.ok_or("the first race had no loser")?.into_task()?;
    let timer = timer.ok_or("the second race had no loser")?;
    Ok(Results {
        first: named(first)?,
        late_counts,
        second: named(second)?,
        late_timer: named(timer)?,
    })
}

fn named(output: DurableOutput) -> Result<String, OrchestrationError> {
    match output {
        DurableOutput::Timer => Ok("the timer".to_owned()),
        DurableOutput::Task(_) => Ok("the activity".to_owned()),
        event => Ok(format!("the event with `{}`", event.into_external::<String>()?)),
    }
}

/// Runs the races, and prints their log.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(4, "Two races: activity against timer, event against timer; the losers later")?;
    let host = place.host().orchestration(races).activity(count_slowly).start().await?;
    let instance = host.start_new(races, LICENCE.to_owned()).await?;
    page.say("The event Word is raised before anybody waits for it; then the races begin.")?;
    instance.raise_event("Word", "Derivative").await?;
    instance.raise_event("Begin", ()).await?;
    let mut follower = Follower::new(&instance);
    follower.until(page, |event| matches!(event, Event::TimerFired { .. })).await?;
    page.say("The first timer has fired; now the slow activity may end.")?;
    GATE.add_permits(1);
    follower.until_the_end(page).await?;
    let results = instance.result().await?;
    verify(&results)?;
    let Results { first, late_counts, second, late_timer } = results;
    page.say(format_args!(
        "Race 1: {first} won; later the activity gave {} words.",
        late_counts.words
    ))?;
    page.say(format_args!("Race 2: {second} won; later {late_timer} fired."))?;
    host.shutdown().await?;
    Ok(())
}

fn verify(results: &Results) -> Held {
    let expected = Results {
        first: "the timer".to_owned(),
        late_counts: Counts::of(texts::text(LICENCE)?),
        second: "the event with `Derivative`".to_owned(),
        late_timer: "the timer".to_owned(),
    };
    same("the races", results, &expected)
}
