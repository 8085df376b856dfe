//! What the log says of a call before it: the time limits and the attributes of what is started.

use alloc::boxed::Box;
use alloc::string::String;
use core::mem;

use super::Outbox;
use crate::attributes::Attributes;
use crate::message::{Message, MessageBody};
use crate::options::TimeLimits;

/// What is given to an instance besides its input.
pub(super) struct Given {
    limits: TimeLimits,
    attributes: Attributes,
}

impl Outbox {
    /// What is given with the call that comes now.
    pub(super) fn take_given(&mut self) -> Given {
        let Some(content) = self.content.as_mut() else {
            return Given { limits: TimeLimits::NONE, attributes: Attributes::default() };
        };
        let limits = mem::take(&mut content.limits_of_next);
        Given { limits, attributes: mem::take(&mut content.attributes_of_next) }
    }
}

impl Message {
    /// Gives it to what it starts, as far as there is anything.
    pub(super) fn give(&mut self, given: Given) {
        let Given { limits, attributes } = given;
        if !attributes.is_empty() {
            self.wrap(|body| MessageBody::Attributed { attributes, body });
        }
        if !limits.is_none() {
            self.wrap(|body| MessageBody::Limited { limits, body });
        }
    }

    fn wrap(&mut self, wrapped: impl FnOnce(Box<MessageBody>) -> MessageBody) {
        let nothing = MessageBody::Cancel { reason: String::new() };
        self.body = wrapped(Box::new(mem::replace(&mut self.body, nothing)));
    }
}
