//! Why a scenario fails, and the line that repeats it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::SCENARIO_VARIABLE;
use super::dice::Fault;

/// Why a [`Scenario`](super::Scenario) fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ScenarioFailure {
    /// A run has failed. The text is one line, with the value of [`SCENARIO_VARIABLE`] that repeats it.
    Failed {
        /// The seed of the run.
        seed: u64,
        /// The faults that it takes, as few as were found.
        faults: Vec<Fault>,
        /// What is wrong.
        why: String,
    },
    /// [`SCENARIO_VARIABLE`] is no run.
    NoRun {
        /// What it is.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl std::fmt::Display for ScenarioFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed { seed, faults, why } => {
                let (line, run) = (why.replace('\n', " "), written(*seed, faults));
                write!(f, "seed {seed} fails: {line}; repeat it with {SCENARIO_VARIABLE}={run}")
            }
            Self::NoRun { text, why } => write!(
                f,
                "{SCENARIO_VARIABLE} is `{text}`, which is no run ({why}): a run is written as in the failure of a seed"
            ),
        }
    }
}

impl std::error::Error for ScenarioFailure {}

/// A run as text: its seed, and its faults.
fn written(seed: u64, faults: &[Fault]) -> String {
    let mut run = format!("{seed}/");
    for (number, fault) in faults.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        // Writing into a text does not fail.
        let _ = write!(run, "{comma}{fault}");
    }
    run
}

/// The seed and the faults of a run; all faults of the seed where none are named.
pub(super) fn parse(text: &str) -> Result<(u64, Option<BTreeSet<Fault>>), ScenarioFailure> {
    let no_run = |why: String| ScenarioFailure::NoRun { text: text.to_owned(), why };
    let (seed, faults) = match text.split_once('/') {
        Some((seed, faults)) => (seed, Some(faults)),
        None => (text, None),
    };
    let seed = seed.parse().map_err(|_| no_run(format!("`{seed}` is no seed")))?;
    let faults = faults.map(|faults| {
        faults.split(',').filter(|fault| !fault.is_empty()).map(str::parse).collect()
    });
    Ok((seed, faults.transpose().map_err(no_run)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scenario::FaultKind;

    #[test]
    fn a_run_is_read_as_it_is_written() {
        let faults = [FaultKind::Crash, FaultKind::Twice].map(|kind| Fault { kind, number: 7 });
        let text = written(17, &faults);
        assert_eq!(text, "17/crash:7,twice:7");
        assert_eq!(parse(&text).unwrap(), (17, Some(BTreeSet::from(faults))));
        assert_eq!(parse("17/").unwrap(), (17, Some(BTreeSet::new())));
        assert_eq!(parse("17").unwrap(), (17, None));
    }

    #[test]
    fn what_is_no_run_is_named() {
        let wrong = parse("17/flood:1").unwrap_err().to_string();
        assert!(wrong.contains("`flood:1` is no fault"), "{wrong}");
        assert!(parse("seventeen").unwrap_err().to_string().contains("no seed"));
    }
}
