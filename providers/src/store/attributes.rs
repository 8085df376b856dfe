//! Conditions on attributes, and the order of their values.

use std::ops::{Bound, RangeBounds};

use reenact_core::{AttributeValue, InvalidName, Name};

use super::InstanceSummary;

/// A condition that an attribute must meet: that it is there, and has a value in one of some ranges.
///
/// Values of different kinds are never equal, and none is less than the other: a range of integers has no floats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeFilter {
    name: Name,
    ranges: Vec<KeyRange>,
    /// How people have written it.
    written: Option<String>,
}

/// A range of [keys](key) in the order of their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// The first key that is in it.
    pub(crate) from: Vec<u8>,
    /// The first key after it; `None` when there is none.
    pub(crate) until: Option<Vec<u8>>,
}

impl AttributeFilter {
    /// The attribute has this value.
    ///
    /// # Errors
    /// [`InvalidName`]: no attribute can have the name.
    pub fn equal(
        name: impl AsRef<str>,
        value: impl Into<AttributeValue>,
    ) -> Result<Self, InvalidName> {
        let value = value.into();
        Self::within::<AttributeValue>(name, &value..=&value)
    }

    /// The attribute has a value in a range, which has an end at least. Numbers and times are in their order, texts in
    /// that of the numbers of their characters, `false` is before `true`.
    ///
    /// # Errors
    /// [`InvalidName`]: no attribute can have the name.
    pub fn within<V: Clone + Into<AttributeValue>>(
        name: impl AsRef<str>,
        range: impl RangeBounds<V>,
    ) -> Result<Self, InvalidName> {
        let key = |value: &V| key(&value.clone().into());
        let kind = |value: &V| kind(&value.clone().into());
        let (start, end) = (range.start_bound(), range.end_bound());
        let from = match (start, end) {
            (Bound::Included(value), _) => key(value),
            (Bound::Excluded(value), _) => after(key(value)),
            (Bound::Unbounded, Bound::Included(value) | Bound::Excluded(value)) => {
                vec![kind(value)]
            }
            (Bound::Unbounded, Bound::Unbounded) => Vec::new(),
        };
        let until = match (end, start) {
            (Bound::Included(value), _) => Some(after(key(value))),
            (Bound::Excluded(value), _) => Some(key(value)),
            (Bound::Unbounded, Bound::Included(value) | Bound::Excluded(value)) => {
                Some(vec![kind(value) + 1])
            }
            (Bound::Unbounded, Bound::Unbounded) => None,
        };
        Ok(Self { name: Name::new(name)?, ranges: vec![KeyRange { from, until }], written: None })
    }

    /// The attribute is a text that begins so.
    ///
    /// # Errors
    /// [`InvalidName`]: no attribute can have the name.
    pub fn prefix(name: impl AsRef<str>, prefix: impl AsRef<str>) -> Result<Self, InvalidName> {
        let from = key(&AttributeValue::from(prefix.as_ref()));
        let mut until = from.clone();
        // No byte of a text, nor the kind, is the last one that there is.
        if let Some(last) = until.last_mut() {
            *last += 1;
        }
        Ok(Self {
            name: Name::new(name)?,
            ranges: vec![KeyRange { from, until: Some(until) }],
            written: None,
        })
    }

    /// Either of two conditions on the same attribute. The name is that of this one.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.ranges.extend(other.ranges);
        self
    }

    /// Keeps the text that it was read from.
    #[must_use]
    pub fn as_written(mut self, text: impl Into<String>) -> Self {
        self.written = Some(text.into());
        self
    }

    /// The text that it was read from, if it was.
    pub fn written(&self) -> Option<&str> {
        self.written.as_deref()
    }

    /// The attribute.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    #[cfg(feature = "local")]
    pub(crate) fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    /// Whether an instance meets it.
    pub fn matches(&self, summary: &InstanceSummary) -> bool {
        let value = summary.attributes.get(self.name.as_str());
        value.map(key).is_some_and(|key| self.ranges.iter().any(|range| range.contains(&key)))
    }
}

impl KeyRange {
    fn contains(&self, key: &[u8]) -> bool {
        *self.from <= *key && self.until.as_ref().is_none_or(|until| *key < **until)
    }
}

/// The number of a kind of values, in keys and in stored forms. Never changed; new ones get new numbers.
pub(crate) const fn kind(value: &AttributeValue) -> u8 {
    match value {
        AttributeValue::Bool(_) => 1,
        AttributeValue::Integer(_) => 2,
        AttributeValue::Float(_) => 3,
        AttributeValue::Timestamp(_) => 4,
        AttributeValue::Text(_) => 5,
    }
}

/// Bytes that have the order of the values of a kind, after the number of the kind.
pub(crate) fn key(value: &AttributeValue) -> Vec<u8> {
    /// The sign of a number: with it the other way round, negative numbers come first.
    const SIGN: u64 = 1 << 63;
    let number = match value {
        AttributeValue::Text(text) => return [&[kind(value)], text.as_bytes()].concat(),
        AttributeValue::Bool(is_so) => return vec![kind(value), u8::from(*is_so)],
        AttributeValue::Integer(number) => number.cast_unsigned() ^ SIGN,
        AttributeValue::Float(number) => match number.to_bits() {
            negative if negative & SIGN != 0 => !negative,
            positive => positive ^ SIGN,
        },
        AttributeValue::Timestamp(at) => at.as_micros(),
    };
    [&[kind(value)][..], &number.to_be_bytes()].concat()
}

/// The first key after this one.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

#[cfg(test)]
mod tests {
    use reenact_core::Timestamp;

    use super::*;

    #[test]
    fn keys_have_the_order_of_values() {
        let at = |micros| AttributeValue::from(Timestamp::from_micros(micros));
        let values: [AttributeValue; 21] = [
            false.into(),
            true.into(),
            i64::MIN.into(),
            (-1).into(),
            0.into(),
            1.into(),
            i64::MAX.into(),
            f64::NEG_INFINITY.into(),
            (-1.5).into(),
            (-1.0).into(),
            0.0.into(),
            1e-300.into(),
            1.5.into(),
            f64::INFINITY.into(),
            at(0),
            at(1 << 40),
            at(u64::MAX),
            "".into(),
            "a".into(),
            "ab".into(),
            "é".into(),
        ];
        let keys: Vec<_> = values.iter().map(key).collect();
        assert!(keys.is_sorted_by(|one, other| one < other), "{keys:?}");
    }

    #[test]
    fn a_range_has_its_ends_as_they_are_written_and_no_other_kind() {
        let has = |filter: Result<AttributeFilter, _>, value: AttributeValue| {
            filter.expect("a name").ranges[0].contains(&key(&value))
        };
        let within = |range: (Bound<i64>, Bound<i64>)| AttributeFilter::within("n", range);
        use Bound::{Excluded, Included, Unbounded};
        for (range, inside, outside) in [
            ((Included(1), Included(3)), vec![1, 3], vec![0, 4]),
            ((Excluded(1), Excluded(3)), vec![2], vec![1, 3]),
            ((Unbounded, Excluded(1)), vec![i64::MIN, 0], vec![1, i64::MAX]),
            ((Excluded(-1), Unbounded), vec![0, i64::MAX], vec![-1, i64::MIN]),
        ] {
            assert!(inside.into_iter().all(|n| has(within(range), n.into())), "{range:?}");
            assert!(!outside.into_iter().any(|n| has(within(range), n.into())), "{range:?}");
            assert!(!has(within(range), 1.5.into()) && !has(within(range), true.into()));
        }
        assert!(has(AttributeFilter::within::<i64>("n", ..), "any".into()));
        let prefix = || AttributeFilter::prefix("n", "ad");
        assert!(has(prefix(), "ad".into()) && has(prefix(), "ada".into()));
        assert!(!has(prefix(), "ae".into()) && !has(prefix(), "a".into()));
        let all = || AttributeFilter::prefix("n", "");
        assert!(has(all(), "".into()) && has(all(), "\u{10ffff}".into()) && !has(all(), 1.into()));
    }
}
