//! The kinds of events, as they are called in the log.

use core::fmt;

use serde::{Serialize, Serializer};

use super::Event;

/// All kinds, in the order of [`Event`]. One that is missing here does not compile.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        /// The kind of an [`Event`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $(
                #[doc = concat!("Of an [`Event::", stringify!($kind), "`].")]
                $kind,
            )+
        }

        impl EventKind {
            /// Its name, such as `TaskScheduled`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)+
                }
            }
        }

        /// As its [name](EventKind::name).
        impl Serialize for EventKind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl Event {
            /// The event's kind.
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Self::$kind { .. } => EventKind::$kind,)+
                }
            }
        }
    };
}

kinds! {
    ExecutionStarted,
    TaskScheduled,
    TaskCompleted,
    TaskFailed,
    TaskCancelRequested,
    TaskRefused,
    TimerCreated,
    TimerFired,
    TimerCancelled,
    ExternalSubscribed,
    ExternalRaised,
    ExternalUnsubscribed,
    SideEffectRecorded,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionTerminated,
    StatusSet,
    ExecutionContinued,
    EventKeysCarried,
    CancelRequested,
    ExecutionCancelled,
    ExecutionSuspended,
    ExecutionResumed,
    TaskConfigured,
    TaskAttemptFailed,
    TaskHeartbeat,
    VersionSelected,
    PatchMarked,
    ExecutionRewound,
    StartedBy,
    ChildScheduled,
    ChildCompleted,
    ChildFailed,
    ChildCancelRequested,
    StartRequested,
    CallRefused,
    EventSent,
    MessagesDelivered,
    MessageRefused,
    OutboxCarried,
    ChildAttemptFailed,
    TaskTagged,
    ChildrenSuperseded,
    CommandsReceived,
    TaskStarted,
    TaskStopped,
    ExecutionRenewed,
    RunAnnounced,
    RunSurvived,
    ExecutionParked,
    ExecutionUnparked,
    TaskLocal,
    TraceContextReceived,
    CommandSent,
    ValuePublished,
    UpdateAnswered,
    UpdateAnswersCarried,
    TaskDeferred,
    AnySubscribed,
    ExternalTaken,
    Request,
    Streamed,
    TimeLimit,
    AttributesChanged,
    ExecutionForked,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
