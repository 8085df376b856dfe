//! The two forms of errors: as they are stored, and as people read them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::activity::ActivityError;
use super::details;
use super::orchestration::OrchestrationError;
use crate::payload::Payload;

/// As it is stored: three fields, for ever. The last has the sources in front of the details.
#[derive(Serialize)]
struct Stored<'a, K> {
    kind: K,
    message: &'a str,
    details: &'a Option<Payload>,
}

#[derive(Deserialize)]
struct ReadStored<K> {
    kind: K,
    message: String,
    details: Option<Payload>,
}

/// As people read it, in JSON.
#[derive(Serialize)]
struct Shown<'a, K> {
    kind: K,
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<String>,
    details: Option<Payload>,
}

#[derive(Deserialize)]
struct ReadShown<K> {
    kind: K,
    message: String,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    details: Option<Payload>,
}

/// Both kinds of errors have the same form.
macro_rules! two_forms {
    ($type:ident) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { kind, message, details, .. } = self;
                if !serializer.is_human_readable() {
                    return Stored { kind, message, details }.serialize(serializer);
                }
                let sources = self.sources();
                let details = details::details(details.as_ref());
                Shown { kind, message, sources, details }.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    let ReadStored { kind, message, details } =
                        ReadStored::deserialize(deserializer)?;
                    if !details::is_whole(details.as_ref()) {
                        return Err(D::Error::custom("the sources of an error do not decode"));
                    }
                    return Ok(Self::restored(kind, message, details));
                }
                let ReadShown { kind, message, sources, details } =
                    ReadShown::deserialize(deserializer)?;
                if details.as_ref().is_some_and(Payload::is_empty) {
                    return Err(D::Error::custom("the details of an error are empty"));
                }
                Ok(Self::restored(kind, message, details::join(&sources, details)))
            }
        }
    };
}

two_forms!(ActivityError);
two_forms!(OrchestrationError);

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn declined() -> ActivityError {
        let cause = crate::error::BoxError::from("the bank says no");
        ActivityError::fatal("declined").with_details(&51).with_source(&*cause)
    }

    #[test]
    fn people_read_an_error_with_its_sources_and_its_details() {
        let json = serde_json::to_string(&declined()).unwrap();
        let wanted =
            r#"{"kind":"Fatal","message":"declined","sources":["the bank says no"],"details":51}"#;
        assert_eq!(json, wanted);
        assert_eq!(serde_json::from_str::<ActivityError>(&json).unwrap(), declined());
        let plain = serde_json::to_string(&OrchestrationError::new("no")).unwrap();
        assert_eq!(plain, r#"{"kind":"Failed","message":"no","details":null}"#);
    }

    #[test]
    fn the_stored_form_has_the_three_fields_that_it_always_had() {
        let config = bincode::config::standard();
        let stored = |error: &ActivityError| bincode::serde::encode_to_vec(error, config).unwrap();
        let plain = ActivityError::fatal("no").with_details(&7);
        // The kind, the message with its length, some details with their length.
        assert_eq!(stored(&plain), [1, 2, b'n', b'o', 1, 1, b'7']);
        for error in [plain, declined(), ActivityError::retryable("a".to_string())] {
            let (read, _) =
                bincode::serde::decode_from_slice::<ActivityError, _>(&stored(&error), config)
                    .unwrap();
            assert_eq!(read, error);
        }
    }

    #[test]
    fn sources_that_do_not_decode_are_refused_and_not_taken_for_none() {
        let config = bincode::config::standard();
        let mut stored = bincode::serde::encode_to_vec(declined(), config).unwrap();
        let quote = stored.iter().position(|&byte| byte == b'[').unwrap();
        stored[quote] = b'{';
        let read = bincode::serde::decode_from_slice::<ActivityError, _>(&stored, config);
        let refused = read.unwrap_err().to_string();
        assert!(refused.contains("the sources of an error do not decode"), "{refused}");
    }
}
