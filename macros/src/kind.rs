//! Whether the attribute is `#[activity]` or `#[orchestration]`.

/// What the function is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Orchestration,
    Activity,
}

impl Kind {
    /// The attribute, for messages.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Orchestration => "#[orchestration]",
            Self::Activity => "#[activity]",
        }
    }

    /// What the function is, for messages.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Orchestration => "the orchestration",
            Self::Activity => "the activity",
        }
    }

    /// The one that a confused user may have meant.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Orchestration => Self::Activity,
            Self::Activity => Self::Orchestration,
        }
    }

    /// The type of the first parameter.
    pub(crate) fn context(self) -> &'static str {
        match self {
            Self::Orchestration => "OrchestrationContext",
            Self::Activity => "ActivityContext",
        }
    }

    /// The error of the generated `run`.
    pub(crate) fn error(self) -> &'static str {
        match self {
            Self::Orchestration => "OrchestrationError",
            Self::Activity => "ActivityError",
        }
    }
}
