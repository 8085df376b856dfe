//! How `?` and the attributes make an [`ActivityError`] or an [`OrchestrationError`] of another error.

use alloc::boxed::Box;
use alloc::string::FromUtf8Error;
use core::error::Error;

use super::activity::ActivityError;
use super::orchestration::OrchestrationError;

/// Any error, boxed: what a function with `#[activity]` or `#[orchestration]` can return where `?`
/// meets errors of many types, without another crate.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Makes an [`ActivityError`] of any error, with its chain of sources, in a function that returns one:
///
/// ```
/// use reenact_core::{ActivityError, ResultExt};
///
/// # #[derive(Debug, thiserror::Error)] #[error("there is no such card")] struct NoSuchCard;
/// # fn find(_: &str) -> Result<u32, NoSuchCard> { Err(NoSuchCard) }
/// fn charge(card: &str, cents: &str) -> Result<u32, ActivityError> {
///     let cents: u32 = cents.parse()?; // errors of the standard library need no more
///     let limit = find(card).fatal()?;
///     Ok(limit.min(cents))
/// }
///
/// let error = charge("1234", "500").unwrap_err();
/// assert_eq!((error.message(), error.is_retryable()), ("there is no such card", false));
/// ```
///
/// A function that returns `anyhow::Result<T>`, `eyre::Result<T>` or `Result<T, BoxError>` needs none of
/// this: `?` takes any error there, and the attribute keeps the chain.
pub trait ResultExt<T> {
    /// The error is one that may pass: another attempt can help.
    ///
    /// # Errors
    /// The same, as an [`ActivityError`].
    fn retryable(self) -> Result<T, ActivityError>;

    /// The error is one that stays: another attempt cannot help.
    ///
    /// # Errors
    /// The same, as an [`ActivityError`].
    fn fatal(self) -> Result<T, ActivityError>;
}

impl<T, E: Into<BoxError>> ResultExt<T> for Result<T, E> {
    fn retryable(self) -> Result<T, ActivityError> {
        self.map_err(|error| ActivityError::of_error(&*error.into()).into_retryable())
    }

    fn fatal(self) -> Result<T, ActivityError> {
        self.map_err(|error| ActivityError::of_error(&*error.into()).into_fatal())
    }
}

/// Each type by itself. They cannot be had all at once: `ActivityError` implements `Error` too, so that
/// it can stand in the errors of others, and would convert into itself in two ways.
macro_rules! from_errors {
    ($($error:ty),+ $(,)?) => {$(
        /// Retryable, with the chain of sources.
        impl From<$error> for ActivityError {
            fn from(error: $error) -> Self {
                Self::of_error(&error)
            }
        }

        /// With the chain of sources.
        impl From<$error> for OrchestrationError {
            fn from(error: $error) -> Self {
                Self::of_error(&error)
            }
        }
    )+};
}

from_errors! {
    core::fmt::Error,
    core::num::ParseIntError,
    core::num::ParseFloatError,
    core::num::TryFromIntError,
    core::str::ParseBoolError,
    core::str::Utf8Error,
    core::char::ParseCharError,
    core::char::CharTryFromError,
    core::array::TryFromSliceError,
    core::net::AddrParseError,
    FromUtf8Error,
    crate::attributes::AttributeError,
    crate::ids::InvalidGuid,
    crate::ids::InvalidName,
    crate::version::InvalidVersion,
}

#[cfg(feature = "std")]
from_errors! {
    std::io::Error,
    std::env::VarError,
    std::time::SystemTimeError,
    std::path::StripPrefixError,
    std::sync::mpsc::RecvError,
    std::sync::mpsc::RecvTimeoutError,
    std::thread::AccessError,
}

impl From<BoxError> for ActivityError {
    /// Retryable, with the chain of sources; one of ours in the chain keeps its kind and its details.
    fn from(error: BoxError) -> Self {
        Self::of_error(&*error)
    }
}

impl From<BoxError> for OrchestrationError {
    /// With the chain of sources; one of ours in the chain keeps its kind and its details.
    fn from(error: BoxError) -> Self {
        Self::of_error(&*error)
    }
}

/// For what `#[activity]` and `#[orchestration]` write: the error that a function returns, of a type
/// that only the compiler knows, becomes an error of ours in the first of these ways that its type has.
///
/// The compiler chooses among the ways by the number of references that it takes to find them.
#[doc(hidden)]
pub mod returned {
    use core::error::Error;
    use core::marker::PhantomData;

    use super::super::chain::OfError;

    /// The type `E` of an error that is to be an `F`.
    pub struct Returned<F, E>(PhantomData<fn(E) -> F>);

    impl<F, E> Returned<F, E> {
        /// Of that error.
        pub fn of(_error: &E) -> Self {
            Self(PhantomData)
        }
    }

    /// It says itself how it converts.
    pub struct Into_;

    /// It is seen as an error: `anyhow::Error`, `eyre::Report`, a box.
    pub struct AsError;

    /// It is an error.
    pub struct IsError;

    /// It is nothing of this.
    pub struct Unknown<F>(PhantomData<F>);

    /// The first way.
    pub trait ViaInto {
        /// How.
        fn way(&self) -> Into_ {
            Into_
        }
    }

    /// The second.
    pub trait ViaAsRef {
        /// How.
        fn way(&self) -> AsError {
            AsError
        }
    }

    /// The third.
    pub trait ViaError {
        /// How.
        fn way(&self) -> IsError {
            IsError
        }
    }

    /// The last, which does not compile, and says why.
    pub trait ViaNothing<F> {
        /// How.
        fn way(&self) -> Unknown<F> {
            Unknown(PhantomData)
        }
    }

    impl<F, E: Into<F>> ViaInto for &&&Returned<F, E> {}
    impl<F, E: AsRef<dyn Error + Send + Sync>> ViaAsRef for &&Returned<F, E> {}
    impl<F, E: Error> ViaError for &Returned<F, E> {}
    impl<F, E> ViaNothing<F> for Returned<F, E> {}

    impl Into_ {
        /// The error of ours.
        pub fn convert<F, E: Into<F>>(self, error: E) -> F {
            error.into()
        }
    }

    impl AsError {
        /// The error of ours.
        pub fn convert<F: OfError, E: AsRef<dyn Error + Send + Sync>>(self, error: E) -> F {
            F::of_error(error.as_ref())
        }
    }

    impl IsError {
        /// The error of ours.
        pub fn convert<F: OfError, E: Error + 'static>(self, error: E) -> F {
            F::of_error(&error)
        }
    }

    impl<F> Unknown<F> {
        /// Does not compile.
        pub fn convert<E: IntoFailure<F>>(self, error: E) -> F {
            error.into_failure()
        }
    }

    /// What an error type can do that a function with an attribute returns.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be the error of this function",
        label = "it does not convert into `{F}`",
        note = "return `{F}`, a type that implements `std::error::Error`, `anyhow::Error`, \
                `eyre::Report` or `BoxError`; or implement `From<{Self}>` for `{F}`"
    )]
    pub trait IntoFailure<F> {
        /// The error of ours.
        fn into_failure(self) -> F;
    }
}
