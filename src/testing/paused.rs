//! Is this a runtime on which time is virtual?

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// How long it takes to see whether time stands still. Real time moves within it on every system.
const LOOK: Duration = Duration::from_micros(100);

/// What to write instead.
const REMEDY: &str = "call it within `reenact::testing::run`, or in a test with `#[tokio::test(start_paused = true)]`";

/// Why the current place is none in which time is virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotVirtual {
    NoRuntime,
    ManyThreads,
    NotPaused,
}

impl NotVirtual {
    /// The problem of `what`, and what to do.
    pub(super) fn explain(self, what: &str) -> String {
        let problem = match self {
            Self::NoRuntime => "needs a runtime of tokio with paused time, and there is none here",
            Self::ManyThreads => {
                "needs a runtime of tokio's kind `current_thread`; this one has several threads, which no two runs use in \
                 the same order"
            }
            Self::NotPaused => "needs paused time; on this runtime a day takes a day",
        };
        format!("{what} {problem}: {REMEDY}")
    }
}

/// Panics unless time is virtual here.
#[track_caller]
pub(super) fn require(what: &str) {
    if let Err(why) = check() {
        panic!("{}", why.explain(what));
    }
}

pub(super) fn check() -> Result<(), NotVirtual> {
    let runtime = Handle::try_current().map_err(|_| NotVirtual::NoRuntime)?;
    if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return Err(NotVirtual::ManyThreads);
    }
    // There is no other way to ask.
    let (virtual_time, real) = (tokio::time::Instant::now(), Instant::now());
    while real.elapsed() < LOOK {
        std::hint::spin_loop();
    }
    if tokio::time::Instant::now() != virtual_time {
        return Err(NotVirtual::NotPaused);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_runtime_of_one_thread_is_good() {
        assert_eq!(check(), Ok(()));
        tokio::time::resume();
        assert_eq!(check(), Err(NotVirtual::NotPaused));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_runtime_of_several_threads_is_none() {
        assert_eq!(check(), Err(NotVirtual::ManyThreads));
    }

    #[test]
    fn without_a_runtime_there_is_no_time() {
        let why = check().unwrap_err();
        assert_eq!(why, NotVirtual::NoRuntime);
        assert!(why.explain("a test host").contains("`reenact::testing::run`"));
    }
}
