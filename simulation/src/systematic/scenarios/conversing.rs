//! Updates and entities: requests with answers.

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::{EntityError, Error, UpdateError, UpdateName};
use serde::{Deserialize, Serialize};

use super::{Answers, Scenario};
use crate::systematic::play::Play;

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "updates-answered",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(updates(play)),
    },
    Scenario {
        name: "start-with-update",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(starts_with_update(play)),
    },
    Scenario { name: "entity-calls", hosts: &[1], host, play: |play| Box::pin(calls(play)) },
    Scenario {
        name: "lock-of-two-entities",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(locks(play)),
    },
];

fn host() -> HostBuilder {
    Host::builder().orchestration(total).orchestration(transfer).entity::<Account>()
}

const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

/// Adds what it is asked to, but no zero.
#[orchestration(updates(ADD))]
async fn total(ctx: OrchestrationContext, most: u64) -> Result<u64, OrchestrationError> {
    let (mut adds, mut sum) = (ctx.updates(ADD), 0);
    while sum < most {
        let add = adds.next().await?;
        match *add.request() {
            0 => add.refuse(&"nothing to add".to_owned()),
            number => {
                sum += number;
                add.reply(&sum);
            }
        }
    }
    Ok(sum)
}

async fn updates(play: Play) -> Answers {
    play.start(total, "total", 10).await?;
    let mut answers = Vec::new();
    for (key, number) in [("a", 4), ("b", 0), ("c", 5), ("d", 1)] {
        answers.push(update(&play, key, number).await?);
    }
    answers.push(play.result::<u64>("total").await?);
    Ok(answers)
}

async fn update(play: &Play, key: &str, number: u64) -> Result<String, String> {
    let update =
        |client: Client| async move { answer(client.update("total", ADD, number).key(key).await) };
    play.call("update", update).await
}

/// The sum, or why there is none.
fn answer(answered: Result<u64, UpdateError<String>>) -> Result<String, Error> {
    match answered {
        Ok(sum) => Ok(format!("{sum}")),
        Err(UpdateError::Failed(error)) => Err(error),
        Err(other) => Ok(format!("{other:?}")),
    }
}

/// It has the same answer after the end.
async fn starts_with_update(play: Play) -> Answers {
    let start = |client: Client| async move {
        let start = client.start_new(total, 10).id("total").and_update(ADD, 4).key("a");
        answer(start.await.map(|(_, sum)| sum))
    };
    let mut answers = vec![play.call("start", start).await?];
    answers.push(update(&play, "b", 6).await?);
    answers.push(play.result::<u64>("total").await?);
    answers.push(play.call("start", start).await?);
    Ok(answers)
}

#[derive(Default, Serialize, Deserialize)]
struct Account {
    cents: u64,
}

#[entity]
impl Account {
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }

    fn withdraw(&mut self, cents: u64) -> Result<u64, String> {
        self.cents = self.cents.checked_sub(cents).ok_or("too little")?;
        Ok(self.cents)
    }
}

async fn deposit(play: &Play, of: &str, key: &str, cents: u64) -> Result<String, String> {
    let call = |client: Client| async move {
        match client.entity::<Account>(of).deposit(cents).key(key).await {
            Ok(cents) => Ok(cents.to_string()),
            Err(EntityError::Call(error)) => Err(error),
            Err(other) => Ok(format!("{other:?}")),
        }
    };
    play.call("deposit", call).await
}

async fn balance(play: &Play, of: &str) -> Result<String, String> {
    let state = |client: Client| async move { client.entity::<Account>(of).state().await };
    let state = play.call("state", state).await?;
    Ok(format!("{of} has {:?}", state.map(|account| account.cents)))
}

async fn calls(play: Play) -> Answers {
    let mut answers = vec![deposit(&play, "ada", "a", 7).await?];
    let withdraw = |client: Client| async move {
        match client.entity::<Account>("ada").withdraw(9).key("b").await {
            Ok(cents) => Ok(cents.to_string()),
            Err(EntityError::Call(error)) => Err(error),
            Err(other) => Ok(format!("{other:?}")),
        }
    };
    answers.push(play.call("withdraw", withdraw).await?);
    answers.push(deposit(&play, "ada", "c", 3).await?);
    answers.push(balance(&play, "ada").await?);
    Ok(answers)
}

/// Moves an amount while nobody else sees the accounts.
#[orchestration]
async fn transfer(
    ctx: OrchestrationContext,
    (from, to, cents): (String, String, u64),
) -> Result<String, OrchestrationError> {
    let (from, to) = (ctx.entity::<Account>(from), ctx.entity::<Account>(to));
    let lock = ctx.lock([from.recipient(), to.recipient()]).await?;
    let left = from.withdraw(cents).await?;
    let there = to.deposit(cents).await?;
    lock.release();
    Ok(if left < u64::MAX && there >= cents { "moved" } else { "lost" }.to_owned())
}

/// Two move something in opposite directions at a time.
async fn locks(play: Play) -> Answers {
    deposit(&play, "ada", "a", 100).await?;
    deposit(&play, "bob", "b", 100).await?;
    play.start(transfer, "one", ("ada".to_owned(), "bob".to_owned(), 30)).await?;
    play.start(transfer, "other", ("bob".to_owned(), "ada".to_owned(), 50)).await?;
    Ok(vec![
        play.result::<String>("one").await?,
        play.result::<String>("other").await?,
        balance(&play, "ada").await?,
        balance(&play, "bob").await?,
    ])
}
