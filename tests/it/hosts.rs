//! Several hosts share one store: each has its part of the shards, instances are reached from
//! wherever somebody asks, and every one of them ends once, whatever hosts come, go and die.

mod absent;
mod clients;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
pub(crate) mod hub;
mod messages;
mod mixed_up;
mod moves;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
mod outdated;
mod quarantine;
mod reuse;
pub(crate) mod scene;
