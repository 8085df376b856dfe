//! The refusals of an instance in the form in which they are kept in quarantine, for a sender that is not its host.

use reenact_core::{InstanceId, Name, Payload, PayloadError};
use reenact_providers::limits::MAX_QUARANTINE_DETAILS_BYTES;
use serde::{Deserialize, Serialize};

use super::Error;

/// What is kept. Stored as JSON: fields and variants keep their names.
#[derive(Serialize, Deserialize)]
enum Kept {
    UnknownEvent { event: Name, declared: Vec<String> },
    UpdateRefused { update: Name, reason: Payload },
    InvalidPayload { what: String, why: String },
    Finished,
    NotFound,
}

impl Error {
    /// What is kept of it for the sender of a message that is refused with it: empty where that gets only the
    /// reason for people.
    pub(crate) fn refusal_details(&self) -> String {
        let kept = match self {
            Self::UnknownEvent { event, declared, .. } => {
                Kept::UnknownEvent { event: event.clone(), declared: declared.clone() }
            }
            Self::UpdateRefused { update, reason, .. } => {
                Kept::UpdateRefused { update: update.clone(), reason: reason.clone() }
            }
            Self::InvalidPayload { what, source } => {
                let why = match source {
                    PayloadError::Decode(why) => why.clone(),
                    other => other.to_string(),
                };
                Kept::InvalidPayload { what: what.clone(), why }
            }
            Self::Finished { .. } => Kept::Finished,
            Self::NotFound { .. } => Kept::NotFound,
            _ => return String::new(),
        };
        let details = serde_json::to_string(&kept).unwrap_or_default();
        if details.len() <= MAX_QUARANTINE_DETAILS_BYTES { details } else { String::new() }
    }

    /// The error of a message that is in quarantine, for its sender. Details that this version does not know are
    /// none.
    pub(crate) fn of_refusal(instance: &InstanceId, reason: String, details: &str) -> Self {
        let instance = instance.clone();
        match serde_json::from_str(details) {
            Ok(Kept::UnknownEvent { event, declared }) => {
                Self::UnknownEvent { instance, event, declared }
            }
            Ok(Kept::UpdateRefused { update, reason }) => {
                Self::UpdateRefused { instance, update, reason }
            }
            Ok(Kept::InvalidPayload { what, why }) => {
                Self::InvalidPayload { what, source: PayloadError::Decode(why) }
            }
            Ok(Kept::Finished) => Self::Finished { instance },
            Ok(Kept::NotFound) => Self::NotFound { instance },
            Err(_) => Self::Quarantined { instance, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_quarantine(error: &Error) -> Error {
        let instance = InstanceId::new("i").unwrap();
        Error::of_refusal(&instance, error.to_string(), &error.refusal_details())
    }

    #[test]
    fn a_refusal_by_which_a_sender_can_act_is_the_same_error_for_it() {
        let instance = InstanceId::new("i").unwrap();
        let (event, reason) = (Name::new("Add").unwrap(), Payload::encode(&(7, "no")).unwrap());
        let declared = vec!["Go".to_string(), "Stop \u{e9}".to_string()];
        let source = Payload::encode("two").unwrap().decode::<u64>().unwrap_err();
        for error in [
            Error::UnknownEvent { instance: instance.clone(), event: event.clone(), declared },
            Error::UpdateRefused { instance: instance.clone(), update: event, reason },
            Error::InvalidPayload { what: "the input".into(), source },
            Error::Finished { instance: instance.clone() },
            Error::NotFound { instance },
        ] {
            let known = through_quarantine(&error);
            assert_eq!(known.to_string(), error.to_string());
            assert_eq!(known.kind(), error.kind());
        }
    }

    #[test]
    fn anything_else_or_too_long_is_the_reason_for_people() {
        let instance = InstanceId::new("i").unwrap();
        let update = Name::new("Add").unwrap();
        let long = Payload::encode(&"x".repeat(MAX_QUARANTINE_DETAILS_BYTES)).unwrap();
        let refused = Error::UpdateRefused { instance, update, reason: long };
        for error in [Error::ShuttingDown, refused] {
            assert!(matches!(through_quarantine(&error), Error::Quarantined { .. }));
        }
    }
}
