//! Why an instance failed: down through the children whose failures led to it, to the first cause.

use reenact_core::limits::MAX_ANCESTORS;
use reenact_core::{
    CauseFinder, ChildError, FailedCall, FailureCause, InstanceId, Name, OrchestrationError,
    OrchestrationErrorKind, Outcome, Timestamp,
};
use reenact_providers::InstanceState;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::store::Store;

/// The failure of one instance, and what it came of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailureLink {
    /// The instance.
    pub instance: InstanceId,
    /// Its orchestration.
    pub orchestration: Name,
    /// Its state; `None` when the instance is gone, and what is here is what its parent knows.
    pub state: Option<InstanceState>,
    /// When it ended.
    pub at: Option<Timestamp>,
    /// The sort of the failure; `None` for an instance that was terminated or cancelled.
    pub kind: Option<OrchestrationErrorKind>,
    /// What it failed with; or why it was terminated or cancelled.
    pub message: String,
    /// The texts of the errors that led to it, outermost first.
    pub sources: Vec<String>,
    /// The activity or the child whose failure it came of, where its log knows one. If it is a child, the next
    /// link is that child's.
    pub cause: Option<FailureCause>,
}

impl Store {
    /// The links from an instance down. None for one that has not failed.
    pub(crate) async fn failure_chain(&self, instance: &InstanceId) -> Result<Vec<FailureLink>> {
        let Some(first) = self.failure_of(instance).await? else { return Ok(Vec::new()) };
        let mut chain = vec![first];
        while chain.len() < MAX_ANCESTORS
            && let Some(FailedCall::Child { name, error, .. }) = cause_of(chain.last())
            && let Some(child) = child_of(error)
        {
            let link = match self.failure_of(child).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
            // It is gone, or another has its id, or it was rewound and goes on.
            let known_by_parent = || FailureLink::known_by_parent(child, name, error);
            let link = link.unwrap_or_else(known_by_parent);
            chain.push(link);
        }
        Ok(chain)
    }

    /// How an instance failed; `None` when it has not.
    async fn failure_of(&self, instance: &InstanceId) -> Result<Option<FailureLink>> {
        let summary = self.summary(instance).await?;
        if !summary.state.is_finished() || summary.state == InstanceState::Completed {
            return Ok(None);
        }
        let folded = self.fold(instance, None, CauseFinder::default, CauseFinder::apply).await?;
        let Some((outcome, at)) = folded.fold.ended() else { return Ok(None) };
        let Some((kind, message, sources)) = said_of(outcome) else { return Ok(None) };
        Ok(Some(FailureLink {
            instance: instance.clone(),
            orchestration: folded.summary.name,
            state: Some(folded.summary.state),
            at: Some(at),
            kind,
            message,
            sources,
            cause: folded.fold.cause(),
        }))
    }
}

impl FailureLink {
    fn known_by_parent(child: &InstanceId, name: &Name, error: &ChildError) -> Self {
        let (kind, message, sources) = match error {
            ChildError::Failed { error, .. } => of_failure(error),
            other => (None, other.to_string(), Vec::new()),
        };
        let (instance, orchestration) = (child.clone(), name.clone());
        Self { instance, orchestration, state: None, at: None, kind, message, sources, cause: None }
    }
}

type Said = (Option<OrchestrationErrorKind>, String, Vec<String>);

fn said_of(outcome: &Outcome) -> Option<Said> {
    match outcome {
        Outcome::Failed(error) => Some(of_failure(error)),
        Outcome::Terminated { reason } | Outcome::Cancelled { reason } => {
            Some((None, reason.clone(), Vec::new()))
        }
        Outcome::Completed(_) | Outcome::Continued { .. } => None,
    }
}

fn of_failure(error: &OrchestrationError) -> Said {
    (Some(error.kind()), error.message().to_owned(), error.sources())
}

fn cause_of(link: Option<&FailureLink>) -> Option<&FailedCall> {
    Some(&link?.cause.as_ref()?.what)
}

/// The child that ended without a result, where there was one.
fn child_of(error: &ChildError) -> Option<&InstanceId> {
    match error {
        ChildError::Failed { child, .. }
        | ChildError::Terminated { child, .. }
        | ChildError::Cancelled { child, .. } => Some(child),
        _ => None,
    }
}
