//! What each command has: where to look, and where to write.

use std::io::IsTerminal;

use crate::arguments::Look;
use crate::arguments::place::Place;
use crate::failure::Done;
use crate::open::{self, Opened};
use crate::output::{Output, remark};

/// What each command has.
pub(crate) struct Tool {
    pub(crate) place: Place,
    pub(crate) look: Look,
    pub(crate) out: Output,
}

impl Tool {
    pub(crate) fn new(place: Place, look: Look) -> Self {
        Self { place, look, out: Output::new(look.format(), look.color()) }
    }

    /// The API, for what only reads.
    pub(crate) async fn reading(&self) -> Done<Opened> {
        open::reading(&self.place, self.look.quiet).await
    }

    /// The API, for what changes something.
    pub(crate) async fn changing(&self) -> Done<Opened> {
        open::changing(&self.place, self.look.quiet).await
    }

    /// A remark for people, which is no result.
    pub(crate) fn remark(&self, text: impl std::fmt::Display) {
        if !self.look.quiet && self.out.is_for_people() {
            remark(text);
        }
    }

    /// Whether progress is shown: somebody looks at the error output.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.look.quiet && std::io::stderr().is_terminal()
    }
}
