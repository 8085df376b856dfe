//! The limits of the command line.

use std::time::Duration;

/// So many instances `list` shows when it is not asked for more.
pub(crate) const LISTED: usize = 50;

/// So many instances are asked for in one page.
pub(crate) const INSTANCES_PER_PAGE: usize = 500;

/// So many entities are asked for in one page: the log of each is read.
pub(crate) const ENTITIES_PER_PAGE: usize = 100;

/// So many events are asked for in one page.
pub(crate) const EVENTS_PER_PAGE: usize = 500;

/// So many items of a stream are asked for in one page.
pub(crate) const ITEMS_PER_PAGE: usize = 500;

/// So many spans `timeline` draws when it is not asked for more.
pub(crate) const SPANS: usize = 200;

/// So many ids a question shows of those that it is about.
pub(crate) const SAMPLE: usize = 5;

/// A connection to a console is there within this time, or there is none.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// An answer of a console has begun within this time, or it is taken for stuck.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// An answer that is kept whole may have so many bytes: a console never sends that much in one document.
pub(crate) const MAX_ANSWER_BYTES: usize = 512 * 1024 * 1024;

/// A line of a stream may have so many bytes: one event, with its payload.
pub(crate) const MAX_LINE_BYTES: usize = 128 * 1024 * 1024;

/// A file or an input with a payload is read up to so many bytes.
pub(crate) const MAX_PAYLOAD_BYTES: u64 = 80 * 1024 * 1024;

/// A connection that a `watch` has lost is tried again after this time.
pub(crate) const WATCH_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// So often in a row a `watch` connects in vain before it gives up.
pub(crate) const WATCH_ATTEMPTS: u32 = 30;

/// So many columns a short payload leaves free for the name before it.
pub(crate) const FIELD_NAME: usize = 20;

/// No column of a table is made narrower.
pub(crate) const MIN_COLUMN: usize = 8;

/// A terminal that is narrower is written to as if it had this width.
pub(crate) const MIN_WIDTH: usize = 40;

/// A page that changes all the time is drawn again after this time, and not before.
pub(crate) const REDRAWN_AT_MOST_EVERY: Duration = Duration::from_millis(200);

/// A page on which nothing changes is drawn again after this time: what it says of "ago" grows older.
pub(crate) const DRAWN_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// Lines of an import are sent when they have so many bytes together.
pub(crate) const UPLOAD_PORTION_BYTES: usize = 64 * 1024;

/// So many portions of an import are read before they are sent.
pub(crate) const MAX_UPLOAD_PORTIONS: usize = 8;
