//! The tour: five steps, each of which must do what it says.

mod change;
mod failure;
mod fan_out;
mod follow;
mod page;
mod race;
mod replay;
mod survey;
mod texts;

use std::process::ExitCode;
use std::time::Duration;

use failure::{Failure, Held};
use page::Page;

/// Longer than any step takes on a slow machine: a step that hangs has failed.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Runs the tour. The exit code tells whether every step held.
pub(crate) async fn run() -> ExitCode {
    let mut page = Page::new();
    match all_steps(&mut page).await {
        Ok(()) => ExitCode::SUCCESS,
        Err((step, failure)) => {
            eprintln!("\nstep {step} failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn all_steps(page: &mut Page) -> Result<(), (u32, Failure)> {
    page.line(concat!("reenact ", env!("CARGO_PKG_VERSION"), ": a tour in five steps"))
        .map_err(|failure| (0, failure))?;
    let recorded = step(1, survey::show(page)).await?;
    step(2, replay::show(page, &recorded)).await?;
    step(3, fan_out::show(page)).await?;
    step(4, race::show(page)).await?;
    step(5, change::show(page)).await?;
    page.line("\nAll five steps held.").map_err(|failure| (5, failure))
}

async fn step<T>(number: u32, shown: impl Future<Output = Held<T>>) -> Result<T, (u32, Failure)> {
    let in_time = tokio::time::timeout(STEP_LIMIT, shown).await;
    in_time
        .unwrap_or_else(|_| Err(Failure::new(format!("it did not end within {STEP_LIMIT:?}"))))
        .map_err(|failure| (number, failure))
}
