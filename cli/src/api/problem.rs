//! What a console refused, as a failure with an exit code.

use axum::http::StatusCode;
use reenact::console::{Problem, ProblemKind};

use crate::failure::{Code, Failure};

/// The failure for an answer that is no success.
pub(super) fn failure(status: StatusCode, body: &[u8], address: Option<&str>) -> Failure {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return foreign(status, address);
    };
    let failure = Failure::new(code(problem.kind, status), sentence(&problem.detail));
    let of_instance = problem.instance.is_some();
    match remedy(problem.kind, of_instance, address.is_some()) {
        Some(remedy) => failure.remedy(remedy),
        None => failure,
    }
}

/// Something that is no console has answered.
fn foreign(status: StatusCode, address: Option<&str>) -> Failure {
    let from = address.unwrap_or("the console");
    let what = format!("{from} has answered with {status}, and not as a console does");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::refused(what)
            .remedy("a login of the program guards it: ask it for a way in, or use `--store DIR`"),
        _ => Failure::unreachable(what).remedy("check the address and its path"),
    }
}

fn code(kind: ProblemKind, status: StatusCode) -> Code {
    match kind {
        ProblemKind::InvalidArgument if status == StatusCode::NOT_FOUND => Code::NotFound,
        ProblemKind::InvalidArgument => Code::Misused,
        ProblemKind::NotFound | ProblemKind::NotRegistered => Code::NotFound,
        ProblemKind::Failed | ProblemKind::Stopped => Code::Failed,
        ProblemKind::Busy
        | ProblemKind::ShuttingDown
        | ProblemKind::Uncertain
        | ProblemKind::Store
        | ProblemKind::Unreadable
        | ProblemKind::Internal => Code::Unreachable,
        _ => Code::Refused,
    }
}

/// What can be done here; the detail says what is wrong.
fn remedy(kind: ProblemKind, of_instance: bool, is_http: bool) -> Option<&'static str> {
    Some(match kind {
        ProblemKind::NotFound if of_instance => "`reenact list` shows what there is",
        ProblemKind::NotRegistered => "`reenact metrics` names what the host has",
        ProblemKind::AlreadyExists => "choose another id, or look at it with `reenact show ID`",
        ProblemKind::Finished => {
            "`reenact rewind` can take it back, `reenact start` begins another"
        }
        ProblemKind::Parked => "`reenact show ID` says why it is parked",
        ProblemKind::Busy => "try again in a moment",
        ProblemKind::ShuttingDown => "wait until the host runs again",
        ProblemKind::Uncertain => "look with `reenact show ID` before you do it again",
        ProblemKind::Unreadable => "`reenact doctor` looks for what is damaged",
        ProblemKind::Unauthorized if is_http => {
            "set REENACT_TOKEN, or give `--token-file FILE`, with the token of this console"
        }
        ProblemKind::ReadOnly => "use a console that allows changes, or the store itself",
        ProblemKind::Conflict => "run it again, and look at what is shown",
        _ => return None,
    })
}

/// The detail as one line.
fn sentence(detail: &str) -> String {
    let line: Vec<_> = detail.split_whitespace().collect();
    crate::output::text::printable(line.join(" ").trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_exit_code() {
        for (kind, expected) in [
            (ProblemKind::NotFound, 3),
            (ProblemKind::AlreadyExists, 4),
            (ProblemKind::Unauthorized, 4),
            (ProblemKind::InvalidArgument, 2),
            (ProblemKind::Store, 5),
        ] {
            let problem = Problem::new(kind, "What it is.");
            let body = serde_json::to_vec(&problem).unwrap();
            let status = StatusCode::from_u16(problem.status).unwrap();
            assert_eq!(failure(status, &body, None).code(), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_stranger_is_recognised() {
        let failure = failure(StatusCode::NOT_FOUND, b"<html>", Some("http://localhost/"));
        assert_eq!(failure.code(), 5);
        let Failure::Of { what, .. } = failure else { panic!("it has something to say") };
        assert!(what.contains("http://localhost/"), "{what}");
    }
}
