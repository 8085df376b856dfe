//! Names of updates that know what the updates carry, and what they are answered with.

use core::fmt;
use core::marker::PhantomData;

use alloc::string::{String, ToString};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event_name::check_name;
use crate::payload::Payload;
use crate::published::PublishedValues;
use crate::update_answer::UpdateAnswer;

/// The name of an update, and its types: of the request, of the answer, and of a refusal. Sent with another
/// request, or answered with another type, it does not compile.
///
/// ```
/// use reenact_core::{OrchestrationContext, OrchestrationError, UpdateName};
///
/// const ADD: UpdateName<u32, u32, String> = UpdateName::new("add");
///
/// async fn sum(ctx: OrchestrationContext, most: u32) -> Result<u32, OrchestrationError> {
///     let (mut adds, mut sum) = (ctx.updates(ADD), 0);
///     while sum < most {
///         let add = adds.next().await?;
///         sum += add.request();
///         add.reply(&sum);
///     }
///     Ok(sum)
/// }
/// # let _ = sum;
/// ```
///
/// It is stored as its text: an update of the plain name is the same update.
pub struct UpdateName<Q: ?Sized, A, E> {
    name: &'static str,
    types: PhantomData<Types<Q, A, E>>,
}

/// For all types, whatever they are.
type Types<Q, A, E> = fn(&Q) -> Result<A, E>;

impl<Q: ?Sized, A, E> UpdateName<Q, A, E> {
    /// That name, 1 to [`MAX_NAME_BYTES`](crate::limits::MAX_NAME_BYTES) bytes without control characters.
    ///
    /// # Panics
    /// When no update can have the name. In a `const`, that is an error of the compiler.
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self { name, types: PhantomData }
    }

    /// The name.
    pub const fn as_str(&self) -> &'static str {
        self.name
    }
}

impl<Q: DeserializeOwned, A, E> UpdateName<Q, A, E> {
    /// As an orchestration declares it: see [`Orchestration::UPDATES`](crate::Orchestration::UPDATES).
    pub const fn declared(self) -> DeclaredUpdate {
        let check: Check =
            |request, _| request.decode::<Q>().map(drop).map_err(|why| invalid(&why));
        DeclaredUpdate { name: self.name, check }
    }

    /// The same with a check: what it refuses is not stored, and the code does not see it. The check is a closure
    /// that calls [`check`](Self::check) of the same name.
    pub const fn declared_with(self, check: Check) -> DeclaredUpdate {
        DeclaredUpdate { name: self.name, check }
    }
}

impl<Q: DeserializeOwned, A, E: Serialize> UpdateName<Q, A, E> {
    /// Whether a request is of its type, and allowed by a function of the request and of what the instance has
    /// published.
    ///
    /// # Errors
    /// [`UpdateAnswer::Invalid`], or what the function refuses it with as [`UpdateAnswer::Refused`].
    pub fn check(
        &self,
        request: &Payload,
        published: &PublishedValues,
        is_allowed: fn(&Q, &PublishedValues) -> Result<(), E>,
    ) -> Result<(), UpdateAnswer> {
        let request = request.decode::<Q>().map_err(|why| invalid(&why))?;
        is_allowed(&request, published).map_err(|refusal| match Payload::encode(&refusal) {
            Ok(refusal) => UpdateAnswer::Refused(refusal),
            Err(why) => invalid(&why),
        })
    }
}

fn invalid(why: &dyn fmt::Display) -> UpdateAnswer {
    UpdateAnswer::Invalid(why.to_string())
}

impl<Q: ?Sized, A, E> Clone for UpdateName<Q, A, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: ?Sized, A, E> Copy for UpdateName<Q, A, E> {}

impl<Q: ?Sized, A, E> fmt::Debug for UpdateName<Q, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.name, f)
    }
}

/// What names an update with these types: an [`UpdateName`] of them, or a plain text, which goes with any.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name an update that takes `{Q}` and gives `{A}` or `{E}`",
    label = "this update has other types",
    note = "an `UpdateName<Q, A, E>` goes with a request `Q`, by value where a client sends it; a plain name, \
            such as `\"add\"`, goes with any types"
)]
pub trait NamesUpdate<Q: ?Sized, A, E> {
    /// The name, which is not checked yet.
    fn update_name(&self) -> &str;
}

impl<Q: ?Sized, A, E> NamesUpdate<Q, A, E> for UpdateName<Q, A, E> {
    fn update_name(&self) -> &str {
        self.name
    }
}

impl<Q: ?Sized, A, E, N: AsRef<str> + ?Sized> NamesUpdate<Q, A, E> for &N {
    fn update_name(&self) -> &str {
        (**self).as_ref()
    }
}

impl<Q: ?Sized, A, E> NamesUpdate<Q, A, E> for String {
    fn update_name(&self) -> &str {
        self
    }
}

/// Whether a request may be stored, of an instance that has published these values.
pub(crate) type Check = fn(&Payload, &PublishedValues) -> Result<(), UpdateAnswer>;

/// An update that an orchestration declares: its name, and what it takes.
#[derive(Clone, Copy)]
pub struct DeclaredUpdate {
    name: &'static str,
    check: Check,
}

impl DeclaredUpdate {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a request may be stored.
    ///
    /// # Errors
    /// [`UpdateAnswer::Invalid`] when it is not of the type; [`UpdateAnswer::Refused`] when it is not allowed.
    pub fn check(
        &self,
        request: &Payload,
        published: &PublishedValues,
    ) -> Result<(), UpdateAnswer> {
        (self.check)(request, published)
    }
}

impl fmt::Debug for DeclaredUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeclaredUpdate").field(&self.name).finish()
    }
}
