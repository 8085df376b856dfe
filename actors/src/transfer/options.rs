//! What an export does besides writing instances.

/// How instances are exported.
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing until something is exported with them"]
pub struct ExportOptions {
    at_rest: bool,
    readable: bool,
    leaves_messages: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { at_rest: false, readable: true, leaves_messages: false }
    }
}

impl ExportOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that no host works on the store, and none will until this has ended. That is known of a
    /// directory that was opened to read it only; of any other store the caller has to know it. It is refused while a
    /// host of a hub lives, and while messages are in its queues or in its quarantine. What is exported otherwise,
    /// while hosts work is for people and for tests: one instance may be newer than another that waits
    /// for a message from it.
    pub const fn at_rest(mut self) -> Self {
        self.at_rest = true;
        self
    }

    /// Leaves the messages there that are in the queues of a hub and in its quarantine, and says so in
    /// [`Exported::left`](super::Exported::left).
    pub const fn leave_messages(mut self) -> Self {
        self.leaves_messages = true;
        self
    }

    /// Whether each turn also shows its events as JSON, for people and other tools. An import does not read
    /// them. Otherwise the file is about half as large. They are shown by default.
    pub const fn readable(mut self, readable: bool) -> Self {
        self.readable = readable;
        self
    }

    pub(super) const fn is_at_rest(self) -> bool {
        self.at_rest
    }

    pub(super) const fn leaves_messages(self) -> bool {
        self.leaves_messages
    }

    pub(super) const fn is_readable(self) -> bool {
        self.readable
    }
}
