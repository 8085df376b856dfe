//! Durable in Azure Storage, for many hosts: blobs for the logs, queues for the messages.

#[cfg(any(test, feature = "conformance"))]
pub mod fake;
pub mod port;
