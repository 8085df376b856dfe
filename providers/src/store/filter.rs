//! Which instances a list has, and which page of it.

use std::ops::{Range, RangeBounds, RangeFrom, RangeTo};

use reenact_core::{AttributeValue, InstanceId, InvalidName, Name, Timestamp, ToInstanceId};

use super::{AttributeFilter, InstanceState, InstanceSummary};

/// Which instances to list or to count. Without a condition all pass.
///
/// ```
/// use reenact_providers::{InstanceFilter, InstanceState};
///
/// let failed = InstanceFilter::new().states([InstanceState::Failed]).name("order");
/// assert!(failed.check().is_ok());
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a filter does nothing until a list or a count gets it"]
#[non_exhaustive]
pub struct InstanceFilter {
    /// Only those in one of these states; all when empty.
    pub states: Vec<InstanceState>,
    /// Only those of this orchestration.
    pub name: Option<Name>,
    /// Only those whose id begins so.
    pub id_prefix: Option<String>,
    /// Only those that were started at such a time.
    pub created: TimeRange,
    /// Only those that have finished at such a time; with the default, unfinished ones as well.
    pub finished: TimeRange,
    /// Only those whose attributes meet all of these conditions.
    pub attributes: Vec<AttributeFilter>,
    invalid: Option<InvalidName>,
    invalid_attribute: Option<InvalidName>,
}

impl InstanceFilter {
    /// Lets all pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those in one of these states; all when there are none.
    pub fn states(mut self, states: impl IntoIterator<Item = InstanceState>) -> Self {
        self.states = states.into_iter().collect();
        self
    }

    /// Only those of the orchestration of this name. For a name that no orchestration can have, see
    /// [`check`](Self::check).
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        match Name::new(name) {
            Ok(name) => (self.name, self.invalid) = (Some(name), None),
            Err(invalid) => (self.name, self.invalid) = (None, Some(invalid)),
        }
        self
    }

    /// Only those whose id begins so.
    pub fn id_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.id_prefix = Some(prefix.into());
        self
    }

    /// Only those that were started at such a time: `from..until`, `from..` or `..until`.
    pub fn created(mut self, created: impl Into<TimeRange>) -> Self {
        self.created = created.into();
        self
    }

    /// Only those that have finished at such a time: `from..until`, `from..` or `..until`.
    pub fn finished(mut self, finished: impl Into<TimeRange>) -> Self {
        self.finished = finished.into();
        self
    }

    /// Only those with this [attribute](reenact_core::OrchestrationContext::set_attribute). Several conditions on
    /// attributes must all be met. For a name that no attribute can have, see [`check`](Self::check).
    ///
    /// ```
    /// use reenact_providers::InstanceFilter;
    ///
    /// let filter = InstanceFilter::new()
    ///     .attribute("customer", "ada")
    ///     .attribute_within("cents", 100..1_000)
    ///     .attribute_prefix("city", "Ber");
    /// assert_eq!(filter.attributes.len(), 3);
    /// ```
    pub fn attribute(self, name: impl AsRef<str>, value: impl Into<AttributeValue>) -> Self {
        self.with_attribute(AttributeFilter::equal(name, value))
    }

    /// Only those of which the attribute of this name has a value in a range: of numbers or times, for example
    /// `100..1_000` or `5.0..`. A range of one kind has no values of another: see [`AttributeFilter::within`].
    pub fn attribute_within<V: Clone + Into<AttributeValue>>(
        self,
        name: impl AsRef<str>,
        range: impl RangeBounds<V>,
    ) -> Self {
        self.with_attribute(AttributeFilter::within(name, range))
    }

    /// Only those of which the attribute of this name is a text that begins so.
    pub fn attribute_prefix(self, name: impl AsRef<str>, prefix: impl AsRef<str>) -> Self {
        self.with_attribute(AttributeFilter::prefix(name, prefix))
    }

    /// Only those that meet a condition on an attribute.
    pub fn with(mut self, condition: AttributeFilter) -> Self {
        self.attributes.push(condition);
        self
    }

    fn with_attribute(mut self, condition: Result<AttributeFilter, InvalidName>) -> Self {
        match condition {
            Ok(condition) => self.attributes.push(condition),
            Err(invalid) => self.invalid_attribute = Some(invalid),
        }
        self
    }

    /// Whether an orchestration and an attribute can have the names that were given. A store need not ask this: the
    /// one who calls a store has done so.
    ///
    /// # Errors
    /// [`InvalidName`] when none can.
    pub fn check(&self) -> Result<(), InvalidName> {
        let invalid = self.invalid.as_ref().or(self.invalid_attribute.as_ref());
        invalid.cloned().map_or(Ok(()), Err)
    }

    /// Whether an instance passes.
    pub fn matches(&self, summary: &InstanceSummary) -> bool {
        self.check().is_ok()
            && (self.states.is_empty() || self.states.contains(&summary.state))
            && self.name.as_ref().is_none_or(|name| *name == summary.name)
            && (self.id_prefix.as_ref())
                .is_none_or(|prefix| summary.instance.as_str().starts_with(prefix.as_str()))
            && self.created.contains(summary.created_at)
            && (self.finished.is_unlimited()
                || summary.state.is_finished() && self.finished.contains(summary.updated_at))
            && self.matches_attributes(summary)
    }

    /// Whether the attributes of an instance meet all conditions on them.
    pub(crate) fn matches_attributes(&self, summary: &InstanceSummary) -> bool {
        self.attributes.iter().all(|condition| condition.matches(summary))
    }
}

/// A range from one instant to another. The default has no ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant that is in it.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub until: Option<Timestamp>,
}

impl TimeRange {
    /// Whether an instant is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether every instant is in it.
    pub const fn is_unlimited(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

impl From<Range<Timestamp>> for TimeRange {
    fn from(range: Range<Timestamp>) -> Self {
        Self { from: Some(range.start), until: Some(range.end) }
    }
}

impl From<RangeFrom<Timestamp>> for TimeRange {
    fn from(range: RangeFrom<Timestamp>) -> Self {
        Self { from: Some(range.start), until: None }
    }
}

impl From<RangeTo<Timestamp>> for TimeRange {
    fn from(range: RangeTo<Timestamp>) -> Self {
        Self { from: None, until: Some(range.end) }
    }
}

/// Which page of a list: at first the first 100 instances.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until a list gets it"]
#[non_exhaustive]
pub struct PageRequest {
    /// Begin after this id; at the first one when `None`.
    pub after: Option<InstanceId>,
    /// The most instances of a page; 0 counts as 1.
    pub limit: usize,
    invalid: Option<InvalidName>,
}

impl PageRequest {
    /// The first 100 instances.
    pub const fn new() -> Self {
        Self { after: None, limit: 100, invalid: None }
    }

    /// Begins after this id: the [`next`](super::InstancePage::next) of the page before. For a text that is
    /// no id, see [`check`](Self::check).
    pub fn after(mut self, id: impl ToInstanceId) -> Self {
        match id.to_instance_id() {
            Ok(id) => (self.after, self.invalid) = (Some(id), None),
            Err(invalid) => (self.after, self.invalid) = (None, Some(invalid)),
        }
        self
    }

    /// The most instances of a page; 0 counts as 1.
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Whether what was given as an id is one. A store need not ask this: the one who calls a store has done so.
    ///
    /// # Errors
    /// [`InvalidName`] when it is not.
    pub fn check(&self) -> Result<(), InvalidName> {
        self.invalid.clone().map_or(Ok(()), Err)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use reenact_core::ExecutionId;

    use super::*;

    fn order_7() -> InstanceSummary {
        InstanceSummary {
            instance: InstanceId::new("order-7").expect("it is valid"),
            execution: ExecutionId::FIRST,
            name: Name::new("order").expect("it is valid"),
            state: InstanceState::Completed,
            created_at: at(10),
            updated_at: at(20),
            turns: 2,
            events: 5,
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        }
    }

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn what_is_not_asked_for_lets_all_pass() {
        assert!(InstanceFilter::new().matches(&order_7()));
        assert!(InstanceFilter::new().name("order").id_prefix("order-").matches(&order_7()));
        assert!(!InstanceFilter::new().name("orders").matches(&order_7()));
        assert!(!InstanceFilter::new().states([InstanceState::Failed]).matches(&order_7()));
    }

    #[test]
    fn a_time_is_given_as_a_range() {
        let passes = |filter: InstanceFilter| filter.matches(&order_7());
        assert!(passes(InstanceFilter::new().created(at(10)..at(11)).finished(at(20)..)));
        assert!(!passes(InstanceFilter::new().created(..at(10))));
        assert!(!passes(InstanceFilter::new().finished(at(21)..)));
    }

    #[test]
    fn a_name_that_nothing_can_have_lets_nothing_pass_and_is_reported_by_check() {
        let invalid = InstanceFilter::new().name("");
        assert!(!invalid.matches(&order_7()));
        assert_eq!(invalid.check(), Err(InvalidName::Empty { what: "the name" }));
        assert_eq!(invalid.name("order").check(), Ok(()));
        let invalid = PageRequest::new().after("a\nb");
        assert!(matches!(invalid.check(), Err(InvalidName::ControlCharacter { .. })));
        assert_eq!(invalid.after("order-7").check(), Ok(()));
    }
}
