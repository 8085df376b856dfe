//! Where the code stands between turns.

/// Where the code stands between turns.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// It has run, if only a little.
    pub(super) begun: bool,
    /// It is to run: something has woken it.
    pub(super) woken: bool,
    /// It must not run.
    pub(super) suspended: bool,
    /// Rewound: it has yet to see what has come since, and waits for its timer.
    pub(super) held: bool,
    /// It could not run.
    pub(super) parked: bool,
}

impl Progress {
    /// Of code that goes on as new in its log.
    pub(super) fn renewed() -> Self {
        Self { begun: true, ..Self::default() }
    }
}
