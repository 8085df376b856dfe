//! What belongs to a host, and what belongs to one of its shards.

mod asked;
mod dispatch;
mod host;
mod metrics;
mod shard;

pub(crate) use asked::Asked;
pub(crate) use host::{HostContext, HostRef, SharedByActors};
pub(crate) use metrics::{INSTANCES_ASKED_AGAIN_AFTER, QUEUES_ASKED_AGAIN_AFTER};
pub(crate) use shard::ShardContext;
