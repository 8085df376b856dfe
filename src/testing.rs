//! For unit tests of orchestrations and activities.
//!
//! [`Executor`] runs an orchestration without a host, a runtime or a clock: the test answers the activities.
//! [`TestCall`] makes the context of an activity. [`ManualClock`] is a clock that only the test moves, for a
//! host on [`InMemory`](crate::InMemory).
//!
//! With the crate's feature `testing` there is virtual time that moves on by itself: `VirtualClock`.

#[cfg(feature = "testing")]
mod paused;
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
pub use self::virtual_clock::{MAX_DRIFT_PPM, VIRTUAL_START, VirtualClock};
