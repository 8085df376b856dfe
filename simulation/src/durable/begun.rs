//! How often an instance has begun.

use super::Durable;

impl Durable {
    /// How often an instance has begun: executions that go on for an earlier one do not count.
    pub(crate) fn times_begun(&self, id: &str) -> usize {
        let all = self.logs.range((id.to_owned(), 0)..=(id.to_owned(), u32::MAX));
        let (mut times, mut continues) = (0, false);
        for (_, log) in all {
            times += usize::from(!continues && !log.is_rewound());
            continues = log.is_continued();
        }
        times
    }

    /// Whether an instance was cancelled before its code had run.
    pub(crate) fn is_cancelled_unbegun(&self, id: &str) -> bool {
        self.logs.get(&(id.to_owned(), 1)).is_some_and(|log| log.is_cancelled_unbegun())
    }

    /// It has begun so many times, as far as that is known.
    ///
    /// # Errors
    /// It has not.
    pub fn check_begun(&self, id: &str, times: usize) -> Result<(), String> {
        let begun = self.times_begun(id);
        if begun == times {
            return Ok(());
        }
        Err(format!("`{id}` has begun {begun} times, and was to begin {times} times"))
    }
}
