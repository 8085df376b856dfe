//! A history as a text that people review, and that is the same each time.

mod golden;
mod stable;

use std::fmt;
use std::path::Path;

use reenact_actors::Result;
use reenact_actors::inspect::PlacedEvent;
use reenact_core::{Event, Payload, ToInstanceId};

pub use self::golden::GoldenError;
#[doc(hidden)]
pub use self::golden::assert_golden;
use self::stable::Stable;
use crate::Client;

/// Events that are read at a time.
const READ_AT_ONCE: usize = 1_000;

/// The history of an instance's newest execution as a text: its turns, each with its time since the start, and the
/// events of each with what they carry. Ids that were drawn are numbered in the order of their appearance. So it is the same
/// each time, and changes only where the workflow does something else.
///
/// ```text
/// order-7, `order`: completed
///
/// 0s
///    0  ExecutionStarted `order`: 1200
///    1  TaskScheduled #1 `charge`: 1200
/// 2s
///    2  TaskCompleted #1: "receipt for 1200"
///    3  ExecutionCompleted: "receipt for 1200"
/// ```
///
/// [`assert_history!`](crate::assert_history) compares it with a file.
#[derive(Clone, PartialEq, Eq)]
pub struct HistoryText(String);

impl HistoryText {
    /// Reads the history of an instance, from any store.
    ///
    /// # Errors
    /// Those of [`Client::history_page`].
    pub async fn read(client: &Client, id: impl ToInstanceId) -> Result<Self> {
        let id = id.to_instance_id()?;
        let mut events = Vec::new();
        let mut next = None;
        loop {
            let page = client.history_page(&id, next, READ_AT_ONCE).await?;
            events.extend(page.events);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let summary = client.view(&id).await?.summary;
        let (name, state) = (&summary.name, format!("{:?}", summary.state).to_lowercase());
        let mut text = format!("{id}, `{name}`: {state}\n");
        let start = events.first().map_or(summary.created_at, |first| first.at);
        let mut turn = None;
        for event in &events {
            if turn != Some(event.turn) {
                turn = Some(event.turn);
                text.push('\n');
                text.push_str(&stable::time_since(event.at, start));
            }
            text.push_str(&line(event));
        }
        text.push('\n');
        Ok(Self(Stable::since(start).text(&text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares it with a golden text, or writes that where `REENACT_UPDATE_GOLDEN=1` is in the environment.
    ///
    /// # Errors
    /// [`GoldenError`]: it is not the same, there is none, or the file cannot be read or written.
    pub fn compare_to(&self, golden: impl AsRef<Path>) -> std::result::Result<(), GoldenError> {
        golden::compare(self, golden.as_ref())
    }
}

/// An event with its place and what it carries.
fn line(event: &PlacedEvent) -> String {
    let PlacedEvent { position, event, .. } = event;
    match payload(event) {
        Some(payload) => format!("\n{position:>5}  {event}: {payload}"),
        None => format!("\n{position:>5}  {event}"),
    }
}

/// What an event carries that its text does not have.
fn payload(event: &Event) -> Option<&Payload> {
    match event {
        Event::ExecutionStarted { input, .. }
        | Event::TaskScheduled { input, .. }
        | Event::ChildScheduled { input, .. }
        | Event::StartRequested { input, .. }
        | Event::ExecutionContinued { input }
        | Event::ExecutionRenewed { input, .. } => Some(input),
        Event::TaskCompleted { output, .. }
        | Event::ChildCompleted { output, .. }
        | Event::ExecutionCompleted { output } => Some(output),
        Event::ExternalRaised { data, .. } | Event::EventSent { data, .. } => Some(data),
        Event::SideEffectRecorded { value, .. } => Some(value),
        Event::ValuePublished { value, .. } => value.as_ref(),
        Event::StatusSet { status } => Some(status),
        Event::TaskHeartbeat { details, .. } => Some(details),
        _ => None,
    }
}

impl fmt::Display for HistoryText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text itself: it has lines.
impl fmt::Debug for HistoryText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for HistoryText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
