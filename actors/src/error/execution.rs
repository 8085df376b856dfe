//! Which executions of an instance there are, in words.

use reenact_core::ExecutionId;

/// What is there instead of the one that was asked for.
pub(super) fn that_are_there(oldest: ExecutionId, newest: ExecutionId) -> String {
    match oldest == newest {
        true => format!("it is in its execution {}, and those before that are not kept", newest.0),
        false => format!("those from {} to {} are there", oldest.0, newest.0),
    }
}
