//! Answers that come in parts.

use prost::Message;

use super::UnknownWork;
use crate::limits::{MAX_ANSWER_BYTES, MAX_ANSWER_PARTS};
use crate::proto::OrchestratorResponse;

/// The parts of an answer that have come.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Vec<OrchestratorResponse>,
    bytes: usize,
}

/// Why a part of an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefusedPart {
    #[error(transparent)]
    Unknown(#[from] UnknownWork),
    #[error(
        "the parts of the answer are over {MAX_ANSWER_BYTES} bytes, or more than {MAX_ANSWER_PARTS}; let the code do \
         less at a time, or continue as new"
    )]
    TooMuch,
}

impl Parts {
    /// Keeps one, unless there is too much. Then all are dropped.
    pub(super) fn push(&mut self, part: OrchestratorResponse) -> Result<(), RefusedPart> {
        self.bytes = self.bytes.saturating_add(part.encoded_len());
        if self.bytes > MAX_ANSWER_BYTES || self.parts.len() >= MAX_ANSWER_PARTS {
            *self = Self::default();
            return Err(RefusedPart::TooMuch);
        }
        self.parts.push(part);
        Ok(())
    }

    /// The answer, with its actions in the order of the parts' numbers.
    pub(super) fn join(mut self) -> OrchestratorResponse {
        self.parts.sort_by_key(|part| part.chunk_index.unwrap_or_default());
        let mut whole = OrchestratorResponse::default();
        for part in self.parts {
            whole.actions.extend(part.actions);
            whole.custom_status = part.custom_status.or(whole.custom_status);
            whole.orchestration_trace_context =
                part.orchestration_trace_context.or(whole.orchestration_trace_context);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_most_of_parts() {
        let mut parts = Parts::default();
        for _ in 0..MAX_ANSWER_PARTS {
            parts.push(OrchestratorResponse::default()).unwrap();
        }
        let refused = parts.push(OrchestratorResponse::default());
        assert_eq!(refused, Err(RefusedPart::TooMuch));
        assert!(parts.parts.is_empty(), "nothing is kept for an answer that is refused");
    }
}
