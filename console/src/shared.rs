//! `Shared`: what all handlers of a console share.

use std::fmt;
use std::sync::Arc;

use reenact_actors::Access;

use crate::guard::{Forms, WrongTokens};
use crate::options::ConsoleOptions;
use crate::shown::Shown;

/// What all handlers of a console share. Cheap to clone; it is the state of the router.
#[derive(Clone)]
pub(crate) struct Shared {
    inner: Arc<Inner>,
}

struct Inner {
    access: Access,
    options: ConsoleOptions,
    forms: Forms,
    wrong_tokens: WrongTokens,
}

impl Shared {
    pub(crate) fn new(access: Access, options: ConsoleOptions) -> Self {
        let forms = Forms::new(&options.guard);
        let wrong_tokens = WrongTokens::default();
        Self { inner: Arc::new(Inner { access, options, forms, wrong_tokens }) }
    }

    /// The instances.
    pub(crate) fn access(&self) -> &Access {
        &self.inner.access
    }

    /// What the console may do.
    pub(crate) fn options(&self) -> &ConsoleOptions {
        &self.inner.options
    }

    /// The tokens of forms.
    #[allow(dead_code)]
    pub(crate) fn forms(&self) -> &Forms {
        &self.inner.forms
    }

    /// Those who wait for the answer to a wrong token.
    pub(crate) fn wrong_tokens(&self) -> &WrongTokens {
        &self.inner.wrong_tokens
    }

    /// Shows values of an instance.
    pub(crate) fn shown<'a>(&'a self, instance: &'a str) -> Shown<'a> {
        Shown::of(&self.inner.options, Some(instance))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.inner.options).finish_non_exhaustive()
    }
}
