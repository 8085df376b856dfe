//! How a command ends that did not do what it was asked for: what happened, what to do, and the exit code.

use std::fmt::Display;
use std::io;

/// What a command returns.
pub(crate) type Done<T = ()> = Result<T, Failure>;

/// The exit codes. Programs rely on them: they are described in `docs/cli.md` and in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// What was asked for has failed, or something was found that needs a person.
    Failed = 1,
    /// The arguments make no sense.
    Misused = 2,
    /// There is no such instance, event, orchestration or entry.
    NotFound = 3,
    /// It was refused: it exists already, has ended, may not be changed, was not confirmed, or the token is wrong.
    Refused = 4,
    /// The store or the console cannot be reached, opened or read.
    Unreachable = 5,
    /// Ctrl-C: 128 and the number of the signal, as shells have it.
    Interrupted = 130,
}

/// Why a command ended before it was done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something to say.
    Of {
        /// What happened, in one line.
        what: String,
        /// What the person can do, in one line.
        remedy: Option<String>,
        /// How the program ends.
        code: Code,
    },
    /// What was to be said has been said: only the exit code is left.
    Said(Code),
    /// The reader of the output has gone: there is nothing more to do, and nobody to say it to.
    PipeClosed,
}

impl Failure {
    pub(crate) fn new(code: Code, what: impl Display) -> Self {
        Self::Of { what: what.to_string(), remedy: None, code }
    }

    pub(crate) fn misused(what: impl Display) -> Self {
        Self::new(Code::Misused, what)
    }

    pub(crate) fn refused(what: impl Display) -> Self {
        Self::new(Code::Refused, what)
    }

    pub(crate) fn unreachable(what: impl Display) -> Self {
        Self::new(Code::Unreachable, what)
    }

    /// With what the person can do.
    pub(crate) fn remedy(mut self, todo: impl Display) -> Self {
        if let Self::Of { remedy, .. } = &mut self {
            *remedy = Some(todo.to_string());
        }
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Of { code, .. } | Self::Said(code) => *code as u8,
            Self::PipeClosed => 0,
        }
    }
}

/// The error of a write to the output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::new(Code::Failed, format_args!("the output cannot be written: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.code(), 0);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).code(), 1);
    }
}
