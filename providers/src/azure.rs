//! Durable in Azure Storage, for many hosts: blobs for the logs, queues for the messages.

pub mod archive;
pub mod port;
pub mod shelf;
