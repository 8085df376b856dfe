//! Times between tries: each is twice as long as the one before, up to a longest.

use std::time::Duration;

/// Most times that a pause is doubled, so that the factor fits its type.
const MOST_DOUBLINGS: u32 = 16;

/// How long to wait between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The time before the second try.
    pub first: Duration,
    /// The longest time between two tries.
    pub longest: Duration,
}

impl Backoff {
    /// A back-off with these times.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The time to wait before the next try, when this number has failed besides the last one: `after(0)` is
    /// [`first`](Self::first).
    pub fn after(self, failed: u32) -> Duration {
        self.first.saturating_mul(1 << failed.min(MOST_DOUBLINGS)).min(self.longest)
    }

    /// The time to wait after a pause of this length did not help.
    pub fn longer_than(self, pause: Duration) -> Duration {
        pause.saturating_mul(2).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_as_the_one_before_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(300));
        let pauses = [0, 1, 2, 3, u32::MAX].map(|failed| backoff.after(failed).as_millis());
        assert_eq!(pauses, [50, 100, 200, 300, 300]);
        let longer =
            [50, 100, 200].map(Duration::from_millis).map(|pause| backoff.longer_than(pause));
        assert_eq!(longer.map(|pause| pause.as_millis()), [100, 200, 300]);
    }
}
