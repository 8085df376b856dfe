//! The zoo: bugs that engines of this kind have had, planted one at a time, and which check finds each.

mod arguments;
#[cfg(reenact_zoo)]
mod hunt;

use reenact::core::zoo::Bug;

use crate::checks::Check;

pub use self::arguments::{Arguments, USAGE, Which};
#[cfg(reenact_zoo)]
pub use self::hunt::{Found, command, hunt};

/// Which check finds a bug first, and after how many seeds, as it was measured last.
pub const FOUND_BY: &[(Bug, Check, u64)] = &[
    (Bug::NoDeduplication, Check::Simulation, 20),
    (Bug::DeduplicationByTime, Check::Simulation, 1),
    (Bug::KeysLostAtContinueAsNew, Check::Simulation, 200),
    (Bug::InboxLostAtContinueAsNew, Check::Simulation, 5),
    (Bug::EventsLostWhileSuspended, Check::Simulation, 63),
    (Bug::WakeLostWhileSuspended, Check::Simulation, 17),
    (Bug::WakerIgnored, Check::Values, 1),
    (Bug::CompletionOrderByPoll, Check::Values, 1),
    (Bug::RandomDrawnAgain, Check::Simulation, 1),
    (Bug::LiveValueNotAsRecorded, Check::Values, 1),
    (Bug::FloatLost, Check::Values, 1),
    (Bug::EffectsBeforeDurable, Check::Simulation, 1),
    (Bug::AnswerBeforeDurable, Check::Simulation, 1),
    (Bug::UnknownTakenForSuccess, Check::Simulation, 6),
    (Bug::FenceIgnored, Check::Simulation, 16),
    (Bug::FenceSkipped, Check::Conformance, 1),
    (Bug::QueueMessageAcknowledgedEarly, Check::Poison, 12),
    (Bug::TimerNotRearmed, Check::Systematic, 4),
    (Bug::TimerBelowReadLevel, Check::Simulation, 86),
    (Bug::TimerEarly, Check::Simulation, 3),
    (Bug::OverdueComesLast, Check::Systematic, 10),
    (Bug::MessageNotSentAgain, Check::Directory, 1),
    (Bug::CompletionOfEarlierExecution, Check::Simulation, 394),
    (Bug::KeyOfAttempt, Check::Simulation, 24),
    (Bug::RecoveryErrorSwallowed, Check::Outage, 70),
    (Bug::LostLeaseNeverTakenAgain, Check::Simulation, 11),
    (Bug::PoisonForEver, Check::Poison, 1),
    (Bug::SyncSkipped, Check::Journal, 1),
    (Bug::NamesNotSynced, Check::Journal, 1),
    (Bug::FailedSyncForgiven, Check::Journal, 8),
    (Bug::RecoveredNotHardened, Check::Journal, 71),
    (Bug::TailCutAtAnyError, Check::Journal, 2),
    (Bug::RepairKeepsTornRecord, Check::Journal, 15),
    (Bug::LockNeverGivenBack, Check::Simulation, 1),
    (Bug::AbandonedChildCancelled, Check::Simulation, 5),
];
