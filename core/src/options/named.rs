//! Activities and orchestrations that are called by their name only, with options.

use alloc::string::String;
use core::fmt;

use super::activity::ActivityOptions;
use super::child::ChildOptions;
use crate::ids::Name;

/// The name of an activity, with options where wanted. A text is one without.
///
/// ```
/// use reenact_core::{ActivityOptions, NamedActivity, RetryPolicy};
///
/// let charge = NamedActivity::new("charge").with(ActivityOptions::new().retry(RetryPolicy::new(3)));
/// assert_eq!(charge.name(), "charge");
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing until it is called"]
pub struct NamedActivity<'a> {
    name: &'a str,
    options: ActivityOptions,
}

impl<'a> NamedActivity<'a> {
    /// An activity of that name, without options.
    pub const fn new(name: &'a str) -> Self {
        Self { name, options: ActivityOptions::new() }
    }

    /// Calls it with these options, and no others.
    pub const fn with(mut self, options: ActivityOptions) -> Self {
        self.options = options;
        self
    }

    /// The name.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    pub(crate) const fn options(&self) -> &ActivityOptions {
        &self.options
    }
}

impl<'a> From<&'a str> for NamedActivity<'a> {
    fn from(name: &'a str) -> Self {
        Self::new(name)
    }
}

impl<'a> From<&'a String> for NamedActivity<'a> {
    fn from(name: &'a String) -> Self {
        Self::new(name)
    }
}

impl<'a> From<&'a Name> for NamedActivity<'a> {
    fn from(name: &'a Name) -> Self {
        Self::new(name.as_str())
    }
}

impl fmt::Display for NamedActivity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// An orchestration that is known by name only, and how it is called as a child. A text is one with
/// the default options.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is called"]
pub struct OrchestrationByName {
    pub(crate) name: String,
    pub(crate) options: ChildOptions,
}

impl OrchestrationByName {
    /// The orchestration of that name, called with these options.
    pub fn new(name: impl Into<String>, options: ChildOptions) -> Self {
        Self { name: name.into(), options }
    }
}

impl From<&str> for OrchestrationByName {
    fn from(name: &str) -> Self {
        Self::new(name, ChildOptions::default())
    }
}

impl From<String> for OrchestrationByName {
    fn from(name: String) -> Self {
        Self::new(name, ChildOptions::default())
    }
}
