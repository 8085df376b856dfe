//! What the command line of the zoo says. What it does not know is refused: a check that does not run finds nothing.

use reenact::core::zoo::Bug;

use crate::checks::Check;

/// How to call it.
pub const USAGE: &str = "reenact-simulation --zoo [BUG|none] [--seeds N] [--check CHECK[,CHECK]]";

/// As many seeds a bug may take.
const SEEDS: u64 = 10_000;

/// What to hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Each bug, in a process of its own.
    All,
    /// Nothing is planted, and nothing may be found.
    None,
    /// This bug.
    One(Bug),
}

/// What to hunt, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// The bug.
    pub which: Which,
    /// The most seeds of each check.
    pub seeds: u64,
    /// The checks, one at least.
    pub checks: Vec<Check>,
}

impl Arguments {
    /// From what stands after `--zoo`.
    ///
    /// # Errors
    /// What is wrong, with what would be right.
    pub fn parse(given: &[String]) -> Result<Self, String> {
        let (mut which, mut seeds, mut checks) = (None, SEEDS, Vec::new());
        let mut given = given.iter().map(String::as_str);
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
            match name {
                "--seeds" => seeds = number(value()?)?,
                "--check" => {
                    for name in value()?.split(',') {
                        checks.push(check(name)?);
                    }
                }
                option if option.starts_with('-') => {
                    return Err(format!("`{option}` is no option"));
                }
                name if which.is_none() => which = Some(bug(name)?),
                name => return Err(format!("one bug at a time: `{name}` is one more")),
            }
        }
        if checks.is_empty() {
            checks = Check::ALL.to_vec();
        }
        Ok(Self { which: which.unwrap_or(Which::All), seeds, checks })
    }

    /// The same for one bug, as [`parse`](Self::parse) takes it.
    pub fn of_one(&self, bug: Bug) -> Vec<String> {
        let checks: Vec<_> = self.checks.iter().map(|check| check.name()).collect();
        let seeds = self.seeds.to_string();
        [bug.name(), "--seeds", &seeds, "--check", &checks.join(",")].map(str::to_owned).into()
    }
}

fn bug(name: &str) -> Result<Which, String> {
    if name == "none" {
        return Ok(Which::None);
    }
    let found = Bug::ALL.iter().find(|(_, known)| *known == name);
    found.map(|(bug, _)| Which::One(*bug)).ok_or_else(|| {
        let names: Vec<_> = Bug::ALL.iter().map(|(_, name)| *name).collect();
        format!("there is no bug `{name}`; there are none, {}", names.join(", "))
    })
}

fn check(name: &str) -> Result<Check, String> {
    Check::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(|| {
        let names: Vec<_> = Check::ALL.iter().map(|check| check.name()).collect();
        format!("there is no check `{name}`; there are {}", names.join(", "))
    })
}

/// From 1 on: without a seed nothing can be found.
fn number(text: &str) -> Result<u64, String> {
    let number = text.replace('_', "").parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{text}` is no number of seeds"))
}
