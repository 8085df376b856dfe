//! Entities: accounts, and orchestrations that move money between them under the locks of both, so that nobody sees it in
//! neither of them or in both.
//!
//!     cargo run --example accounts

use reenact::EntityCallError;
use reenact::prelude::*;
use serde::{Deserialize, Serialize};

/// How many transfers there are at the same time.
const TRANSFERS: u64 = 50;

/// What is on all accounts together.
const CENTS: u64 = 3_000;

#[derive(Default, Serialize, Deserialize)]
struct Account {
    cents: u64,
}

#[entity]
impl Account {
    /// Adds to the balance, and returns it.
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }

    /// Refuses when there is too little: then nothing has changed.
    fn withdraw(&mut self, cents: u64) -> Result<u64, String> {
        let left = self.cents.checked_sub(cents);
        self.cents = left.ok_or_else(|| format!("only {} cents left", self.cents))?;
        Ok(self.cents)
    }

    fn balance(&self) -> u64 {
        self.cents
    }
}

/// Whether the money was moved. Whatever crashes in between, it is moved once, and the locks are given back at the end.
#[orchestration]
async fn transfer(
    ctx: OrchestrationContext,
    (from, to, cents): (String, String, u64),
) -> Result<bool, OrchestrationError> {
    let (from, to) = (ctx.entity::<Account>(from), ctx.entity::<Account>(to));
    let lock = ctx.lock([from.recipient(), to.recipient()]).await?;
    match from.withdraw(cents).await {
        Ok(_) => {
            to.deposit(cents).await?;
        }
        Err(EntityCallError::Refused(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    lock.release();
    Ok(true)
}

/// What is on all of the accounts at one time: nothing moves while it holds their locks.
#[orchestration]
async fn sum_of(ctx: OrchestrationContext, of: Vec<String>) -> Result<u64, OrchestrationError> {
    let accounts: Vec<_> = of.iter().map(|key| ctx.entity::<Account>(key)).collect();
    let _lock = ctx.lock(accounts.iter().map(|account| account.recipient())).await?;
    let mut total = 0;
    for account in &accounts {
        total += account.balance().await?;
    }
    Ok(total)
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .entity::<Account>()
        .orchestration(transfer)
        .orchestration(sum_of)
        .start()
        .await?;
    let names = ["ada", "grace", "mary"].map(String::from);
    for name in &names {
        host.entity::<Account>(name).deposit(CENTS / 3).await?;
    }

    // All at once, in a ring and against each other.
    let (mut transfers, mut totals) = (Vec::new(), Vec::new());
    for number in 0..TRANSFERS {
        let (from, to) = (number as usize % 3, (number as usize + 1 + number as usize % 2) % 3);
        let order = (names[from].clone(), names[to].clone(), number * number * 7 % 900);
        transfers.push(host.start_new(transfer, order).await?);
        if number % 10 == 0 {
            totals.push(host.start_new(sum_of, names.to_vec()).await?);
        }
    }
    let mut moved = 0;
    for started in transfers {
        moved += u64::from(started.result().await?);
    }
    println!("{moved} of {TRANSFERS} transfers had enough");
    for seen in totals {
        assert_eq!(seen.result().await?, CENTS, "no cent is ever on its way");
    }
    let mut cents = 0;
    for name in &names {
        let account = host.entity::<Account>(name).state().await?.unwrap_or_default();
        println!("{name:>5} has {} cents", account.cents);
        cents += account.cents;
    }
    assert_eq!(cents, CENTS, "no cent is lost, and none is made");
    host.shutdown().await
}
