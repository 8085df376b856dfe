//! What belongs to a host, and what belongs to one of its shards.

mod dispatch;
mod host;
mod shard;

pub(crate) use host::{SharedByActors, HostContext, HostRef};
pub(crate) use shard::ShardContext;
