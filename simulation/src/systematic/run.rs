//! One run of a scenario, with crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reenact::testing::simulation::{Counted, CrashPoint, Dice, Plan, Points, simulate};
use tokio::time::timeout;

use super::check;
use super::explore::Variant;
use super::play::{Effects, Play};

/// What everything follows from that chance decides.
const SEED: u64 = 1;

/// How long a run may take until everything is at rest, in virtual time.
const REST: Duration = Duration::from_secs(3_600);

/// What became of a run.
pub(super) struct Run {
    pub(super) result: Result<Outcome, String>,
    /// The points since the last crash.
    pub(super) counted: Counted,
    /// The crashes that have not happened.
    pub(super) left: usize,
    /// The trace, if it was kept.
    pub(super) lines: Vec<String>,
}

/// What came out of a run, as far as it must not depend on crashes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What the client was answered.
    pub(super) answers: Vec<String>,
    /// What activities have done outside, and under how many keys.
    pub(super) effects: BTreeMap<String, usize>,
    /// The instances that are there: their orchestrations and states, and how many of each.
    pub(super) instances: BTreeMap<String, usize>,
}

impl Outcome {
    /// What differs, this being what it should be.
    pub(super) fn differs_from(&self, other: &Self) -> Option<String> {
        let differs = |what: &str, should: String, is: String| {
            (should != is).then(|| format!("{what} are {is}, and should be {should}"))
        };
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
        differs("the answers", text(&self.answers), text(&other.answers))
            .or_else(|| differs("the effects", text(&self.effects), text(&other.effects)))
            .or_else(|| differs("the instances", text(&self.instances), text(&other.instances)))
    }
}

impl Run {
    pub(super) fn failed(why: &str) -> Self {
        Self {
            result: Err(why.to_owned()),
            counted: Counted::default(),
            left: 0,
            lines: Vec::new(),
        }
    }
}

/// Runs a scenario; hosts crash at these points, each of which is counted from the one before it.
pub(super) fn run(variant: &Variant, crashes: &[CrashPoint], keeps_lines: bool) -> Run {
    let (points, effects) = (Points::new(crashes), Effects::default());
    let plan = Plan {
        only: Some(BTreeSet::new()),
        hosts: variant.hosts,
        shards: variant.hosts as u32,
        keeps_lines,
        points: Some(points.clone()),
        ..Plan::new(SEED)
    };
    let (scenario, of_hosts) = (variant.scenario, effects.clone());
    let build = move |_: &Dice| (scenario.host)().state(of_hosts.clone());
    let simulated = simulate(&plan, build, |world| {
        let (play, points) = (Play::new(world, effects), points.clone());
        async move {
            let playing = (scenario.play)(play.clone());
            let rested = timeout(REST, async {
                let answers = playing.await?;
                play.rest().await?;
                Ok::<_, String>(answers)
            });
            let rested = rested.await;
            points.end();
            match rested {
                Ok(answers) => check::outcome(&play, scenario, answers?).await,
                Err(_) => Err(check::what_waits(&play).await),
            }
        }
    });
    Run {
        result: simulated.result,
        counted: points.counted(),
        left: points.left(),
        lines: simulated.lines,
    }
}
