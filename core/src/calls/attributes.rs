//! The calls that set attributes, and read them back.

use crate::attributes::{AttributeError, AttributeValue, Attributes, attribute_name};
use crate::context::OrchestrationContext;
use crate::ids::Name;

impl OrchestrationContext {
    /// Sets an attribute of the instance: a text, an integer, a float, a bool or a timestamp by which lists can be
    /// filtered. The newest value of each name counts.
    ///
    /// It is seen in lists as soon as the turn is durable. It is a step of the code like any other: at replay it must
    /// be set in the same place; the value that it has now is no step. It stays until it is
    /// [cleared](Self::clear_attribute), also when the code [continues as new](Self::continue_as_new), and after the
    /// end of the instance.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, customer: String) -> Result<(), OrchestrationError> {
    ///     ctx.set_attribute("customer", customer)?;
    ///     ctx.set_attribute("cents", 430)?;
    ///     assert_eq!(ctx.attribute("cents"), Some(430.into()));
    ///     ctx.clear_attribute("cents");
    ///     Ok(())
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .drive_to_completion(&"ada")
    ///     .unwrap();
    /// assert_eq!(run.attributes().to_string(), "customer=\"ada\"");
    /// ```
    ///
    /// # Errors
    /// Nothing is recorded, and the attributes stay as they were. The error is the same at replay.
    /// - [`AttributeError::OtherKind`]: it has a value of another kind.
    /// - [`AttributeError::TooMany`]: there are [`MAX_ATTRIBUTES`](crate::limits::MAX_ATTRIBUTES) others.
    /// - [`AttributeError::TooLong`]: the text is over
    ///   [`MAX_ATTRIBUTE_TEXT_BYTES`](crate::limits::MAX_ATTRIBUTE_TEXT_BYTES).
    /// - [`AttributeError::NotANumber`]: the float is NaN.
    /// - [`AttributeError::InvalidName`]: the name is empty, over
    ///   [`MAX_ATTRIBUTE_NAME_BYTES`](crate::limits::MAX_ATTRIBUTE_NAME_BYTES), or has control characters.
    pub fn set_attribute(
        &self,
        name: impl AsRef<str>,
        value: impl Into<AttributeValue>,
    ) -> Result<(), AttributeError> {
        let (name, value) = (attribute_name(name.as_ref())?, value.into());
        self.shared().lock().set_attribute(name, value)
    }

    /// Clears an attribute. Where there is none, nothing is recorded. Afterwards it can be set to a value of any kind.
    pub fn clear_attribute(&self, name: impl AsRef<str>) {
        // No attribute can have an invalid name.
        if let Ok(name) = Name::new(name) {
            self.shared().lock().clear_attribute(name);
        }
    }

    /// The value of an attribute, as it is recorded; `None` when there is none.
    pub fn attribute(&self, name: impl AsRef<str>) -> Option<AttributeValue> {
        self.shared().lock().attributes.get(name.as_ref()).cloned()
    }

    /// All attributes of the instance, as they are recorded.
    pub fn attributes(&self) -> Attributes {
        self.shared().lock().attributes.clone()
    }
}
