//! A replay of everything that a store has, without hosts.

use reenact_actors::Verifier;
use reenact_providers::{InstanceFilter, InstanceSummary, PageRequest, Provider, StoredTurn};

use crate::HostBuilder;

/// Replays each execution that a store keeps from its first turn, finished ones too, with the code of a builder, and gives
/// how many there were. Compares all that the code does with what is recorded, up to the result.
///
/// # Errors
/// Which execution differs and how, or why a log cannot be read.
pub async fn replay_all(builder: &HostBuilder, store: &dyn Provider) -> Result<u64, String> {
    let registry = builder.registry().map_err(|error| error.to_string())?;
    let (verifier, histories) = (Verifier::new(registry), store.histories());
    let (mut replayed, mut next) = (0, Some(PageRequest::new()));
    while let Some(request) = next {
        let page = histories.list(&InstanceFilter::new(), &request).await;
        let page = page.map_err(|error| format!("no list: {error}"))?;
        for newest in page.instances {
            let mut all = histories.executions(&newest.instance).await.map_err(|error| {
                format!("the executions of `{}` are not there: {error}", newest.instance)
            })?;
            all.retain(|one| one.execution != newest.execution);
            for of in all.into_iter().chain([newest]) {
                replay(&verifier, store, of).await?;
                replayed += 1;
            }
        }
        next = page.next.map(|after| PageRequest::new().after(after));
    }
    Ok(replayed)
}

async fn replay(
    verifier: &Verifier<'_>,
    store: &dyn Provider,
    of: InstanceSummary,
) -> Result<(), String> {
    let place = format!("execution {} of `{}`", of.execution.0, of.instance);
    let turns = turns(store, &of).await.map_err(|error| format!("{place}: {error}"))?;
    match verifier.unfit(of, turns).await {
        Ok(None) => Ok(()),
        Ok(Some(unfit)) => Err(format!("{place}: a replay from its first turn differs: {unfit}")),
        Err(error) => Err(format!("{place}: no replay: {error}")),
    }
}

async fn turns(store: &dyn Provider, of: &InstanceSummary) -> Result<Vec<StoredTurn>, String> {
    // An entity may go on meanwhile.
    let upto = usize::try_from(of.turns).unwrap_or(usize::MAX);
    let (histories, mut turns, mut next) = (store.histories(), Vec::new(), Some(0));
    while let Some(from) = next.filter(|_| turns.len() < upto) {
        let page = histories.read(&of.instance, of.execution, from, upto - turns.len()).await;
        let page = page.map_err(|error| error.to_string())?;
        turns.extend(page.turns);
        next = page.next;
    }
    if turns.len() < upto {
        return Err(format!("it has {} turns of {upto}", turns.len()));
    }
    Ok(turns)
}
