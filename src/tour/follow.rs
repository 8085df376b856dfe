//! Prints the events of an instance while it runs.

use std::time::Duration;

use reenact::{Event, History, InstanceHandle, Timestamp};

use super::failure::Held;
use super::page::Page;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Prints the events of one instance as they become durable.
pub(crate) struct Follower<'a, T> {
    handle: &'a InstanceHandle<T>,
    printed: u64,
}

impl<'a, T> Follower<'a, T> {
    pub(crate) fn new(handle: &'a InstanceHandle<T>) -> Self {
        Self { handle, printed: 0 }
    }

    /// Prints what happens until an event of that kind is in the log.
    pub(crate) async fn until(
        &mut self,
        page: &mut Page,
        mut wanted: impl FnMut(&Event) -> bool,
    ) -> Held<History> {
        loop {
            let history = self.handle.history().await?;
            self.print(page, &history)?;
            if history.events().any(|entry| wanted(entry.event)) {
                return Ok(history);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Prints the rest, to the end of the instance.
    pub(crate) async fn until_the_end(&mut self, page: &mut Page) -> Held<History> {
        self.until(page, Event::is_terminal).await
    }

    fn print(&mut self, page: &mut Page, history: &History) -> Held {
        let origin = history.turns().first().map_or(Timestamp::EPOCH, |turn| turn.at);
        for entry in history.events().skip(self.printed as usize) {
            page.event(origin, entry)?;
        }
        self.printed = history.len();
        Ok(())
    }
}
