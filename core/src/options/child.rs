//! `ChildOptions`: the id, version and retries of a child, and what happens to it when its parent ends first.

use alloc::boxed::Box;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::invalid::InvalidOptions;
use super::retry::{RecordedRetry, RetryPolicy};
use super::time_limits::TimeLimits;
use crate::attributes::{AttributeError, AttributeValue, Attributes};
use crate::error::ChildError;
use crate::ids::{InstanceId, InvalidName, ToInstanceId};
use crate::version::{InvalidVersion, Version};

/// What becomes of a child that has not ended when its parent ends: by a return, an error, a panic, a
/// limit, a cancel, a termination, or by continuing as new.
///
/// It makes no difference that the future of the child is dropped then. A future that is dropped while
/// the code of the parent goes on cancels the child, whatever its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ParentClose {
    /// It is cancelled.
    #[default]
    Cancel,
    /// It goes on; nobody gets its result. With a [retry policy](ChildOptions::retry), the attempt goes
    /// on that is under way or waits for its time; no other follows it.
    Abandon,
}

/// How a child is called. The default suits most: an id of the library's making, and cancelled with
/// its parent.
///
/// ```
/// use reenact_core::{ChildOptions, ParentClose};
///
/// let options = ChildOptions::new().id("ship-7").parent_close(ParentClose::Abandon);
/// # drop(options);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until an orchestration is called with them"]
pub struct ChildOptions {
    pub(crate) id: Option<Result<InstanceId, InvalidName>>,
    pub(crate) version: Option<Result<Version, InvalidVersion>>,
    pub(crate) parent_close: ParentClose,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) retry_if: Option<RetryChildIf>,
    pub(crate) limits: TimeLimits,
    pub(crate) attributes: Option<Result<Attributes, AttributeError>>,
}

impl ChildOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Under an id of your own, which must be free. Otherwise one is made out of the parent's id: it
    /// is new in each run of the parent.
    pub fn id(mut self, id: impl ToInstanceId) -> Self {
        self.id = Some(id.to_instance_id());
        self
    }

    /// Of this version of the orchestration, such as `1.2.0`; otherwise of the newest that the host has
    /// which starts it. One that does not parse gives [`ChildError::InvalidOptions`]; one that is not
    /// registered parks this instance, as an orchestration that is not.
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        self.version = Some(Version::new(version));
        self
    }

    /// What becomes of it when the parent ends first, or continues as new. Of no meaning to a
    /// detached one.
    pub fn parent_close(mut self, parent_close: ParentClose) -> Self {
        self.parent_close = parent_close;
        self
    }

    /// Starts it again when it returns an error or panics ([`ChildError::is_retryable`]). Of no
    /// meaning to a detached one.
    ///
    /// Each attempt is an instance of its own, with a history of its own and the same input. The second
    /// one has the id of the first with `~2` after it, the third `~3`, and so on (one that would be too
    /// long is made by the library); these must be free as well. The next attempt is started at once,
    /// and waits in its own instance until its time has come. So a restart changes nothing, and
    /// whatever ends the call in between cancels it before it has begun.
    ///
    /// The policy is recorded with the call, and that one counts at replay. Its
    /// [deadline](RetryPolicy::deadline) holds up new attempts only: one that runs then goes on. A
    /// policy that is invalid, or that has a [condition for activities](RetryPolicy::retry_if), gives
    /// [`ChildError::InvalidOptions`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use reenact_core::{ChildError, ChildOptions, RetryPolicy};
    ///
    /// let patient = ChildOptions::new()
    ///     .retry(RetryPolicy::new(5).first_delay(Duration::from_secs(60)))
    ///     .retry_if(|error| match error {
    ///         ChildError::Failed { error, .. } => error.details::<u32>() != Some(404),
    ///         _ => false,
    ///     });
    /// # drop(patient);
    /// ```
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Retries only those errors, of what may pass, for which this is true. It is code and therefore
    /// not recorded: at replay the code gives it again. It is asked once for each failure, when that
    /// comes; when it panics, the error is not retried. Of no meaning without a
    /// [policy](Self::retry).
    pub fn retry_if(mut self, retry_if: fn(&ChildError) -> bool) -> Self {
        self.retry_if = Some(retry_if);
        self
    }

    /// Its time limit: at the end of it, it fails with
    /// [`OrchestrationErrorKind::TimedOut`](crate::OrchestrationErrorKind::TimedOut), and its code is not asked. For each
    /// of its executions, if it continues as new, and for each attempt with a [policy](Self::retry). It counts from when
    /// its code may run. Recorded with the call: that one counts at replay. Holds for a detached one as well.
    ///
    /// A limit of less than a microsecond, or over [`MAX_TIMER`](crate::limits::MAX_TIMER), gives
    /// [`ChildError::InvalidOptions`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use reenact_core::ChildOptions;
    ///
    /// let hurried = ChildOptions::new().timeout(Duration::from_secs(3_600));
    /// # drop(hurried);
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limits.execution = Some(limit);
        self
    }

    /// As [`timeout`](Self::timeout), for all of its executions together.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.limits.total = Some(limit);
        self
    }

    /// Begins with this attribute, by which lists find it ([`OrchestrationContext::set_attribute`]). At most
    /// [`MAX_ATTRIBUTES`](crate::limits::MAX_ATTRIBUTES). Recorded with the call: what is recorded counts at replay. Holds
    /// for a detached one as well, and for each attempt.
    ///
    /// One that is over a limit, or has a name that cannot be one, or another kind than in the call before, gives
    /// [`ChildError::InvalidOptions`].
    ///
    /// ```
    /// use reenact_core::ChildOptions;
    ///
    /// let of_ada = ChildOptions::new().attribute("customer", "ada").attribute("cents", 430);
    /// # drop(of_ada);
    /// ```
    ///
    /// [`OrchestrationContext::set_attribute`]: crate::OrchestrationContext::set_attribute
    pub fn attribute(mut self, name: impl AsRef<str>, value: impl Into<AttributeValue>) -> Self {
        let given = self.attributes.unwrap_or_else(|| Ok(Attributes::default()));
        self.attributes = Some(given.and_then(|mut attributes| {
            attributes.set(name, value)?;
            Ok(attributes)
        }));
        self
    }

    /// The policy as it is recorded.
    pub(crate) fn recorded_retry(&self) -> Result<Option<Box<RecordedRetry>>, InvalidOptions> {
        let Some(policy) = &self.retry else { return Ok(None) };
        if policy.condition().is_some() {
            return Err(InvalidOptions::ConditionOfActivities);
        }
        policy.check()?;
        Ok(Some(Box::new(policy.recorded())))
    }
}

/// Which errors of a child are retried.
pub(crate) type RetryChildIf = fn(&ChildError) -> bool;
