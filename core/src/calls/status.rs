//! The call that sets the custom status of an instance.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::payload::{Payload, PayloadError};

impl OrchestrationContext {
    /// Sets the status: a value of any type that people and programs can see while the instance
    /// runs, and after. The newest counts. The same value again is not recorded again.
    ///
    /// It is seen as soon as the turn is durable. It is a step of the code like any other: at replay
    /// it must be set in the same place. A change of the code after which a value is the same as the
    /// one before it, or no longer is, is a change of its steps. It stays until the code sets another: one
    /// that [continues as new](Self::continue_as_new) takes it along, so a status that is set in the turn of
    /// the continuation is seen.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn ship(ctx: OrchestrationContext, parcels: u32) -> Result<(), OrchestrationError> {
    ///     for parcel in 1..=parcels {
    ///         let () = ctx.call_activity_by_name("ship", &parcel).await?;
    ///         ctx.set_status(&format!("{parcel} of {parcels}"));
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("ship", ship).unwrap())
    ///     .activity("ship", |_: u32| Ok(()))
    ///     .drive_to_completion(&2)
    ///     .unwrap();
    /// assert_eq!(run.statuses::<String>(), ["1 of 2", "2 of 2"]);
    /// ```
    ///
    /// Values are compared as values: the order in which a map is written makes no difference.
    ///
    /// A value that is over [`MAX_STATUS_BYTES`](crate::limits::MAX_STATUS_BYTES) fails the instance
    /// with [`LimitExceeded`](crate::OrchestrationErrorKind::LimitExceeded); one that does not encode, or
    /// is nested deeper than [`MAX_PAYLOAD_DEPTH`](crate::limits::MAX_PAYLOAD_DEPTH), with
    /// [`InvalidValue`](crate::OrchestrationErrorKind::InvalidValue).
    pub fn set_status<T: Serialize + ?Sized>(&self, status: &T) {
        let encoded = Payload::write(status);
        let mut state = self.shared().lock();
        match encoded {
            Ok(status) => state.set_status(status),
            Err(why) => state.refuse_value("a status cannot be recorded", &why),
        }
    }

    /// The status that was [set](Self::set_status) last, as it is recorded; `None` when none was set.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when it is not a `T`.
    pub fn status<T: DeserializeOwned>(&self) -> Result<Option<T>, PayloadError> {
        // Without the lock: a `Deserialize` may be code of the user's.
        let newest = self.shared().lock().newest_status();
        newest.map(|status| status.decode()).transpose()
    }
}
