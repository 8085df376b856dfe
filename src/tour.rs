//! The tour: nine steps, each of which must do what it says.

mod cancelled;
mod change;
mod children;
mod continued;
mod failure;
mod fan_out;
mod follow;
mod killed;
mod page;
mod place;
mod race;
mod replay;
mod survey;
mod texts;

use std::process::ExitCode;
use std::time::Duration;

use failure::{Failure, Held};
use page::Page;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
pub(crate) use place::Account;
pub(crate) use place::Choice;
use place::Place;
pub(crate) use place::Site;

pub(crate) use killed::WORKER;

/// Longer than any step takes on a slow machine: a step that hangs has failed.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// The emulator of Azure Storage may have to be installed first.
const BEGIN_LIMIT: Duration = Duration::from_secs(300);

/// Runs the tour. The exit code says whether every step held.
pub(crate) async fn run(choice: &Choice) -> ExitCode {
    let mut page = Page::new();
    match all_steps(&mut page, choice).await {
        Ok(()) => ExitCode::SUCCESS,
        Err((step, failure)) => {
            eprintln!("\nstep {step} failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn all_steps(page: &mut Page, choice: &Choice) -> Result<(), (u32, Failure)> {
    let place = within(BEGIN_LIMIT, 0, begin(page, choice)).await?;
    let recorded = step(1, survey::show(page, &place)).await?;
    step(2, replay::show(page, &recorded)).await?;
    step(3, fan_out::show(page, &place)).await?;
    step(4, race::show(page, &place)).await?;
    step(5, cancelled::show(page, &place)).await?;
    step(6, children::show(page, &place)).await?;
    step(7, continued::show(page, &place)).await?;
    step(8, change::show(page, &place)).await?;
    step(9, killed::show(page, &place)).await?;
    #[cfg(any(feature = "azure", feature = "azure-legacy"))]
    if let Place::Azure(hub) = &place {
        step(9, async { hub.conclude(page) }).await?;
    }
    let concluded = page.line("\nAll steps held.").and_then(|()| place.say_how_to_look(page));
    concluded.map_err(|failure| (9, failure))
}

async fn begin(page: &mut Page, choice: &Choice) -> Held<Place> {
    page.line(concat!("reenact ", env!("CARGO_PKG_VERSION"), ": a tour"))?;
    let place = Place::new(choice).await?;
    place.describe(page)?;
    Ok(place)
}

/// Is the process that step 9 kills.
pub(crate) async fn work(site: &Site, run: &str) -> ExitCode {
    match killed::work(site, run).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("the worker failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn step<T>(number: u32, shown: impl Future<Output = Held<T>>) -> Result<T, (u32, Failure)> {
    within(STEP_LIMIT, number, shown).await
}

async fn within<T>(
    limit: Duration,
    number: u32,
    shown: impl Future<Output = Held<T>>,
) -> Result<T, (u32, Failure)> {
    let in_time = tokio::time::timeout(limit, shown).await;
    in_time
        .unwrap_or_else(|_| Err(Failure::new(format!("it did not end within {limit:?}"))))
        .map_err(|failure| (number, failure))
}
