//! Every limit of an execution and of a host, with its unit. Those of the stores are in
//! [`providers::limits`](crate::providers::limits).

#[doc(inline)]
pub use reenact_actors::{MAX_BLOCKING_THREADS, MAX_REPLACED_THREADS, MAX_SHARD_THREADS};
#[doc(inline)]
pub use reenact_core::limits::*;
