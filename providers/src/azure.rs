//! Durable in Azure Storage, for many hosts: blobs for the logs, queues for the messages.

#[cfg(feature = "azure-wire")]
pub mod connection;
#[cfg(feature = "azure-wire")]
pub mod emulator;
#[cfg(any(test, feature = "conformance"))]
pub mod fake;
#[cfg(all(feature = "azure-wire", feature = "conformance"))]
pub mod faults;
#[cfg(feature = "azure-legacy")]
pub mod legacy;
#[cfg(feature = "azure-wire")]
mod names;
pub mod port;
#[cfg(feature = "azure")]
pub mod sdk;
#[cfg(feature = "azure-wire")]
mod wire;
