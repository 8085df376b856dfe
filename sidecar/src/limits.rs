//! Every limit of the sidecar, with its unit.

use std::time::Duration;

/// Most workers that are connected at a time.
pub const MAX_WORKERS: usize = 1_000;

/// Number of places of each kind that a worker has which does not say how many.
pub const DEFAULT_PLACES: usize = 100;

/// Largest message that is taken, in bytes, of those that may be larger than a payload: an answer with many actions.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Most bytes of all parts of one answer that comes in parts.
pub const MAX_ANSWER_BYTES: usize = MAX_MESSAGE_BYTES;

/// Most parts of one answer.
pub const MAX_ANSWER_PARTS: usize = 10_000;

/// How long a stream of work is silent before a sign of life goes over it.
pub const PING_EVERY: Duration = Duration::from_secs(30);

/// Most events in a chunk of a history that is streamed.
pub const EVENTS_PER_CHUNK: usize = 500;

/// Most bytes of the events in such a chunk; one event may have more.
pub const BYTES_PER_CHUNK: usize = 1024 * 1024;

/// Largest history, in bytes, that a question has with it where the worker can have it streamed.
pub const MAX_SENT_HISTORY_BYTES: usize = 1024 * 1024;

/// Bytes of a history from which on a worker may be unable to take a question: clients of gRPC take messages of 4 MiB, with
/// what else is in them, unless they say otherwise.
pub const LARGE_QUESTION_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

/// How long such a question waits when the stream has ended that it was sent over. Twice as long each time.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest of these pauses.
pub const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Number of instances on a page of a list, where the client does not say how many.
pub const DEFAULT_PAGE: usize = 100;

/// Most requests at a time on one connection.
pub const MAX_REQUESTS_PER_CONNECTION: u32 = 1_000;

/// Most instances below one that are terminated or purged with it.
pub const MAX_TREE: usize = reenact::limits::MAX_TREE_NODES;

/// How long open requests may go on when a sidecar ends.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// Most instances on a page of a list.
pub const MAX_PAGE: usize = 1_000;

/// Longest output with which an instance is terminated in one step, in bytes. A longer one is an event before.
pub const MAX_REASON_BYTES: usize = 4 * 1024;
