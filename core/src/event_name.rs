//! Names of external events that know what the events carry.

use core::fmt;
use core::marker::PhantomData;

use alloc::string::String;

use serde::de::DeserializeOwned;

use crate::limits::MAX_NAME_BYTES;
use crate::payload::{Payload, PayloadError};

/// The name of an external event, and the type of what the event carries: raised with another type, or
/// awaited as another one, it does not compile.
///
/// ```
/// use reenact_core::{EventName, Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
///
/// const PACKED: EventName<u32> = EventName::new("packed");
///
/// async fn order(ctx: OrchestrationContext, _: ()) -> Result<u32, OrchestrationError> {
///     let parcels = ctx.wait_external(PACKED).await?;
///     Ok(parcels + 1)
/// }
///
/// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
///     .event(PACKED, &2)
///     .drive_to_completion(&())
///     .unwrap();
/// assert_eq!(run.output::<u32>(), Some(3));
/// ```
///
/// ```compile_fail
/// # use reenact_core::{EventName, OrchestrationContext, SendError};
/// # const PACKED: EventName<u32> = EventName::new("packed");
/// # async fn order(ctx: OrchestrationContext) -> Result<(), SendError> {
/// ctx.raise_event("order-7", PACKED, "two").await
/// # }
/// ```
///
/// It is stored as its text: an event that is raised by the plain name is the same event.
pub struct EventName<T: ?Sized> {
    name: &'static str,
    data: PhantomData<fn(&T)>,
}

impl<T: ?Sized> EventName<T> {
    /// That name, 1 to [`MAX_NAME_BYTES`] bytes without control characters.
    ///
    /// # Panics
    /// When no event can have the name. In a `const`, that is an error of the compiler.
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self { name, data: PhantomData }
    }

    /// The name.
    pub const fn as_str(&self) -> &'static str {
        self.name
    }
}

/// Whether an event or an update can have the name.
pub(crate) const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty(), "the name of an event is empty");
    assert!(bytes.len() <= MAX_NAME_BYTES, "the name of an event is longer than MAX_NAME_BYTES");
    let mut at = 0;
    while at < bytes.len() {
        // The second range of control characters, U+0080 to U+009F, begins with 0xC2 in UTF-8.
        let second = bytes[at] == 0xc2 && bytes[at + 1] < 0xa0;
        let control = bytes[at] < 0x20 || bytes[at] == 0x7f || second;
        assert!(!control, "the name of an event has a control character");
        at += 1;
    }
}

impl<T: DeserializeOwned> EventName<T> {
    /// As an orchestration declares it: see [`Orchestration::EVENTS`](crate::Orchestration::EVENTS).
    pub const fn declared(self) -> DeclaredEvent {
        DeclaredEvent { name: self.name, check: |data| data.decode::<T>().map(drop) }
    }
}

impl<T: ?Sized> Clone for EventName<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for EventName<T> {}

impl<T: ?Sized> fmt::Debug for EventName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.name, f)
    }
}

impl<T: ?Sized> fmt::Display for EventName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What names an external event that carries a `T`: an [`EventName`] of that type, or a plain text,
/// which goes with any type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name an event that carries `{T}`",
    label = "this event does not carry `{T}`",
    note = "an `EventName<T>` goes with a `T`, by value where it is raised by a client; a plain name, \
            such as `\"packed\"`, goes with any type"
)]
pub trait NamesEvent<T: ?Sized> {
    /// The name, which is not checked yet.
    fn event_name(&self) -> &str;
}

impl<T: ?Sized> NamesEvent<T> for EventName<T> {
    fn event_name(&self) -> &str {
        self.name
    }
}

impl<T: ?Sized, N: AsRef<str> + ?Sized> NamesEvent<T> for &N {
    fn event_name(&self) -> &str {
        (**self).as_ref()
    }
}

impl<T: ?Sized> NamesEvent<T> for String {
    fn event_name(&self) -> &str {
        self
    }
}

/// An external event that an orchestration declares: its name, and what it carries.
#[derive(Clone, Copy)]
pub struct DeclaredEvent {
    name: &'static str,
    check: fn(&Payload) -> Result<(), PayloadError>,
}

impl DeclaredEvent {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether data is of its type.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when it is not.
    pub fn check(&self, data: &Payload) -> Result<(), PayloadError> {
        (self.check)(data)
    }
}

impl fmt::Debug for DeclaredEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeclaredEvent").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use std::panic::catch_unwind;

    use super::*;
    use crate::ids::Name;

    #[test]
    fn a_name_is_taken_where_an_event_can_have_it_and_nowhere_else() {
        let long = |bytes| &*"x".repeat(bytes).leak();
        let texts = ["packed", "é", "\u{a0}", "", "a\nb", "\u{7f}", "\u{85}", "a\u{9f}"];
        for text in texts.into_iter().chain([long(MAX_NAME_BYTES), long(MAX_NAME_BYTES + 1)]) {
            let taken = catch_unwind(|| EventName::<()>::new(text)).is_ok();
            assert_eq!(taken, Name::new(text).is_ok(), "{text:?}");
        }
        assert_eq!(EventName::<u8>::new("packed").to_string(), "packed");
    }

    #[test]
    fn a_declared_event_knows_what_it_carries() {
        let declared = EventName::<u8>::new("packed").declared();
        assert!(declared.check(&Payload::encode(&7).unwrap()).is_ok());
        assert!(declared.check(&Payload::encode("seven").unwrap()).is_err());
    }
}
