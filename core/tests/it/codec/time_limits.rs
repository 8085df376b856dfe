//! The events which came with limits of time.

use std::time::Duration;

use reenact_core::{CorrelationId, Event, TimeLimit, TimeLimitEvent, TimeLimits, Timestamp};

/// Those which came with limits of time.
pub(crate) fn events_of_time_limits() -> Vec<Event> {
    let limits = TimeLimits {
        execution: Some(Duration::from_secs(60)),
        total: Some(Duration::from_micros(1_500_000)),
    };
    let total_ends_at = Some(Timestamp::from_micros(1_234_567));
    [
        TimeLimitEvent::Set { limits, total_ends_at },
        TimeLimitEvent::Set { limits: TimeLimits::NONE, total_ends_at: None },
        TimeLimitEvent::Passed { limit: TimeLimit::Execution },
        TimeLimitEvent::Passed { limit: TimeLimit::Total },
        TimeLimitEvent::OfChild { id: CorrelationId(7), limits },
    ]
    .map(Event::TimeLimit)
    .into()
}
