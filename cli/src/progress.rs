//! Progress of long work: bars on the error output, where a terminal reads it.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::tool::Tool;

/// A bar for work of a known size, or a sign of life where the size is not known.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(tool: &Tool, what: impl Into<Cow<'static, str>>, of: Option<u64>) -> Self {
        let target = if tool.shows_progress() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(of, target).with_message(what);
        let template = match of {
            Some(_) => "{msg} {wide_bar:.cyan/dim} {human_pos}/{human_len}, {eta} left",
            None => "{spinner} {msg} {human_pos}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { bar }
    }

    pub(crate) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    pub(crate) fn of(&self, all: u64) {
        self.bar.set_length(all);
    }

    pub(crate) fn called(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    pub(crate) fn by(&self, done: u64) {
        self.bar.inc(done);
    }

    pub(crate) fn more(&self) {
        self.bar.inc(1);
    }
}

/// Nothing is left of it when the work is done or has failed.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
