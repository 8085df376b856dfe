//! For unit tests of orchestrations and activities.
//!
//! [`Executor`] runs an orchestration without a host, a runtime or a clock: the test answers the activities.
//! [`TestCall`] makes the context of an activity. [`ManualClock`] is a clock that only the test moves, for a
//! host on [`InMemory`](crate::InMemory).
//!
//! With the crate's feature `testing` there is more. `TestHost` is a real host in virtual time: a month of reminders takes
//! milliseconds, and the same test does the same each time. It has `Double`s of activities and children, and histories that
//! `assert_history!` compares with golden texts. `verify_exported` replays recorded histories. `Scenario` puts a workflow into a world in which hosts
//! crash, messages come twice and clocks jump.

#[cfg(feature = "testing")]
mod double;
#[cfg(feature = "testing")]
mod exported;
#[cfg(feature = "testing")]
mod history;
#[cfg(feature = "testing")]
mod host;
#[cfg(feature = "testing")]
mod paused;
#[cfg(feature = "testing")]
mod run;
#[cfg(feature = "testing")]
mod scenario;
#[cfg(feature = "testing")]
mod virtual_clock;

#[doc(inline)]
pub use reenact_actors::TestCall;
#[doc(inline)]
pub use reenact_core::{DriveError, Executor, OrchestrationCode, Run};
#[doc(inline)]
pub use reenact_providers::ManualClock;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
#[doc(inline)]
pub use reenact_providers::azure::emulator::Emulator;

#[cfg(feature = "testing")]
pub use self::double::Double;
#[cfg(feature = "testing")]
pub use self::exported::{VerifyError, verify_exported, verify_main};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use self::history::assert_golden;
#[cfg(feature = "testing")]
pub use self::history::{GoldenError, HistoryText};
#[cfg(feature = "testing")]
pub use self::host::{TestHost, TestHostBuilder, TestHostError};
#[cfg(feature = "testing")]
pub use self::run::{LONGEST_TEST, run};
#[cfg(feature = "testing")]
pub use self::scenario::{
    Effect, Effects, Fault, FaultKind, SCENARIO_VARIABLE, Scenario, ScenarioFailure,
    ScenarioReport, ScenarioStore,
};
#[cfg(feature = "testing")]
pub use self::virtual_clock::{MAX_DRIFT_PPM, VIRTUAL_START, VirtualClock};

/// The parts that simulations are made of. They change without notice.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod simulation {
    pub use super::scenario::{
        Counted, CrashPoint, Dice, Fault, FaultKind, Ground, Moment, Plan, Points, Request,
        ScenarioStore, Simulated, Site, View, Witness, Witnessed, World, WorldStore, replay_all,
        simulate, simulate_on,
    };
}
