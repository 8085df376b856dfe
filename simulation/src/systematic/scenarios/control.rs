//! Commands to instances: cancel, terminate, suspend, rewind, fork, purge, replace.

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::{Error, ErrorKind, Event, InstanceState};
use tokio::time::sleep;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "cancel-during-an-activity",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(cancels(play)),
    },
    Scenario {
        name: "cancel-with-a-child",
        hosts: &[2],
        host,
        play: |play| Box::pin(cancels_family(play)),
    },
    Scenario { name: "terminate", hosts: &[1], host, play: |play| Box::pin(terminates(play)) },
    Scenario {
        name: "suspend-and-resume",
        hosts: &[1],
        host,
        play: |play| Box::pin(suspends(play)),
    },
    Scenario { name: "rewind", hosts: &[1], host, play: |play| Box::pin(rewinds(play)) },
    Scenario { name: "fork", hosts: &[1, 2], host, play: |play| Box::pin(forks(play)) },
    Scenario {
        name: "purge-and-start-again",
        hosts: &[1],
        host,
        play: |play| Box::pin(purges(play)),
    },
    Scenario {
        name: "replace-what-has-ended",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(replaces(play)),
    },
];

/// After this time, no message comes a second time.
const QUEUES_REST: Duration = Duration::from_secs(120);

fn host() -> HostBuilder {
    Host::builder()
        .orchestration(cleans_up)
        .orchestration(family)
        .orchestration(steps)
        .orchestration(fragile)
        .activity(endless)
        .activity(work)
        .activity(fragile_work)
}

#[activity]
async fn work(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    what: String,
) -> Result<String, ActivityError> {
    effects.happen(&ctx, what.as_str());
    Ok(what)
}

/// Never ends by itself.
#[activity]
async fn endless(ctx: ActivityContext, _: ()) -> Result<(), ActivityError> {
    ctx.cancelled().await;
    Err(ActivityError::fatal("cancelled"))
}

/// When it is cancelled, its activity is, and another one cleans up.
#[orchestration]
async fn cleans_up(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    ctx.set_status("works");
    if ctx.call_activity(endless, ()).await.is_err() && ctx.is_cancelled() {
        ctx.shielded().call_activity(work, "cleaned up".to_owned()).await?;
    }
    ctx.check_cancelled()?;
    Ok("done".to_owned())
}

async fn cancels(play: Play) -> Answers {
    play.start(cleans_up, "cancelled", ()).await?;
    sleep(Duration::from_secs(5)).await;
    let cancel = |client: Client| async move { client.cancel("cancelled", "enough").await };
    play.command("cancel", cancel, &[ErrorKind::Finished]).await?;
    Ok(vec![play.result::<String>("cancelled").await?])
}

/// Its child is cancelled with it.
#[orchestration]
async fn family(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let call = cleans_up.with(ChildOptions::new().id("child"));
    Ok(ctx.call_orchestration(call, ()).await?)
}

async fn cancels_family(play: Play) -> Answers {
    play.start(family, "parent", ()).await?;
    // A child that has not begun would have nothing to clean up.
    play.until(|client| async move {
        let status = client.get_status("child").await;
        status.is_ok_and(|status| status.custom_status.is_some())
    })
    .await;
    let cancel = |client: Client| async move { client.cancel("parent", "enough").await };
    play.command("cancel", cancel, &[ErrorKind::Finished]).await?;
    Ok(vec![play.result::<String>("parent").await?, play.result::<String>("child").await?])
}

/// Two steps with an event between them.
#[orchestration]
async fn steps(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let first = ctx.call_activity(work, "first".to_owned()).await?;
    let event = ctx.wait_external::<String>("Go").await?;
    let last = ctx.call_activity(work, "last".to_owned()).await?;
    Ok(format!("{first}, {event}, {last}"))
}

async fn terminates(play: Play) -> Answers {
    play.start(steps, "ended", ()).await?;
    let terminate = |client: Client| async move { client.terminate("ended", "enough").await };
    play.command("terminate", terminate, &[ErrorKind::Finished]).await?;
    let result = play.result::<String>("ended").await?;
    // Whether its first step had begun is a matter of luck.
    play.effects().forget("first");
    Ok(vec![result])
}

async fn suspends(play: Play) -> Answers {
    play.start(steps, "paused", ()).await?;
    let suspend = |client: Client| async move { client.suspend("paused", "wait").await };
    play.command("suspend", suspend, &[]).await?;
    play.raise("paused", "Go", "go", "event".to_owned()).await?;
    // What is acknowledged in a queue comes when a host is up.
    play.until(|client| async move {
        let status = client.get_status("paused").await;
        status.is_ok_and(|status| status.state == InstanceState::Suspended)
    })
    .await;
    let resume = |client: Client| async move { client.resume("paused").await };
    play.command("resume", resume, &[ErrorKind::Finished]).await?;
    // A suspension that was asked for twice may come after that: it is resumed again when no message is left.
    sleep(Duration::from_secs(120)).await;
    play.command("resume", resume, &[ErrorKind::Finished]).await?;
    Ok(vec![play.result::<String>("paused").await?])
}

/// Fails for good until somebody has mended what it needs.
#[activity]
async fn fragile_work(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    _: (),
) -> Result<String, ActivityError> {
    effects.happen(&ctx, "fragile");
    if effects.is_mended() { Ok("mended".to_owned()) } else { Err(ActivityError::fatal("broken")) }
}

#[orchestration]
async fn fragile(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let first = ctx.call_activity(work, "first".to_owned()).await?;
    Ok(format!("{first}, {}", ctx.call_activity(fragile_work, ()).await?))
}

/// Where the newest execution has failed.
async fn failed_at(client: &Client, id: &str) -> Result<Option<u64>, Error> {
    let history = client.history(id).await?;
    let failed = history.events().find(|event| matches!(event.event, Event::TaskFailed { .. }));
    Ok(failed.map(|event| event.position))
}

async fn rewinds(play: Play) -> Answers {
    play.start(fragile, "broken", ()).await?;
    let before = play.result::<String>("broken").await?;
    play.effects().mend();
    let rewind = |client: Client| async move {
        match failed_at(&client, "broken").await? {
            Some(position) => client.rewind("broken", position, "mended").await,
            // It counted, and its answer was lost.
            None => Ok(()),
        }
    };
    play.call("rewind", rewind).await?;
    // What is acknowledged in a queue comes when a host is up.
    play.until(|client| async move { matches!(failed_at(&client, "broken").await, Ok(None)) })
        .await;
    Ok(vec![before, play.result::<String>("broken").await?])
}

async fn forks(play: Play) -> Answers {
    play.start(fragile, "broken", ()).await?;
    let before = play.result::<String>("broken").await?;
    play.effects().mend();
    let fork = |client: Client| async move {
        let position = failed_at(&client, "broken").await?.unwrap_or_default();
        client.fork::<String>("broken", "copy").before(position).or_attach().await.map(drop)
    };
    play.call("fork", fork).await?;
    Ok(vec![before, play.result::<String>("copy").await?])
}

async fn purges(play: Play) -> Answers {
    play.effects().mend();
    play.start(fragile, "twice", ()).await?;
    let first = play.result::<String>("twice").await?;
    // A start that comes again from its queue after the purge would begin the instance anew: docs/limits.md.
    sleep(QUEUES_REST).await;
    let purge = |client: Client| async move { client.purge("twice").await };
    play.command("purge", purge, &[ErrorKind::NotFound]).await?;
    // What is acknowledged in a queue comes when a host is up.
    play.until(|client| async move {
        let status = client.get_status("twice").await;
        status.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    })
    .await;
    play.start(fragile, "twice", ()).await?;
    Ok(vec![first, play.result::<String>("twice").await?])
}

async fn replaces(play: Play) -> Answers {
    play.start(steps, "again", ()).await?;
    play.raise("again", "Go", "one", "one".to_owned()).await?;
    let first = play.result::<String>("again").await?;
    let replace = |client: Client| async move {
        let start = client.start_new(steps, ()).id("again");
        start.replacing([InstanceState::Completed]).or_attach().await.map(drop)
    };
    play.call("replace", replace).await?;
    play.raise("again", "Go", "two", "two".to_owned()).await?;
    Ok(vec![first, play.result::<String>("again").await?])
}
