//! From a filter to a condition, and to the index that serves it.

use reenact_core::InstanceId;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::row::{self, stored};
use crate::local::sqlite::Failure;
use crate::store::KeyRange;
use crate::{AttributeFilter, InstanceFilter, InstanceState, InstanceSummary, TimeRange};

/// The most instances that have finished in a range of time and are sorted by id. More of them are so
/// dense among the others that going through all by id finds a page soon.
const MAX_SORTED: u32 = 10_000;

/// A `WHERE`, in parts that must all be true.
#[derive(Clone)]
pub(super) struct Selection {
    terms: Vec<String>,
    values: Vec<Value>,
    index: Index,
    /// What the index `finished` alone can tell, when the filter has such a range.
    finished: Option<String>,
}

/// The indices in which instances are ordered by id.
#[derive(Clone, Copy)]
enum Index {
    All,
    Running,
    Failed,
    Suspended,
    Parked,
}

impl Selection {
    /// `None` when nothing can pass.
    pub(super) fn of(filter: &InstanceFilter, after: Option<&InstanceId>) -> Option<Self> {
        let created = Times::of(filter.created)?;
        let finished = Times::of(filter.finished)?;
        let (terms, values) = (Vec::new(), Vec::new());
        let mut selection = Self { terms, values, index: Index::All, finished: None };
        selection.states(&filter.states);
        selection.ids(filter.id_prefix.as_deref().unwrap_or(""), after);
        if let Some(name) = &filter.name {
            selection.compare("name =", name.as_str());
        }
        selection.terms.extend(created.within("created_at"));
        if let Some(finished) = finished.within("updated_at") {
            if matches!(selection.index, Index::Running | Index::Suspended | Index::Parked) {
                return None;
            }
            // The first term is word for word what the index is limited to, or it is not used; it has
            // the suspended and the parked ones as well.
            selection.finished = Some(format!("state <> 0 AND +state < 5 AND {finished}"));
            selection.terms.extend(selection.finished.clone());
        }
        Some(selection)
    }

    /// As [`of`](Self::of), with all conditions on attributes: for a count.
    pub(super) fn of_all(filter: &InstanceFilter) -> Option<Self> {
        let mut selection = Self::of(filter, None)?;
        filter.attributes.iter().for_each(|condition| selection.require(condition));
        Some(selection)
    }

    /// The first `limit` that pass the filter, ordered by id.
    pub(super) fn list(
        &self,
        connection: &Connection,
        filter: &InstanceFilter,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, Failure> {
        let mut narrowed = self.clone();
        let is_narrow = narrowed.narrow(connection, &filter.attributes)?;
        let index = match is_narrow {
            // The few that have the attribute are sorted.
            true => "NOT INDEXED".to_owned(),
            false => format!("INDEXED BY {}", self.index_by_id(connection)?),
        };
        let most = match filter.attributes.is_empty() {
            true => i64::try_from(limit).unwrap_or(i64::MAX),
            false => i64::MAX,
        };
        let sql = format!(
            "SELECT {} FROM instances {index} WHERE {} ORDER BY id LIMIT {most}",
            row::COLUMNS,
            narrowed.condition()
        );
        let mut found = Vec::new();
        row::each(connection, &sql, narrowed.values(), |summary| {
            if filter.matches_attributes(&summary) && found.len() < limit {
                found.push(summary);
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    /// Those that are not running: for the index of their states, and for the index `finished`. `None` when nothing can
    /// pass.
    pub(super) fn of_others(filter: &InstanceFilter) -> Option<(Self, Self)> {
        let is_other = |state: &&InstanceState| **state != InstanceState::Running;
        let states: Vec<_> = filter.states.iter().filter(is_other).copied().collect();
        if states.is_empty() && !filter.states.is_empty() {
            return None;
        }
        let mut all = Self::of(&filter.clone().states([]), None)?;
        all.terms.push("state <> 0".to_owned());
        if !states.is_empty() {
            all.terms.push(is_one_of(&states));
        }
        Some((Self::of(&filter.clone().states(states), None)?, all))
    }

    /// The index of the states, if there are few enough in it to sort them all.
    pub(super) fn index_of_few(
        &self,
        connection: &Connection,
    ) -> Result<Option<&'static str>, Failure> {
        let (index, condition) = match self.index {
            Index::All | Index::Running => return Ok(None),
            Index::Failed => ("failed", "state >= 2"),
            Index::Suspended => ("suspended", "state = 5"),
            Index::Parked => ("parked", "state = 6"),
        };
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM instances INDEXED BY {index}
             WHERE {condition} LIMIT {MAX_SORTED})"
        );
        let count: u32 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok((count < MAX_SORTED).then_some(index))
    }

    /// Adds the condition on attributes that the fewest instances meet, if they are few enough to sort them: whether
    /// there is one.
    pub(super) fn narrow(
        &mut self,
        connection: &Connection,
        conditions: &[AttributeFilter],
    ) -> Result<bool, Failure> {
        let mut fewest: Option<(u32, &AttributeFilter)> = None;
        for condition in conditions {
            let (keys, values) = of_attribute(condition);
            let sql = format!("SELECT count(*) FROM (SELECT 1 {keys} LIMIT {MAX_SORTED})");
            let mut statement = connection.prepare_cached(&sql)?;
            let count = statement.query_row(params_from_iter(values), |row| row.get(0))?;
            if count < fewest.map_or(MAX_SORTED, |(count, _)| count) {
                fewest = Some((count, condition));
            }
        }
        if let Some((_, condition)) = fewest {
            self.require(condition);
        }
        Ok(fewest.is_some())
    }

    /// Adds a condition on an attribute.
    pub(super) fn require(&mut self, condition: &AttributeFilter) {
        let (keys, values) = of_attribute(condition);
        self.terms.push(format!("instance IN (SELECT instance {keys})"));
        self.values.extend(values);
    }

    /// The condition, with a question mark for each of the values.
    pub(super) fn condition(&self) -> String {
        if self.terms.is_empty() { "1".to_owned() } else { self.terms.join(" AND ") }
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// The index from which a page ordered by id comes soonest.
    pub(super) fn index_by_id(&self, connection: &Connection) -> Result<&'static str, Failure> {
        if let Some(finished) = &self.finished {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM instances INDEXED BY finished
                 WHERE {finished} LIMIT {MAX_SORTED})"
            );
            let count: u32 = connection.query_row(&sql, [], |row| row.get(0))?;
            if count < MAX_SORTED {
                return Ok("finished");
            }
        }
        Ok(match self.index {
            Index::All => "by_id",
            Index::Running => "running",
            Index::Failed => "failed",
            Index::Suspended => "suspended",
            Index::Parked => "parked",
        })
    }

    fn states(&mut self, states: &[InstanceState]) {
        if states.is_empty() {
            return;
        }
        let mut numbers: Vec<u8> = states.iter().map(|state| state.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        // Word for word what an index is limited to, or it is not used.
        if numbers == [0] {
            self.index = Index::Running;
            self.terms.push("state = 0".to_owned());
            return;
        }
        if numbers == [5] {
            self.index = Index::Suspended;
            self.terms.push("state = 5".to_owned());
            return;
        }
        if numbers == [6] {
            self.index = Index::Parked;
            self.terms.push("state = 6".to_owned());
            return;
        }
        if numbers.iter().all(|number| *number >= 2) {
            self.index = Index::Failed;
            self.terms.push("state >= 2".to_owned());
        }
        self.terms.push(is_one_of(states));
    }

    fn ids(&mut self, prefix: &str, after: Option<&InstanceId>) {
        if let Some(after) = after {
            self.compare("id >", after.as_str());
        }
        if !prefix.is_empty() {
            self.compare("id >=", prefix);
        }
        if let Some(end) = after_prefix(prefix) {
            self.compare("id <", &end);
        }
    }

    fn compare(&mut self, comparison: &str, value: &str) {
        self.terms.push(format!("{comparison} ?"));
        self.values.push(Value::Text(value.to_owned()));
    }
}

/// The entries of the index of attributes that meet a condition: a `FROM` with its values. An instance has one of them
/// at most.
fn of_attribute(condition: &AttributeFilter) -> (String, Vec<Value>) {
    let mut values = vec![Value::Text(condition.name().as_str().to_owned())];
    let ranges = condition.ranges().iter().map(|KeyRange { from, until }| {
        values.push(Value::Blob(from.clone()));
        values.extend(until.clone().map(Value::Blob));
        if until.is_some() { "key >= ? AND key < ?" } else { "key >= ?" }
    });
    let ranges: Vec<_> = ranges.collect();
    let ranges = if ranges.is_empty() { "0".to_owned() } else { ranges.join(" OR ") };
    (format!("FROM attributes WHERE name = ? AND ({ranges})"), values)
}

/// With a plus, or SQLite puts a single number in place of the column in all terms, and then sees no index that fits.
fn is_one_of(states: &[InstanceState]) -> String {
    let numbers: Vec<String> = states.iter().map(|state| state.number().to_string()).collect();
    format!("+state IN ({})", numbers.join(", "))
}

/// The first text after all those that begin so; `None` when there is none. The order of texts is
/// that of their characters' numbers, and so that of their bytes.
fn after_prefix(prefix: &str) -> Option<String> {
    let kept = prefix.trim_end_matches(char::MAX);
    let last = kept.chars().next_back()?;
    let next = match last {
        // There are no characters in between.
        '\u{d7ff}' => '\u{e000}',
        last => char::from_u32(u32::from(last) + 1)?,
    };
    Some(format!("{}{next}", &kept[..kept.len() - last.len_utf8()]))
}

/// The times of a range.
enum Times {
    All,
    /// The times from the first to the last.
    Between(u64, u64),
}

impl Times {
    /// `None` when there is no time in it.
    fn of(range: TimeRange) -> Option<Self> {
        if range.is_unlimited() {
            return Some(Self::All);
        }
        let first = range.from.map_or(0, |from| from.as_micros());
        let last = match range.until {
            Some(until) => until.as_micros().checked_sub(1)?,
            None => u64::MAX,
        };
        (first <= last).then_some(Self::Between(first, last))
    }

    /// The condition that a time is one of them; `None` when every one is.
    fn within(&self, column: &str) -> Option<String> {
        let Self::Between(first, last) = self else { return None };
        let (first, last) = (stored(*first), stored(*last));
        // What is 2^63 or more is stored below 0: a range that goes past it is in two parts.
        Some(if first <= last {
            format!("{column} BETWEEN {first} AND {last}")
        } else {
            format!("({column} >= {first} OR {column} <= {last})")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_prefix_is_the_first_text_that_does_not_begin_so() {
        assert_eq!(after_prefix("").as_deref(), None);
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{7f}").as_deref(), Some("a\u{80}"));
        assert_eq!(after_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(after_prefix("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10ffff}").as_deref(), None);
    }
}
