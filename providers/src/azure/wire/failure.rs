//! What went wrong below the crates, in our own words.

use std::error::Error;

use super::super::connection::Options;
use crate::azure::port::PortErrorKind;

/// A failure of the wire, on its way through the crates above. It has no source: the errors below
/// name whole URLs, and those hold signatures.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) PortErrorKind);

impl Failure {
    /// The request could not be written as HTTP.
    pub(crate) fn unsendable() -> Self {
        unreachable("the request cannot be written as HTTP")
    }

    /// It was answered with what is no answer.
    #[cfg(feature = "azure-legacy")]
    pub(crate) fn unreadable() -> Self {
        unknown("the service gave an answer that cannot be read".to_owned())
    }

    /// No answer began.
    pub(super) fn of_exchange(error: &reqwest::Error, options: &Options) -> Self {
        if error.is_builder() {
            return Self::unsendable();
        }
        if error.is_connect() {
            return match io_kind(error) {
                Some(kind) if says_something(kind) => unreachable(&kind.to_string()),
                _ if error.is_timeout() => {
                    let limit = options.connect_timeout;
                    unreachable(&format!("no connection within {limit:?}"))
                }
                _ => unreachable("no connection could be made; look at the endpoint's name"),
            };
        }
        if error.is_timeout() {
            return unknown(format!("no answer within {:?}", options.request_timeout));
        }
        unknown("the connection ended without an answer".to_owned())
    }

    /// The answer began and did not come to its end.
    pub(super) fn of_body(error: &reqwest::Error, options: &Options) -> Self {
        if error.is_timeout() {
            let limit = options.request_timeout;
            return unknown(format!("the answer was not whole within {limit:?}"));
        }
        unknown("the answer ended before it was whole".to_owned())
    }

    /// The failure of the wire that an error of the crates above carries.
    pub(crate) fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref() {
                return Some(failure);
            }
            next = error.source();
        }
        None
    }
}

fn unreachable(reason: &str) -> Failure {
    Failure(PortErrorKind::Unreachable { reason: reason.to_owned() })
}

fn unknown(reason: String) -> Failure {
    Failure(PortErrorKind::Unknown { reason })
}

/// A name that cannot be resolved, for one, has no kind of its own.
fn says_something(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown,
        NetworkUnreachable, TimedOut,
    };
    matches!(
        kind,
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

/// The kind of the system's error underneath. Its text may name a path or a host; the kind does not.
fn io_kind(error: &reqwest::Error) -> Option<std::io::ErrorKind> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}
