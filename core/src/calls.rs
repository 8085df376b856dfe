//! The calls that code makes on its context: one durable primitive in each file.

mod activities;
mod any_event;
mod attributes;
mod call_update;
mod cancellation;
mod children;
mod combinators;
mod continue_as_new;
mod event_stream;
mod external_events;
mod instances;
mod local;
mod lock;
mod memory;
mod patched;
mod publish;
mod raw_updates;
mod recipient;
mod send;
mod side_effects;
mod status;
mod streams;
mod timeout;
mod timers;
mod updates;

pub use any_event::{AnyEvent, AnyEvents};
pub use combinators::{WhenAny, Winner};
pub use event_stream::Events;
pub use lock::{HeldLock, LockGuard};
pub use raw_updates::{NextRawUpdate, RawUpdate};
pub use recipient::{Recipient, ToRecipient};
pub use updates::{Update, Updates};
