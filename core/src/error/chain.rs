//! The chain of sources of an error: taken from any error, kept as a list of texts.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error;

use super::activity::{ActivityError, ActivityErrorKind};
use super::awaited::{Cancelled, CommandError, EventError, SendError, TimedOut};
use super::child::ChildError;
use super::details::{details, join};
use super::orchestration::OrchestrationError;
use super::text::bounded_message;
use crate::limits::{MAX_ERROR_SOURCES, MAX_MESSAGE_BYTES};
use crate::payload::PayloadError;

/// What goes into the list of an error: the texts of what is below it, and of what is below that. An
/// [`ActivityError`] or an [`OrchestrationError`] below it brings its own list.
fn below(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = kept_by(error);
    let mut next = error.source();
    while let Some(source) = next {
        texts.push(text(source));
        texts.extend(kept_by(source));
        next = source.source();
    }
    bounded(texts)
}

/// The text of an error; of one of an activity, with the call that it is of.
fn text(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<ActivityError>() {
        Some(error) if error.call.is_some() => OrchestrationError::from(error.clone()).message,
        _ => error.to_string(),
    }
}

/// The list that an error of ours has with it.
fn kept_by(error: &(dyn Error + 'static)) -> Vec<String> {
    if let Some(error) = error.downcast_ref::<ActivityError>() {
        return error.sources();
    }
    error.downcast_ref::<OrchestrationError>().map(OrchestrationError::sources).unwrap_or_default()
}

/// As many as are kept, each and all together within a limit.
fn bounded(mut texts: Vec<String>) -> Vec<String> {
    texts.truncate(MAX_ERROR_SOURCES);
    let mut left = MAX_MESSAGE_BYTES;
    texts.retain_mut(|text| {
        *text = bounded_message(&*text);
        let fits = text.len() <= left;
        left = left.saturating_sub(text.len());
        fits
    });
    texts
}

/// The error itself, and what is below it, outermost first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    core::iter::from_fn(move || {
        let error: &'a (dyn Error + 'static) = next?;
        next = error.source();
        Some(error)
    })
}

/// An error of user code that is made of any other error, with its chain of sources.
pub trait OfError: Sized {
    /// From any error.
    fn of_error(error: &(dyn Error + 'static)) -> Self;
}

impl OfError for ActivityError {
    fn of_error(error: &(dyn Error + 'static)) -> Self {
        let known = chain(error).find_map(|error| error.downcast_ref::<Self>());
        let (kind, details, call) = match known {
            Some(known) => (known.kind, details(known.details.as_ref()), known.call.clone()),
            None => (ActivityErrorKind::Retryable, None, None),
        };
        // The text of one that is at the top says its kind as well.
        let message = match error.downcast_ref::<Self>() {
            Some(known) => known.message.clone(),
            None => bounded_message(error),
        };
        Self { kind, message, details: join(&below(error), details), call }
    }
}

impl OfError for OrchestrationError {
    fn of_error(error: &(dyn Error + 'static)) -> Self {
        let Some((at, known)) =
            chain(error).enumerate().find_map(|(at, error)| Some((at, known(error)?)))
        else {
            let details = join(&below(error), None);
            return Self { details, ..Self::new(error) };
        };
        match at {
            0 => known.below(error),
            _ => Self { message: bounded_message(error), ..known.below(error) },
        }
    }
}

impl OrchestrationError {
    /// With what is below that error as its list of sources.
    fn below(self, error: &(dyn Error + 'static)) -> Self {
        let details = join(&below(error), details(self.details.as_ref()));
        Self { details, ..self }
    }
}

/// An error of ours, which is of a kind that counts.
fn known(error: &(dyn Error + 'static)) -> Option<OrchestrationError> {
    fn of<E: Error + Clone + Into<OrchestrationError> + 'static>(
        error: &(dyn Error + 'static),
    ) -> Option<OrchestrationError> {
        error.downcast_ref::<E>().map(|error| error.clone().into())
    }
    of::<OrchestrationError>(error)
        .or_else(|| of::<ActivityError>(error))
        .or_else(|| of::<ChildError>(error))
        .or_else(|| of::<EventError>(error))
        .or_else(|| of::<Cancelled>(error))
        .or_else(|| of::<SendError>(error))
        .or_else(|| of::<CommandError>(error))
        .or_else(|| of::<TimedOut>(error))
        .or_else(|| of::<PayloadError>(error))
}

/// Both kinds of errors have the same chain.
macro_rules! chained {
    ($type:ident) => {
        impl $type {
            /// Of any error: its text is the message, and the texts of its chain of sources are kept
            /// ([`sources`](Self::sources)). Where one of this type is in the chain, its kind and
            /// its details are kept too.
            ///
            /// `?` does the same, where the function returns another error: see
            /// [`ResultExt`](crate::ResultExt).
            pub fn of_error(error: &(dyn Error + 'static)) -> Self {
                OfError::of_error(error)
            }

            /// Adds the text of an error, and those of its chain of sources, to the list of
            /// [`sources`](Self::sources).
            #[must_use]
            pub fn with_source(self, source: &(dyn Error + 'static)) -> Self {
                let mut list = self.sources();
                list.push(text(source));
                list.extend(below(source));
                let details = join(&bounded(list), details(self.details.as_ref()));
                Self { details, ..self }
            }
        }
    };
}

chained!(ActivityError);
chained!(OrchestrationError);

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::format;

    use super::*;
    use crate::error::OrchestrationErrorKind;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<dyn Error + Send + Sync>>,
    }

    fn layer(text: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Layer {
        Layer { text, source: Some(source.into()) }
    }

    fn refused() -> Layer {
        layer("cannot charge", layer("the bank is away", "connection refused"))
    }

    #[test]
    fn the_chain_of_any_error_is_kept_as_a_list() {
        let error = ActivityError::of_error(&refused());
        assert_eq!(error.message(), "cannot charge");
        assert_eq!(error.sources(), ["the bank is away", "connection refused"]);
        assert!(error.is_retryable() && error.details::<u32>().is_none());
        assert_eq!(error.to_string(), "cannot charge");
        assert_eq!(format!("{error:#}"), "cannot charge: the bank is away: connection refused");
    }

    #[test]
    fn an_error_of_ours_in_the_chain_keeps_its_kind_its_details_and_its_own_sources() {
        let declined = ActivityError::fatal("declined").with_details(&51).with_source(&refused());
        let error = ActivityError::of_error(&layer("order 7", declined.clone()));
        assert_eq!((error.kind(), error.details()), (ActivityErrorKind::Fatal, Some(51)));
        let sources = ["declined", "cannot charge", "the bank is away", "connection refused"];
        assert_eq!(
            (error.message(), error.sources()),
            ("order 7", sources.map(String::from).into())
        );
        assert_eq!(ActivityError::of_error(&declined), declined);
        let error = OrchestrationError::of_error(&layer("order 7", declined));
        assert_eq!((error.message(), error.details()), ("order 7", Some(51)));
        assert_eq!(error.sources(), sources);
    }

    #[test]
    fn a_cancel_in_the_chain_stays_a_cancel() {
        let cancelled = ActivityError::of_kind(ActivityErrorKind::Cancelled, "no");
        let error = OrchestrationError::of_error(&layer("order 7", cancelled.clone()));
        assert_eq!(error.kind(), OrchestrationErrorKind::Cancelled);
        let error = OrchestrationError::of_error(&cancelled);
        assert_eq!(error, cancelled.into());
    }

    #[test]
    fn details_and_sources_are_added_in_any_order() {
        let one = ActivityError::fatal("a").with_details(&7).with_source(&refused());
        let other = ActivityError::fatal("a").with_source(&refused()).with_details(&7);
        assert_eq!(one, other);
        assert_eq!((one.details(), one.sources().len()), (Some(7), 3));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut error = layer("top", "bottom");
        for _ in 0..2 * MAX_ERROR_SOURCES {
            error = layer("between", error);
        }
        assert_eq!(ActivityError::of_error(&error).sources().len(), MAX_ERROR_SOURCES);
        let long =
            ActivityError::fatal("a").with_source(&*Box::<dyn Error>::from("x".repeat(9_000)));
        let long = long.with_source(&*Box::<dyn Error>::from("more"));
        assert_eq!(long.sources().len(), 1);
    }
}
