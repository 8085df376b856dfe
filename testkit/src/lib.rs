//! The test kit of reenact's storage: what the author of a provider uses in tests.

#[cfg(feature = "journal")]
pub mod archive;
#[cfg(feature = "azure")]
pub mod azure;
pub mod conformance;
#[cfg(feature = "journal")]
pub mod disk;
