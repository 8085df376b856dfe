//! Every limit of reenact, with its unit. Each is checked before anything is stored.

use core::time::Duration;

/// Longest [`InstanceId`](crate::InstanceId), in bytes of UTF-8.
pub const MAX_INSTANCE_ID_BYTES: usize = 256;

/// Longest name of an orchestration, an activity or an external event, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 128;

/// Longest [version](crate::Version) of an orchestration, in bytes of UTF-8.
pub const MAX_VERSION_BYTES: usize = 64;

/// Longest `tracestate` of a [trace context](crate::TraceContext), in bytes of UTF-8.
pub const MAX_TRACE_STATE_BYTES: usize = 512;

/// Longest idempotency key of an external event, in bytes of UTF-8.
pub const MAX_EVENT_KEY_BYTES: usize = 256;

/// Largest single payload (input, output, event data, recorded value), in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// Largest single payload in a store that takes large payloads, in bytes.
pub const MAX_LARGE_PAYLOAD_BYTES: usize = 64 * 1024 * 1024;

/// Largest single payload in a store that takes large ones, or does not, in bytes.
pub const fn max_payload_bytes(takes_large_payloads: bool) -> usize {
    PayloadLimits::of(takes_large_payloads).payload
}

/// Deepest nesting of lists and maps in a payload, in levels: what the decoder reads.
pub const MAX_PAYLOAD_DEPTH: usize = 127;

/// Largest [status](crate::OrchestrationContext::set_status), in bytes. An execution that sets a
/// larger one fails.
pub const MAX_STATUS_BYTES: usize = 16 * 1024;

/// Most [values](crate::OrchestrationContext::publish) that one execution has published at a time. An
/// execution that publishes more fails.
pub const MAX_PUBLISHED_VALUES: usize = 100;

/// Largest published value, in bytes: there is room for small ones beside it. An execution that publishes a larger one
/// fails.
pub const MAX_PUBLISHED_BYTES: usize = 960 * 1024;

/// Most bytes of all values that one execution has published at a time, with their names. An execution that
/// publishes more fails.
pub const MAX_ALL_PUBLISHED_BYTES: usize = 1024 * 1024;

/// Most [streams](crate::OrchestrationContext::emit) of one instance. An execution that emits to more fails, and
/// an activity is refused.
pub const MAX_STREAMS: usize = 100;

/// Largest item of a stream, in bytes. An execution that emits a larger one fails, and an activity is refused.
pub const MAX_STREAM_ITEM_BYTES: usize = 128 * 1024;

/// What an item of a stream counts for besides its value, in bytes: in a history, in a turn, and in what is
/// kept.
pub const STREAM_ITEM_BYTES: usize = 16;

/// Number of the newest items of a stream that the next execution is given when the code
/// [continues as new](crate::OrchestrationContext::continue_as_new), where the code has not
/// [said otherwise](crate::OrchestrationContext::keep_stream).
pub const STREAM_KEPT_ITEMS: u32 = 1_000;

/// The same of their bytes.
pub const STREAM_KEPT_BYTES: u32 = 64 * 1024;

/// Most items of a stream that the next execution can be given.
pub const MAX_STREAM_KEPT_ITEMS: u32 = 10_000;

/// The same of their bytes.
pub const MAX_STREAM_KEPT_BYTES: u32 = 1024 * 1024;

/// Most bytes of items that the next execution is given, of all streams together. Of more, the oldest of the
/// stream that grows are not kept.
pub const MAX_ALL_STREAMS_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Most [attributes](crate::OrchestrationContext::set_attribute) that an instance has at a time. One more is refused.
pub const MAX_ATTRIBUTES: usize = 16;

/// Longest name of an attribute, in bytes of UTF-8. A longer one is refused.
pub const MAX_ATTRIBUTE_NAME_BYTES: usize = 64;

/// Longest text of an attribute, in bytes of UTF-8. A longer one is refused.
pub const MAX_ATTRIBUTE_TEXT_BYTES: usize = 256;

/// Number of the newest answers to updates that an execution keeps, for those who ask again with the same
/// key, and that the next execution knows. The log has the older ones of the same execution.
pub const MAX_KEPT_ANSWERS: usize = 256;

/// Most bytes of these answers, with their keys. Of more, the oldest are not kept.
pub const MAX_KEPT_ANSWER_BYTES: usize = 1024 * 1024;

/// Longest message or reason that is stored (errors, panics, terminations,
/// cancels, suspensions), in bytes of UTF-8.
/// A longer one is cut, with a mark that says so.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// Most texts in the [list of sources](crate::ActivityError::sources) of an error; further ones are left
/// out.
pub const MAX_ERROR_SOURCES: usize = 32;

/// Longest reason that a child is given when it is cancelled because its parent was cancelled or
/// terminated, in bytes of UTF-8. A parent can have many children, so this is shorter than
/// [`MAX_MESSAGE_BYTES`]. A longer reason is cut, with a mark.
pub const MAX_REASON_TOLD_BYTES: usize = 1024;

/// Most events in the history of one execution. An execution that would pass it fails.
pub const MAX_HISTORY_EVENTS: u64 = 1_000_000;

/// From this many events on, a host warns once that a history grows long.
pub const WARN_HISTORY_EVENTS: u64 = 100_000;

/// Most payload bytes in the history of one execution. An execution that would pass it fails.
pub const MAX_HISTORY_BYTES: u64 = 256 * 1024 * 1024;

/// Most payload bytes in one turn: what one event makes an execution schedule at once, inputs
/// included; where it continues as new, with what is carried over. An execution that would pass it
/// fails.
pub const MAX_TURN_PAYLOAD_BYTES: u64 = 32 * 1024 * 1024;

/// The same of a history in a store that takes large payloads.
pub const MAX_LARGE_HISTORY_BYTES: u64 = 512 * 1024 * 1024;

/// The same of a turn in a store that takes large payloads. Twice the largest payload, which continuing as new stores
/// twice, with what can be carried over.
pub const MAX_LARGE_TURN_PAYLOAD_BYTES: u64 = 224 * 1024 * 1024;

/// Most durable futures that one execution may have outstanding at a time (fan-out).
pub const MAX_OUTSTANDING: usize = 100_000;

/// Most calls of a cancelled orchestration that end at once in one turn, because it goes on as if
/// nothing had happened. Past it, it ends as cancelled. What a log implies depends on it.
pub const MAX_CANCELLED_CALLS: u32 = 10_000;

/// Most messages to other instances that one execution has under way or waiting: starts of children
/// and of detached orchestrations, cancels, events. An execution that would pass it fails.
pub const MAX_OUTBOX_MESSAGES: usize = 100_000;

/// How deep children may be nested: a child of a child, and so on. A call beyond it is refused.
pub const MAX_CHILD_DEPTH: u32 = 32;

/// Most external events that one execution buffers before anybody waits for them. An event for which
/// a wait is open does not count, and is taken even when the buffer is full.
pub const MAX_BUFFERED_EVENTS: usize = 10_000;

/// At most this many external events that nobody has taken are copied to the next execution by each
/// [continuation](crate::OrchestrationContext::continue_as_new). Of more, no copy is made that is larger than
/// what was written since the one before: until then the next execution goes on in the same history.
pub const COPIED_EVENTS: usize = 64;

/// The same of the bytes of their data, together.
pub const COPIED_EVENT_BYTES: usize = 64 * 1024;

/// Most external events that can be copied to the next execution, as one append takes no more. There are
/// that many only while thousands of waits are open.
pub const MAX_CARRIED_EVENTS: usize = 16_000;

/// Most bytes of data in the external events that one execution buffers before anybody waits for them,
/// so that [continuing as new](crate::OrchestrationContext::continue_as_new) can carry all of them
/// over. An event for which a wait is open does not count, as for [`MAX_BUFFERED_EVENTS`].
pub const MAX_BUFFERED_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// The same in a store that takes large payloads.
pub const MAX_LARGE_BUFFERED_EVENT_BYTES: usize = 80 * 1024 * 1024;

/// The limits that depend on whether the store of an execution takes large payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadLimits {
    /// One payload, in bytes.
    pub(crate) payload: usize,
    /// The payloads of a turn.
    pub(crate) turn: u64,
    /// The payloads of a history.
    pub(crate) history: u64,
    /// The data of external events that nobody waits for.
    pub(crate) buffered: usize,
}

impl PayloadLimits {
    const SMALL: Self = Self {
        payload: MAX_PAYLOAD_BYTES,
        turn: MAX_TURN_PAYLOAD_BYTES,
        history: MAX_HISTORY_BYTES,
        buffered: MAX_BUFFERED_EVENT_BYTES,
    };

    const LARGE: Self = Self {
        payload: MAX_LARGE_PAYLOAD_BYTES,
        turn: MAX_LARGE_TURN_PAYLOAD_BYTES,
        history: MAX_LARGE_HISTORY_BYTES,
        buffered: MAX_LARGE_BUFFERED_EVENT_BYTES,
    };

    pub(crate) const fn of(takes_large: bool) -> Self {
        if takes_large { Self::LARGE } else { Self::SMALL }
    }
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self::SMALL
    }
}

/// Number of the newest external events whose keys the next execution knows, besides the keys of
/// those that it has yet to take.
pub const CARRIED_EVENT_KEYS: usize = 256;

/// Most items that an attempt of an activity has emitted and that are not durable: the next one waits.
pub const MAX_EMITTED_UNDER_WAY: usize = 2_000;

/// The same of their bytes.
pub const MAX_EMITTED_BYTES_UNDER_WAY: usize = 512 * 1024;

/// Largest state of an entity, in bytes: what can be published. An operation that leaves a larger one is not done.
pub const MAX_ENTITY_STATE_BYTES: usize = MAX_PUBLISHED_BYTES;

/// After this many operations an entity continues as new, so that its log stays short.
pub const ENTITY_SNAPSHOT_OPERATIONS: usize = 256;

/// It does so as well after this many bytes of requests, answers and states. Each operation that changes the
/// state writes it as a whole.
pub const ENTITY_SNAPSHOT_BYTES: usize = 2 * 1024 * 1024;

/// Most signals for later that one entity keeps. More are not done.
pub const MAX_LATER_SIGNALS: usize = 1_000;

/// Most bytes of these signals, together.
pub const MAX_LATER_SIGNAL_BYTES: usize = 1024 * 1024;

/// Number of given back locks that an entity remembers whose requests have yet to come. Of more, the oldest are
/// forgotten.
pub const MAX_LOCKS_GIVEN_BACK: usize = 1_000;

/// Largest factor by which the delays of a [`RetryPolicy`](crate::RetryPolicy) grow.
pub const MAX_RETRY_FACTOR: f64 = 1_000.0;

/// Largest details of one heartbeat of an activity, in bytes.
pub const MAX_HEARTBEAT_BYTES: usize = 16 * 1024;

/// Longest text of an [`ActivityToken`](crate::ActivityToken), in bytes.
pub const MAX_ACTIVITY_TOKEN_BYTES: usize = 1024;

/// How often the heartbeats of one activity are recorded: the first at once, and then the newest at
/// most once in this time, by the provider's clock.
pub const HEARTBEAT_RECORDED_EVERY: Duration = Duration::from_secs(5);

/// How long a host lets turns wait for [local activities](crate::OrchestrationContext::call_local), by the
/// wall clock, so that they are stored together. Past it they are stored as far as they are, and what the
/// activities return has a commit of its own. One commit more in this time costs next to nothing, and a
/// client that waits for an answer waits no longer than this for them.
pub const LOCAL_HOLD: Duration = Duration::from_millis(100);

/// Most turns of an instance that wait so.
pub const MAX_HELD_TURNS: usize = 256;

/// Most bytes of them, as they are stored.
pub const MAX_HELD_BYTES: usize = 1024 * 1024;

/// Most open activities that a status shows: those that were scheduled first.
pub const MAX_ACTIVITIES_SHOWN: usize = 100;

/// Most open children that a status shows: those that were called first.
pub const MAX_CHILDREN_SHOWN: usize = 100;

/// Most children that code can list, besides those that are open: the newest.
pub const MAX_LISTED_CHILDREN: usize = 1_000;

/// Most items in each list of the view of an instance: the first ones.
pub const MAX_ITEMS_VIEWED: usize = 100;

/// Most spans of a timeline that are shown at a time.
pub const MAX_SPANS_VIEWED: usize = 1_000;

/// Most instances in a tree of parents and children that are shown.
pub const MAX_TREE_NODES: usize = 1_000;

/// How many generations of parents a tree goes up, and how many failures a chain of failures has, at most.
/// Instances that were started detached can have more.
pub const MAX_ANCESTORS: usize = 64;

/// Most items on a page of a stream.
pub const MAX_ITEMS_PER_PAGE: usize = 1_000;

/// Most events on a page of a history.
pub const MAX_EVENTS_PER_PAGE: usize = 1_000;

/// A page of a history ends with the turn in which it has taken this many stored bytes.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Most turns in the history of an execution that is rewound, or of a fork, with those that are added: all of
/// them are stored at once.
pub const MAX_REWOUND_TURNS: usize = 16_000;

/// Most bytes that these turns take as they are stored.
pub const MAX_REWOUND_BYTES: usize = 32 * 1024 * 1024;

/// The same in a store that takes large payloads.
pub const MAX_LARGE_REWOUND_BYTES: usize = 256 * 1024 * 1024;

/// Longest timer or start delay.
pub const MAX_TIMER: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// Most polls of an orchestration's future for one event, without any durable step in between.
/// Past it, the orchestration wakes itself for ever and is parked.
pub const MAX_IDLE_POLLS: u32 = 100_000;
