//! The call that marks a change of the code inside one version.

use alloc::format;

use crate::context::OrchestrationContext;
use crate::ids::Name;

impl OrchestrationContext {
    /// Whether the code is to do what is new: for a change of its steps inside one version, while
    /// instances run.
    ///
    /// An execution that comes to this call for the first time does what is new, and records that it
    /// does; one that had passed this place before the call was there goes on as it began. What is
    /// answered once for a name is answered for the rest of the execution; the next one, after a
    /// [continue-as-new](Self::continue_as_new), does what is new.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, cents: u64) -> Result<(), OrchestrationError> {
    ///     if ctx.patched("check for fraud first") {
    ///         let () = ctx.call_activity_by_name("check", &cents).await?;
    ///     }
    ///     Ok(ctx.call_activity_by_name("charge", &cents).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .activity("check", |_: u64| Ok(()))
    ///     .activity("charge", |_: u64| Ok(()))
    ///     .drive_to_completion(&995)
    ///     .unwrap();
    /// assert!(run.output::<()>().is_some());
    /// ```
    ///
    /// A change goes in three steps, each a new binary:
    ///
    /// 1. `if ctx.patched("name") { new } else { old }`.
    /// 2. When no instance is left that began before: `ctx.patched("name"); new`. Or leave the call out
    ///    at once: a mark that the code does not ask for is passed over.
    /// 3. `new`, without the call. Do not use the name again while instances run that have its mark.
    ///
    /// `HostBuilder::verify_histories` finds instances that need what is old.
    ///
    /// A name that is empty, over [`MAX_NAME_BYTES`](crate::limits::MAX_NAME_BYTES) or has control
    /// characters fails the instance.
    pub fn patched(&self, name: &str) -> bool {
        let checked = Name::new(name);
        let mut state = self.shared().lock();
        match checked {
            Ok(name) => state.patched(name),
            Err(why) => {
                state.exceed(format!("a patch cannot be marked: {why}"));
                false
            }
        }
    }
}
