//! The time limits of what is called.

use alloc::boxed::Box;
use alloc::string::String;
use core::mem;

use super::Outbox;
use crate::message::{Message, MessageBody};
use crate::options::TimeLimits;

impl Outbox {
    /// Those of the call that comes now.
    pub(super) fn take_limits(&mut self) -> TimeLimits {
        let content = self.content.as_mut();
        content.map(|content| mem::take(&mut content.limits_of_next)).unwrap_or_default()
    }
}

impl Message {
    /// Gives time limits to what it starts, if there are any.
    pub(super) fn limit(&mut self, limits: TimeLimits) {
        if !limits.is_none() {
            let nothing = MessageBody::Cancel { reason: String::new() };
            let body = Box::new(mem::replace(&mut self.body, nothing));
            self.body = MessageBody::Limited { limits, body };
        }
    }
}
