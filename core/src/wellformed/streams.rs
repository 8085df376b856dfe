//! Checks the events of streams.

use crate::divergence::MalformedHistory;
use crate::event::{Event, StreamEvent};

use super::{Open, WellFormed};

impl WellFormed {
    pub(super) fn check_streamed(
        &mut self,
        streamed: &StreamEvent,
        event: &Event,
    ) -> Result<(), MalformedHistory> {
        let (stream, first, values) = match streamed {
            StreamEvent::Emitted { stream, first, values } => (stream, *first, values),
            StreamEvent::TaskEmitted { id, stream, first, values, .. } => {
                self.is_open(*id, Open::Task, event)?;
                (stream, *first, values)
            }
            StreamEvent::Carried { streams } => {
                for carried in streams {
                    let next = self.streams.entry(carried.stream.clone()).or_default();
                    *next = carried.next.max(*next);
                }
                return Ok(());
            }
            StreamEvent::WindowSet { .. } => return Ok(()),
        };
        let next = self.streams.get(stream).copied().unwrap_or_default();
        let after = first.checked_add(values.len() as u64).filter(|_| !values.is_empty());
        match after.filter(|_| first == next) {
            Some(after) => {
                self.streams.insert(stream.clone(), after);
                Ok(())
            }
            None => {
                let expected = alloc::format!("items of `{stream}` from offset {next}");
                Err(self.malformed(&expected, event))
            }
        }
    }
}
