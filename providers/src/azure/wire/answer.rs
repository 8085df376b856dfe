//! A whole answer, and what its status and code mean.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;

use crate::azure::port::PortErrorKind;

/// The longest code of the service that is passed on, in characters.
const CODE_CHARS: usize = 64;

/// How much of an answer's text is searched for its code, in bytes.
const CODE_SEARCHED: usize = 4 * 1024;

/// A whole answer.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// What came with it.
    pub(crate) body: Bytes,
}

impl Answer {
    /// What it means when it is no success.
    pub(crate) fn refusal(&self) -> Option<PortErrorKind> {
        (!(200..300).contains(&self.status))
            .then(|| meaning(self.status, self.code(), self.retry_after()))
    }

    /// The service's code: of the header or, without one, of the text. Nothing else of the answer
    /// is passed on.
    fn code(&self) -> String {
        let of_header = self.headers.get("x-ms-error-code").and_then(|code| code.to_str().ok());
        of_header
            .or_else(|| code_in(&self.body))
            .filter(|code| is_code(code))
            .unwrap_or("no code")
            .to_owned()
    }

    fn retry_after(&self) -> Option<Duration> {
        let number = |name| self.headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        number("x-ms-retry-after-ms")
            .or_else(|| number("retry-after-ms"))
            .map(Duration::from_millis)
            .or_else(|| number("retry-after").map(Duration::from_secs))
    }
}

fn is_code(text: &str) -> bool {
    (1..=CODE_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `<Code>X</Code>`, as the service writes it.
fn code_in(body: &[u8]) -> Option<&str> {
    let text = &body[..body.len().min(CODE_SEARCHED)];
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// What a status and a code say of what has happened.
fn meaning(status: u16, code: String, after: Option<Duration>) -> PortErrorKind {
    match (status, code.as_str()) {
        (404, _) => PortErrorKind::NotFound { code },
        (409, _) => conflict(code),
        (400, "PopReceiptMismatch") | (412, _) => PortErrorKind::Unmet { code },
        (400, "MessageTooLarge") | (413, _) => PortErrorKind::TooLarge { code },
        (429 | 503, _) => PortErrorKind::Throttled { after },
        (401 | 403, _) => PortErrorKind::Denied { code },
        // A time-out of the service, or one between: it may have been carried out.
        (408 | 500 | 502 | 504, _) => {
            PortErrorKind::Unknown { reason: format!("the service failed with {status} ({code})") }
        }
        _ => PortErrorKind::Refused { status, code },
    }
}

fn conflict(code: String) -> PortErrorKind {
    match code.as_str() {
        "BlobAlreadyExists"
        | "ContainerAlreadyExists"
        | "QueueAlreadyExists"
        | "ResourceAlreadyExists" => PortErrorKind::Exists { code },
        // They pass by themselves, some time or other.
        "ContainerBeingDeleted"
        | "ContainerDisabled"
        | "QueueBeingDeleted"
        | "QueueDisabled"
        | "AccountBeingCreated" => PortErrorKind::Throttled { after: None },
        // The append blob has as many blocks as one can have.
        "BlockCountExceedsLimit" => PortErrorKind::TooLarge { code },
        lease if lease.starts_with("Lease") => PortErrorKind::Unmet { code },
        _ => PortErrorKind::Refused { status: 409, code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Option<PortErrorKind> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }.refusal()
    }

    #[test]
    fn every_success_is_no_refusal() {
        for status in [200, 201, 202, 204, 206] {
            assert_eq!(answer(status, &[], ""), None);
        }
    }

    #[test]
    fn the_code_is_read_from_the_text_when_no_header_has_it() {
        let text = "<?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code></Error>";
        let code = "BlobNotFound".to_owned();
        assert_eq!(answer(404, &[], text), Some(PortErrorKind::NotFound { code }));
    }

    #[test]
    fn what_is_no_code_is_not_passed_on() {
        let code = "no code".to_owned();
        let text = "<Code>sig=c2VjcmV0&amp;x</Code>";
        assert_eq!(answer(404, &[], text), Some(PortErrorKind::NotFound { code }));
    }

    #[test]
    fn milliseconds_come_before_seconds() {
        let wait = |headers: &[(&'static str, &str)]| match answer(503, headers, "") {
            Some(PortErrorKind::Throttled { after }) => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(&[("retry-after", "3")]), Some(Duration::from_secs(3)));
        assert_eq!(wait(&[("x-ms-retry-after-ms", "40")]), Some(Duration::from_millis(40)));
        let both = [("retry-after", "3"), ("x-ms-retry-after-ms", "40")];
        assert_eq!(wait(&both), Some(Duration::from_millis(40)));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn each_status_and_code_has_one_meaning() {
        let kind = |status, code: &str| answer(status, &[("x-ms-error-code", code)], "").unwrap();
        let named = |code: &str| code.to_owned();
        for code in ["BlobAlreadyExists", "ContainerAlreadyExists", "QueueAlreadyExists"] {
            assert_eq!(kind(409, code), PortErrorKind::Exists { code: named(code) });
        }
        for code in ["LeaseAlreadyPresent", "LeaseIdMismatchWithLeaseOperation"] {
            assert_eq!(kind(409, code), PortErrorKind::Unmet { code: named(code) });
        }
        for code in ["ContainerBeingDeleted", "QueueBeingDeleted"] {
            assert_eq!(kind(409, code), PortErrorKind::Throttled { after: None });
        }
        let code = named("BlockCountExceedsLimit");
        assert_eq!(kind(409, &code), PortErrorKind::TooLarge { code });
        let code = named("PopReceiptMismatch");
        assert_eq!(kind(400, &code), PortErrorKind::Unmet { code });
        let code = named("MessageTooLarge");
        assert_eq!(kind(400, &code), PortErrorKind::TooLarge { code });
        let code = named("OutOfRangeQueryParameterValue");
        assert_eq!(kind(400, &code), PortErrorKind::Refused { status: 400, code });
        for status in [401, 403] {
            let code = named("AuthenticationFailed");
            assert_eq!(kind(status, &code), PortErrorKind::Denied { code });
        }
        for status in [500, 502, 504, 408] {
            let kind = kind(status, "InternalError");
            assert!(matches!(kind, PortErrorKind::Unknown { .. }), "{status}: {kind:?}");
        }
    }
}
