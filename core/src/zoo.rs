//! Bugs that engines of this kind have had, planted one at a time, so that it can be seen which check finds them.
//!
//! A program that is built with `--cfg reenact_zoo` has all of them, and `plant` plants one. Any other build has none:
//! [`planted`] is a constant there. Where a bug is planted, the code says `zoo::planted(Bug::...)`.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Bug {
    /// An event whose key is known counts again.
    NoDeduplication,
    /// Two events of a name that come within a second count as one.
    DeduplicationByTime,
    /// Continuing as new forgets the keys of the events that have come.
    KeysLostAtContinueAsNew,
    /// Continuing as new drops the events that nobody has taken.
    InboxLostAtContinueAsNew,
    /// An event for a suspended instance is acknowledged, and not kept.
    EventsLostWhileSuspended,
    /// What completes while an instance is suspended does not wake it.
    WakeLostWhileSuspended,
    /// Only the waker of the whole execution is woken, and no waker of a combinator.
    WakerIgnored,
    /// The winner of several is the first in the order of polling, not of the log.
    CompletionOrderByPoll,
    /// Random numbers are drawn anew at replay.
    RandomDrawnAgain,
    /// The code sees a computed value as it was, and at replay as it was recorded.
    LiveValueNotAsRecorded,
    /// Numbers lose their last digits in a payload.
    FloatLost,
    /// Effects are carried out, and answers given, while the append is under way.
    EffectsBeforeDurable,
    /// A client has its answer before its turn is appended.
    AnswerBeforeDurable,
    /// An append of unknown outcome is taken for one that was made.
    UnknownTakenForSuccess,
    /// A host whose append was fenced goes on as if it had succeeded.
    FenceIgnored,
    /// The store takes appends of an owner that has lost the shard.
    FenceSkipped,
    /// A message leaves its queue before its effect is durable.
    QueueMessageAcknowledgedEarly,
    /// Timers are not set again when an instance comes into memory.
    TimerNotRearmed,
    /// A timer that is set for a time that the clock has shown before is taken for fired.
    TimerBelowReadLevel,
    /// Timers fire up to a second early, together with others.
    TimerEarly,
    /// What was due long ago happens after what comes now.
    OverdueComesLast,
    /// Messages to other instances are not sent again when their sender comes into memory.
    MessageNotSentAgain,
    /// A completion for an earlier execution is taken by the next one.
    CompletionOfEarlierExecution,
    /// Each attempt of an activity has another idempotency key.
    KeyOfAttempt,
    /// An instance whose log could not be read for a while is not tried again.
    RecoveryErrorSwallowed,
    /// A shard whose lease was lost is not taken again.
    LostLeaseNeverTakenAgain,
    /// A message that does not decode is delivered for ever.
    PoisonForEver,
    /// A commit is acknowledged before it is synced.
    SyncSkipped,
    /// The name of a new segment is not synced.
    NamesNotSynced,
    /// After a sync that failed, the journal goes on.
    FailedSyncForgiven,
    /// What a recovery has shown is not made durable before others build on it.
    RecoveredNotHardened,
    /// Any record that is not whole is taken for the end of the log.
    TailCutAtAnyError,
    /// The repair of a torn record makes it a part of the log.
    RepairKeepsTornRecord,
    /// The locks of an instance are not given back, whatever becomes of it.
    LockNeverGivenBack,
    /// A child that was abandoned is cancelled at the end of its parent.
    AbandonedChildCancelled,
}

impl Bug {
    /// All of them with their names, in order.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::NoDeduplication, "no-deduplication"),
        (Self::DeduplicationByTime, "deduplication-by-time"),
        (Self::KeysLostAtContinueAsNew, "keys-lost-at-continue-as-new"),
        (Self::InboxLostAtContinueAsNew, "inbox-lost-at-continue-as-new"),
        (Self::EventsLostWhileSuspended, "events-lost-while-suspended"),
        (Self::WakeLostWhileSuspended, "wake-lost-while-suspended"),
        (Self::WakerIgnored, "waker-ignored"),
        (Self::CompletionOrderByPoll, "completion-order-by-poll"),
        (Self::RandomDrawnAgain, "random-drawn-again"),
        (Self::LiveValueNotAsRecorded, "live-value-not-as-recorded"),
        (Self::FloatLost, "float-lost"),
        (Self::EffectsBeforeDurable, "effects-before-durable"),
        (Self::AnswerBeforeDurable, "answer-before-durable"),
        (Self::UnknownTakenForSuccess, "unknown-taken-for-success"),
        (Self::FenceIgnored, "fence-ignored"),
        (Self::FenceSkipped, "fence-skipped"),
        (Self::QueueMessageAcknowledgedEarly, "queue-message-acknowledged-early"),
        (Self::TimerNotRearmed, "timer-not-rearmed"),
        (Self::TimerBelowReadLevel, "timer-below-read-level"),
        (Self::TimerEarly, "timer-early"),
        (Self::OverdueComesLast, "overdue-comes-last"),
        (Self::MessageNotSentAgain, "message-not-sent-again"),
        (Self::CompletionOfEarlierExecution, "completion-of-earlier-execution"),
        (Self::KeyOfAttempt, "key-of-attempt"),
        (Self::RecoveryErrorSwallowed, "recovery-error-swallowed"),
        (Self::LostLeaseNeverTakenAgain, "lost-lease-never-taken-again"),
        (Self::PoisonForEver, "poison-for-ever"),
        (Self::SyncSkipped, "sync-skipped"),
        (Self::NamesNotSynced, "names-not-synced"),
        (Self::FailedSyncForgiven, "failed-sync-forgiven"),
        (Self::RecoveredNotHardened, "recovered-not-hardened"),
        (Self::TailCutAtAnyError, "tail-cut-at-any-error"),
        (Self::RepairKeepsTornRecord, "repair-keeps-torn-record"),
        (Self::LockNeverGivenBack, "lock-never-given-back"),
        (Self::AbandonedChildCancelled, "abandoned-child-cancelled"),
    ];

    /// Its name in commands and tables.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// Whether the program has this bug. Never, unless it is built for that.
#[cfg(not(reenact_zoo))]
#[inline(always)]
pub const fn planted(_bug: Bug) -> bool {
    false
}

#[cfg(reenact_zoo)]
pub use planted::{plant, planted};

#[cfg(reenact_zoo)]
mod planted {
    use core::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    const NONE: u8 = u8::MAX;

    static PLANTED: AtomicU8 = AtomicU8::new(NONE);

    /// Plants a bug in this process, in the place of any other; or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
    }

    /// Whether it is this one.
    pub fn planted(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(test)]
mod tests {
    use super::Bug;

    #[test]
    fn each_bug_stands_at_its_place_under_a_name_of_its_own() {
        for (place, (bug, name)) in Bug::ALL.iter().enumerate() {
            assert_eq!(*bug as usize, place, "{name}");
            assert_eq!(Bug::ALL.iter().filter(|(_, other)| other == name).count(), 1, "{name}");
        }
    }
}
