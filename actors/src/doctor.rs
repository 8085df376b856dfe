//! Looks through a store: is each history whole, and does what the store says of it agree?

mod agree;
mod beside;
mod family;
mod wrong;

use reenact_core::{RecordedTurn, Timestamp};
use reenact_providers::{
    Finding, InstanceFilter, InstanceState, InstanceSummary, PageRequest, SystemClock,
    TimerScheduler,
};

use self::agree::disagreement;
use self::beside::{check_queues, check_shards};
use self::wrong::Wrong;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::store::unreadable;

/// Instances that are listed at a time.
const LISTED_AT_ONCE: usize = 256;

/// A clock that is this much before the newest event is wrong. Hosts may differ by less.
const CLOCK_MAY_LAG: std::time::Duration = std::time::Duration::from_secs(60);

/// How far a look has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Looked {
    /// Instances that were looked at.
    pub instances: u64,
    /// About how many there are.
    pub of: u64,
}

/// Looks at every instance of a store: its history can be read and decoded, is one that an execution can have
/// written, and agrees with its summary, also on when it is to be woken; lists and counts agree with each other; and
/// the clock of this machine is not before the newest event; what no turn refers to any more, and what waits in queues
/// and in the quarantine, is named. Where no host works, parents and children agree as well:
/// a child that is waited for is there, is of that parent, and has not ended. Changes nothing. `progress` is called after each instance.
///
/// What the store itself can say of its files is not part of this: see `Provider::check`. Instances that go on
/// meanwhile are looked at again before something is said of them.
///
/// ```
/// # use reenact_actors::{Access, doctor};
/// # use reenact_providers::InMemory;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let access = Access::read_only(&InMemory::new());
/// let findings = doctor::check_store(&access, |_| {}).await?;
/// assert!(findings.iter().all(|finding| finding.advice.is_empty()), "it is healthy");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Store`] when the store cannot be reached. What is damaged is a finding, and no error.
pub async fn check_store(
    access: &Access,
    mut progress: impl FnMut(&Looked),
) -> Result<Vec<Finding>> {
    let everything = InstanceFilter::new();
    let (mut findings, mut newest) = (Vec::new(), Timestamp::EPOCH);
    let is_at_rest = is_at_rest(access).await?;
    let of = match access.count(&everything).await {
        Ok(count) => count,
        Err(error) => {
            findings.push(damage("the number of instances", &error)?);
            0
        }
    };
    let mut looked = Looked { instances: 0, of };
    let mut next = Some(PageRequest::new().limit(LISTED_AT_ONCE));
    while let Some(request) = next {
        let page = match access.list(&everything, &request).await {
            Ok(page) => page,
            Err(error) => {
                findings.push(damage("the list of instances", &error)?);
                break;
            }
        };
        for summary in page.instances {
            newest = newest.max(summary.updated_at);
            findings.extend(check_instance(access, summary, is_at_rest).await?);
            looked.instances += 1;
            progress(&looked);
        }
        next = page.next.map(|after| request.after(after));
    }
    findings.extend(check_counts(access, looked).await?);
    findings.extend(check_shards(access).await?);
    findings.extend(check_queues(access).await?);
    findings.extend(check_clock(newest, SystemClock.now()));
    findings
        .push(Finding::info("the store", format!("{} instances were looked at", looked.instances)));
    Ok(findings)
}

/// Whether nothing is on its way between instances but what their histories say.
async fn is_at_rest(access: &Access) -> Result<bool> {
    if access.hosts().await?.iter().any(|host| host.is_alive) {
        return Ok(false);
    }
    match access.waiting().await {
        Err(Error::NotShared) => Ok(access.is_read_only()),
        waiting => Ok(waiting? == Some(0)),
    }
}

/// What is wrong with one instance, if something is.
async fn check_instance(
    access: &Access,
    mut summary: InstanceSummary,
    is_at_rest: bool,
) -> Result<Option<Finding>> {
    loop {
        let place = format!("instance `{}`", summary.instance);
        if summary.state == InstanceState::Importing {
            let what = "an import of it was broken off";
            let advice = "import the same file again, to its end; or purge the instance";
            return Ok(Some(Finding::warning(place, what, advice)));
        }
        let found = match read(access, &summary).await {
            Ok(turns) => match disagreement(&summary, &turns) {
                None if is_at_rest => family::disagreement(access, &summary, &turns).await?,
                found => found,
            },
            Err(Error::NotFound { .. }) => Some(Wrong::rot("its history is not there".to_owned())),
            Err(error) => return damage_with(&place, &error, Wrong::ROT).map(Some),
        };
        let Some(Wrong { what, advice }) = found else { return Ok(None) };
        // A host may have gone on with it meanwhile.
        match access.summary(&summary.instance).await {
            Ok(newer) if newer != summary => summary = newer,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return damage(&place, &error).map(Some),
            Ok(_) => return Ok(Some(Finding::error(place, what, advice))),
        }
    }
}

/// The turns of an instance, as far as its summary goes.
async fn read(access: &Access, of: &InstanceSummary) -> Result<Vec<RecordedTurn>> {
    let turns = access.log().history(of).await?;
    turns.map_err(|reason| unreadable(&of.instance, &reason))
}

/// Damage as a finding; any other failure ends the look.
fn damage(place: &str, error: &Error) -> Result<Finding> {
    damage_with(place, error, "keep a copy of the store, and put back what is known to be good")
}

fn damage_with(place: &str, error: &Error, advice: &str) -> Result<Finding> {
    let is_damage = match error {
        Error::Unreadable { .. } => true,
        Error::Store { source } => source.is_unreadable(),
        _ => false,
    };
    if !is_damage {
        return Err(error.clone());
    }
    Ok(Finding::error(place, error.to_string(), advice))
}

/// Whether the index of each state counts what the list has shown. While hosts work, nothing is said.
async fn check_counts(access: &Access, looked: Looked) -> Result<Option<Finding>> {
    let (all, sum) = match counts(access).await {
        Ok(counts) => counts,
        Err(error) => return damage("the indexes", &error).map(Some),
    };
    let listed = looked.instances;
    let is_moving = !access.is_read_only();
    if is_moving || (sum == all && listed == all) {
        return Ok(None);
    }
    let what =
        format!("{all} instances are counted, {sum} by their states, and {listed} are listed");
    let advice = "keep a copy of the store, and put back what is known to be good";
    Ok(Some(Finding::error("the indexes", what, advice)))
}

/// The number of all instances, and the sum of those of each state.
async fn counts(access: &Access) -> Result<(u64, u64)> {
    let mut sum = 0;
    for state in InstanceState::ALL {
        sum += access.count(&InstanceFilter::new().states([*state])).await?;
    }
    Ok((access.count(&InstanceFilter::new()).await?, sum))
}

/// Whether the clock of this machine is before what has happened already.
fn check_clock(newest: Timestamp, now: Timestamp) -> Option<Finding> {
    (newest > now + CLOCK_MAY_LAG).then(|| {
        Finding::warning(
            "the clock",
            format!("it is {now}, and the newest event is of {newest}"),
            "set the clock: timers would fire late",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_the_newest_event_is_found() {
        let now = Timestamp::from_micros(1_000_000_000);
        assert_eq!(check_clock(now + Duration::from_secs(59), now), None);
        assert!(check_clock(now + Duration::from_secs(3600), now).is_some());
    }
}
