//! `ToInstanceId`: what a caller may give as an instance id.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;

use super::{Guid, InstanceId, InvalidName};

/// What may be given where an instance id is wanted: an [`InstanceId`], or its text as a `&str` or
/// a `String`; a [`Guid`] as well. References to these will do.
///
/// A text is checked where it is given, before anything is stored.
///
/// ```
/// use reenact_core::{InstanceId, InvalidName, ToInstanceId};
///
/// fn length(id: impl ToInstanceId) -> Result<usize, InvalidName> {
///     Ok(id.to_instance_id()?.as_str().len())
/// }
///
/// let id: InstanceId = "order-7".parse().unwrap();
/// assert_eq!(length(&id), Ok(7));
/// assert_eq!(length("order-7"), Ok(7));
/// assert_eq!(length(format!("order-{}", 12)), Ok(8));
/// assert!(length("").is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the id of an instance",
    label = "an instance id is wanted here",
    note = "give a `&str`, a `String`, an `InstanceId` or a reference to one"
)]
pub trait ToInstanceId {
    /// The id.
    ///
    /// # Errors
    /// [`InvalidName`] when the text is empty, over
    /// [`MAX_INSTANCE_ID_BYTES`](crate::limits::MAX_INSTANCE_ID_BYTES), or has control characters.
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName>;
}

impl ToInstanceId for InstanceId {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        match self.0.is_empty() {
            true => Self::new(""),
            false => Ok(self.clone()),
        }
    }
}

impl ToInstanceId for str {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        InstanceId::new(self)
    }
}

impl ToInstanceId for String {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        InstanceId::new(self)
    }
}

impl ToInstanceId for Cow<'_, str> {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        InstanceId::new(self)
    }
}

impl ToInstanceId for Guid {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        Ok(InstanceId::of_guid(*self))
    }
}

impl<T: ToInstanceId + ?Sized> ToInstanceId for &T {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        T::to_instance_id(self)
    }
}

impl<T: ToInstanceId + ?Sized> ToInstanceId for Arc<T> {
    fn to_instance_id(&self) -> Result<InstanceId, InvalidName> {
        T::to_instance_id(self)
    }
}

impl InstanceId {
    /// What stands for the id where the given one is invalid: it is empty, which no instance's id is,
    /// and every call refuses it.
    #[doc(hidden)]
    pub fn of_no_instance() -> Self {
        Self(Arc::from(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_given_as_text_or_as_an_id_by_value_or_by_reference() {
        let id = InstanceId::new("order-7").unwrap();
        let text = String::from("order-7");
        let given: [&dyn ToInstanceId; 7] = [
            &id,
            &&id,
            &"order-7",
            &text,
            &&text,
            &Cow::Borrowed("order-7"),
            &Arc::new(id.clone()),
        ];
        for given in given {
            assert_eq!(given.to_instance_id(), Ok(id.clone()));
        }
        let guid = Guid::from_bytes(7_u128.to_be_bytes());
        assert_eq!(guid.to_instance_id().unwrap().as_str(), "00000000-0000-0000-0000-000000000007");
    }

    #[test]
    fn what_stands_for_an_invalid_id_is_refused() {
        let refused = Err(InvalidName::Empty { what: "the instance id" });
        assert_eq!(InstanceId::of_no_instance().to_instance_id(), refused);
    }
}
