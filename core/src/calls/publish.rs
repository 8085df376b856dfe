//! The calls that publish values, and read them back.

use alloc::string::ToString;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::ids::{InvalidName, Name};
use crate::payload::{Payload, PayloadError};

impl OrchestrationContext {
    /// Publishes a value under a name: everybody can read it while the instance runs, and after. The newest
    /// value of each name counts. The same value again is not recorded again.
    ///
    /// It is seen as soon as the turn is durable. It is a step of the code like any other: at replay it must be
    /// published in the same place. It stays until it is [cleared](Self::unpublish), also when the code
    /// [continues as new](Self::continue_as_new). [`set_status`](Self::set_status) sets the one value that is
    /// shown together with the state of the instance.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, _: ()) -> Result<u32, OrchestrationError> {
    ///     ctx.publish("cart", &["tea", "milk"]);
    ///     ctx.publish("cents", &430);
    ///     let cents: Option<u32> = ctx.published("cents")?;
    ///     ctx.unpublish("cart");
    ///     Ok(cents.unwrap_or_default())
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .drive_to_completion(&())
    ///     .unwrap();
    /// assert_eq!(run.output::<u32>(), Some(430));
    /// ```
    ///
    /// Values are compared as values: the order in which a map is written makes no difference.
    ///
    /// A value over [`MAX_PUBLISHED_BYTES`](crate::limits::MAX_PUBLISHED_BYTES), more than
    /// [`MAX_PUBLISHED_VALUES`](crate::limits::MAX_PUBLISHED_VALUES), or more than
    /// [`MAX_ALL_PUBLISHED_BYTES`](crate::limits::MAX_ALL_PUBLISHED_BYTES) of them together, fail the instance
    /// with [`LimitExceeded`](crate::OrchestrationErrorKind::LimitExceeded). A value that does not encode, or is
    /// nested too deep, and a name of no bytes, of more than
    /// [`MAX_NAME_BYTES`](crate::limits::MAX_NAME_BYTES) or with control characters, fail it with
    /// [`InvalidValue`](crate::OrchestrationErrorKind::InvalidValue).
    pub fn publish<T: Serialize + ?Sized>(&self, name: impl AsRef<str>, value: &T) {
        let name = Name::new(name);
        // Without the lock: a `Serialize` may be code of the user's.
        let value = Payload::write(value);
        let mut state = self.shared().lock();
        match (name, value) {
            (Ok(name), Ok(value)) => state.publish(name, value),
            (Err(invalid), _) => state.refuse_value(NOT_PUBLISHED, &unnamed(&invalid)),
            (_, Err(why)) => state.refuse_value(NOT_PUBLISHED, &why),
        }
    }

    /// The value that was [published](Self::publish) last under a name, as it is recorded; `None` when there is
    /// none.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when it is not a `T`.
    pub fn published<T: DeserializeOwned>(
        &self,
        name: impl AsRef<str>,
    ) -> Result<Option<T>, PayloadError> {
        let value = self.shared().lock().published.get(name.as_ref()).cloned();
        value.map(|value| value.decode()).transpose()
    }

    /// Clears a value that was [published](Self::publish). Where there is none, nothing is recorded.
    pub fn unpublish(&self, name: impl AsRef<str>) {
        // No value can have an invalid name.
        if let Ok(name) = Name::new(name) {
            self.shared().lock().unpublish(name);
        }
    }
}

const NOT_PUBLISHED: &str = "a value cannot be published";

fn unnamed(invalid: &InvalidName) -> PayloadError {
    PayloadError::Encode(invalid.to_string())
}
