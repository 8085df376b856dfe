//! What code says of its own memory.

use crate::context::OrchestrationContext;

impl OrchestrationContext {
    /// Says how many bytes the code itself holds from now on, such as in values that it gathers. They count as memory of
    /// the instance, as what [`Machine::held_bytes`](crate::Machine::held_bytes) knows by itself does: a host whose
    /// instances hold too much lets idle ones leave memory, the largest first.
    ///
    /// Nothing is recorded. The last number counts, until the code ends or leaves memory; without a call it is zero.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn gather(ctx: OrchestrationContext, pages: u32) -> Result<usize, OrchestrationError> {
    ///     let mut book = String::new();
    ///     for page in 0..pages {
    ///         book += &ctx.call_activity_by_name::<_, String>("read", &page).await?;
    ///         ctx.set_held_bytes(book.capacity());
    ///     }
    ///     Ok(book.len())
    /// }
    /// # let executor = Executor::new(OrchestrationCode::new("gather", gather).unwrap());
    /// # let executor = executor.activity("read", |page: u32| Ok(format!("page {page}")));
    /// # assert_eq!(executor.drive_to_completion(&2).unwrap().output::<usize>().unwrap(), 12);
    /// ```
    pub fn set_held_bytes(&self, bytes: usize) {
        self.shared().lock().code_bytes = bytes;
    }
}
