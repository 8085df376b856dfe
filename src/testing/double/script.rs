//! What a double answers, call by call.

use std::collections::VecDeque;
use std::time::Duration;

/// The answers to come.
pub struct Script<I, O, E> {
    steps: VecDeque<(usize, Duration, Step<I, O, E>)>,
    /// Of the steps that are added next.
    pub(super) latency: Duration,
}

pub(super) enum Step<I, O, E> {
    Fail(E),
    Never,
    Answer(Box<dyn FnMut(I) -> Result<O, E> + Send>),
}

/// What becomes of one call.
pub(super) struct Reply<O, E> {
    pub(super) after: Duration,
    /// `None`: it never comes.
    pub(super) answer: Option<Result<O, E>>,
}

impl<I, O, E> Script<I, O, E> {
    pub(super) fn new() -> Self {
        Self { steps: VecDeque::new(), latency: Duration::ZERO }
    }

    #[track_caller]
    pub(super) fn push(&mut self, times: usize, step: Step<I, O, E>) {
        let is_last = self.steps.back().is_some_and(|(times, ..)| *times == usize::MAX);
        assert!(!is_last, "`then` answers all further calls, so nothing can come after it");
        if times > 0 {
            self.steps.push_back((times, self.latency, step));
        }
    }
}

impl<I, O, E: Clone> Script<I, O, E> {
    /// The reply to the next call; `None` when the script has ended.
    pub(super) fn next(&mut self, input: I) -> Option<Reply<O, E>> {
        let (times, after, step) = self.steps.front_mut()?;
        let after = *after;
        let answer = match step {
            Step::Fail(error) => Some(Err(error.clone())),
            Step::Never => None,
            Step::Answer(answer) => Some(answer(input)),
        };
        if *times != usize::MAX {
            *times -= 1;
            if *times == 0 {
                self.steps.pop_front();
            }
        }
        Some(Reply { after, answer })
    }
}
