//! What belongs to a host, and what belongs to one of its shards.

mod counted_instances;
mod dispatch;
mod host;
mod metrics;
mod shard;

pub(crate) use counted_instances::CountedInstances;
pub(crate) use host::{HostContext, HostRef, SharedByActors};
pub(crate) use shard::ShardContext;
