//! What a look at a store or at a machine has shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know. Nothing needs to be done.
    Info,
    /// It works, and something about it may be wrong.
    Warning,
    /// Something is damaged, or does not work.
    Error,
}

/// Something that a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: a file, an instance, a part of the machine.
    pub place: String,
    /// What is there.
    pub what: String,
    /// What to do about it; empty when nothing needs to be done.
    pub advice: String,
}

impl Finding {
    /// Good to know.
    pub fn info(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Severity::Info, place, what, "")
    }

    /// Something may be wrong.
    pub fn warning(
        place: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, place, what, advice)
    }

    /// Something is damaged, or does not work.
    pub fn error(
        place: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, place, what, advice)
    }

    fn new(
        severity: Severity,
        place: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { severity, place: place.into(), what: what.into(), advice: advice.into() }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, place, what, advice } = self;
        write!(f, "{severity}: {place}: {what}")?;
        if advice.is_empty() { Ok(()) } else { write!(f, "; {advice}") }
    }
}
