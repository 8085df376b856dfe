//! Marks: what is interesting and was seen in a run.

use std::collections::BTreeSet;

/// The marks of a run.
pub type Marks = BTreeSet<&'static str>;

macro_rules! marks {
    ($($(#[$doc:meta])* $mark:ident = $name:literal,)*) => {
        $($(#[$doc])* pub(crate) const $mark: &str = $name;)*

        /// Those that many runs together must have seen: a workload that never comes there proves nothing about it.
        pub const MARKS: &[&str] = &[$($mark,)*];
    };
}

marks! {
    CONTINUED = "an execution has continued as new",
    CONTINUED_WITH_EVENTS = "an execution has begun with events that the one before had not taken",
    CONTINUED_WITH_KEYS = "an execution has begun with the keys of the one before",
    TIMER_WON = "a time limit has passed, and the activity was called off",
    TASK_WON = "an activity has ended, and its time limit was called off",
    ATTEMPT_FAILED = "an activity was tried again",
    HOST_DIED_OF_IT = "an activity was begun again that may have ended its host",
    EVENT_DIRECT = "an event went straight into the log",
    EVENT_QUEUED = "an event went through a queue",
    QUEUED_TWICE = "the same message was in a queue twice, and counted once",
    STARTS_RACED = "several clients have started an instance before it was there",
    RAISED_BY_START = "a start has raised its event on an instance that was there",
    DELAYED = "an instance has begun after a delay",
    STARTED_BY_UPDATE = "an instance was started with an update",
    STARTED_LATE = "an instance was started when it had ended",
    UPDATE_ANSWERED = "an update was answered",
    UPDATE_AFTER_END = "the answer to an update was given again after the end",
    UPDATE_CARRIED = "an update was answered by a later execution than the one that took it",
    SUSPENDED = "an instance was suspended",
    EVENT_WHILE_SUSPENDED = "something came while an instance was suspended",
    CANCEL_ENDED = "a cancel has ended an instance",
    STOP_TOO_LATE = "a cancel or a termination came after the end",
    TERMINATED = "an instance was terminated",
    CHILD_CANCELLED = "a child was cancelled with its parent",
    LOCK_WAITED = "an operation waited for the owner of a lock",
    LOCK_GIVEN_UP = "an owner gave up before it had its locks",
    LOCK_OF_STOPPED = "an owner was stopped while it asked for locks or had them",
    MESSAGE_FINISHED = "a message came after the end of the instance that it was for",
    REWOUND = "an instance that had failed was rewound",
    PARKED_FOR_CODE = "an instance was parked on a host with older code",
    UNPARKED = "an instance went on where the code was newer",
    PATCHED_LATER = "an instance that began with older code has come to a patch in newer code",
    UNDONE = "a program that was cancelled has done what it does then",
    REQUEST_STARTED = "a program has started another one with an update",
    TAGGED = "an activity was called that one of the hosts runs",
    FROM_OUTSIDE = "an attempt of an activity was completed, or failed, from outside",
    LEFT_WENT_ON = "an abandoned child has gone on after the end of its parent",
    LEFT_CANCELLED = "a child that its parent did not wait for was cancelled at its end",
    OUTLIVED = "what a program has started has gone on when that was stopped",
    STAYED = "an instance has continued as new in the older version",
    ATTEMPTS_EMITTED = "several attempts of an activity have emitted",
    READ_LATER = "a host gave up reading the log of an instance, and tried again later",
    OWNER_CHANGED = "a shard was written under a later epoch",
    FENCED = "an append of an earlier owner was refused",
    DOUBT_WRITTEN = "an append that nobody heard of was found in the log",
    READ_BACK_WRITTEN = "an append without an answer was found in the log, and not written again",
    READ_BACK_ABSENT = "an append without an answer was not in the log, and was written again",
}
