//! Every limit of the console, with its unit.

use std::time::Duration;

/// Most instances on one page of a list.
pub const MAX_PAGE: usize = 1_000;

/// Instances on one page of a list when nobody asks for another number.
pub const DEFAULT_PAGE: usize = 100;

/// Most orchestrations in an answer with counts: those with the most instances.
pub const MAX_COUNTED_ORCHESTRATIONS: usize = 1_000;

/// Most entities on one page: the log of each is read.
pub const MAX_ENTITIES_PAGE: usize = 100;

/// Entities on one page when nobody asks for another number.
pub const DEFAULT_ENTITIES_PAGE: usize = 25;

/// Most bytes in an answer with the states of entities: the page ends with the first one that would go over.
pub const MAX_ENTITIES_BYTES: usize = 2 * 1024 * 1024;

/// Most operations that are shown of those that wait for one entity.
pub const MAX_WAITING_OPERATIONS: usize = 100;

/// Most events on one page of a history.
pub const MAX_EVENTS_PAGE: usize = reenact_core::limits::MAX_EVENTS_PER_PAGE;

/// Events on one page of a history when nobody asks for another number.
pub const DEFAULT_EVENTS_PAGE: usize = 500;

/// Most items on one page of a stream.
pub const MAX_ITEMS_PAGE: usize = reenact_core::limits::MAX_ITEMS_PER_PAGE;

/// Items on one page of a stream when nobody asks for another number.
pub const DEFAULT_ITEMS_PAGE: usize = 100;

/// Most bytes in the body of a request: the largest payload with what goes around it, written with escapes.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The same where the store takes large payloads.
pub const MAX_LARGE_BODY_BYTES: usize = 2 * reenact_core::limits::MAX_LARGE_PAYLOAD_BYTES;

/// Most bytes in a form of a page: the same, each byte of which may be written as three.
pub const MAX_FORM_BYTES: usize = 3 * MAX_BODY_BYTES;

/// Most bytes in the part of an address after the `?`. The longest valid filter has less.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;

/// How long the console waits for the answer to an update when nobody asks for another time.
pub const UPDATE_WAIT: Duration = Duration::from_secs(30);

/// How long the console waits for the answer to an update at most: less than the minute after which proxies and
/// clients take a request for lost.
pub const MAX_UPDATE_WAIT: Duration = Duration::from_secs(50);

/// Fewest bytes of a token that a program chooses itself.
pub const MIN_TOKEN_BYTES: usize = 16;

/// Random bytes in a token that is drawn.
pub const DRAWN_TOKEN_BYTES: usize = 32;

/// How long a wrong token waits for its answer.
pub const WRONG_TOKEN_DELAY: Duration = Duration::from_millis(300);

/// Most wrong tokens that wait for their answer at one time; one more is answered at once, with 429.
pub const MAX_WRONG_TOKENS_WAITING: usize = 64;

/// How long a login is valid.
pub const LOGIN_LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a form that was sent to a browser can be sent back.
pub const FORM_LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// Bytes of an export that are sent at a time, and more where a line ends later.
pub const EXPORT_PORTION_BYTES: usize = 64 * 1024;

/// Most portions of an export that are written before they are sent.
pub const MAX_EXPORT_PORTIONS: usize = 8;

/// Most portions of an import that have come and are not read yet, as the network brings them.
pub const MAX_IMPORT_PORTIONS: usize = 16;

/// Most imports that run at one time.
pub const MAX_IMPORTS_RUNNING: usize = 1;

/// How long what still comes of an import that was refused is read and dropped, so that the client gets to know why.
pub const IMPORT_REST_READ_FOR: Duration = Duration::from_secs(5);

/// Most streams of server-sent events at one time.
pub const MAX_STREAMS: usize = 64;

/// How long a stream pauses between two looks, however much changes.
pub const STREAM_PAUSE: Duration = Duration::from_millis(300);

/// How often a stream looks when no change was reported.
pub const STREAM_LOOKS_EVERY: Duration = Duration::from_secs(2);

/// How often a stream without changes says that it is alive.
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Most bulk actions that are prepared and have not run, at one time. One more takes the place of the oldest.
pub const MAX_PREPARED: usize = 64;

/// How long a bulk action that is prepared can be run.
pub const PREPARED_LASTS: Duration = Duration::from_secs(10 * 60);

/// Most instances that a bulk action changes. For more, narrow the filter, and do it in parts.
pub const MAX_BULK: u64 = 1_000_000;

/// Instances that a prepared bulk action shows as a sample.
pub const BULK_SAMPLE: usize = 10;

/// Instances that a bulk action changes at one time.
pub const BULK_CONCURRENCY: usize = 16;

/// Most bulk actions that run at one time.
pub const MAX_BULKS_RUNNING: usize = 4;

/// Bulk actions of which it is known how far they came, those that are over as well.
pub const MAX_BULKS_KNOWN: usize = 64;

/// Refusals of a bulk action that are kept one by one.
pub const MAX_BULK_REFUSALS: usize = 20;

/// Most messages on one page of the quarantine.
pub const MAX_QUARANTINE_PAGE: usize = 1_000;

/// Most spans on one page of a timeline.
pub const MAX_SPANS: usize = reenact_core::limits::MAX_SPANS_VIEWED;

/// Spans on one page of a timeline when nobody asks for another number.
pub const DEFAULT_SPANS: usize = 500;

/// Most instances in a tree.
pub const MAX_TREE: usize = reenact_core::limits::MAX_TREE_NODES;

/// Most generations in a tree.
pub const MAX_TREE_DEPTH: usize = 32;

/// Generations in a tree when nobody asks for another number.
pub const DEFAULT_TREE_DEPTH: usize = 3;

/// How long open requests may take when a console that serves by itself is shut down.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// The time from one point of the last hour to the next.
pub const HOUR_POINT_EVERY: Duration = Duration::from_secs(10);

/// Most points of the last hour.
pub const MAX_HOUR_POINTS: usize = 360;

/// Seconds after which a client is asked to try again what was refused for now.
pub const RETRY_AFTER_SECONDS: u64 = 1;
