//! Lists and counts over packs: what is not asked for is passed over without its blobs.

use reenact_core::{InstanceId, Name, Timestamp};
use rusqlite::Connection;

use super::packs::{COLUMNS, Pack};
use crate::local::sqlite::Failure;
use crate::{
    FirstByTime, InstanceCounts, InstanceFilter, InstanceState, InstanceSummary, TimeOrder,
    TimeRange,
};

/// Adds those of packs that pass the filter to the first `limit` after `after`, which are ordered by
/// id, and keeps them so.
pub(super) fn list(
    connection: &Connection,
    filter: &InstanceFilter,
    after: Option<&InstanceId>,
    limit: usize,
    found: &mut Vec<InstanceSummary>,
) -> Result<(), Failure> {
    if !may_have_any(filter) {
        return Ok(());
    }
    let after = after.map_or("", InstanceId::as_str);
    let prefix = filter.id_prefix.as_deref().unwrap_or("");
    let sql = format!(
        "SELECT {COLUMNS} FROM packs INDEXED BY packs_by_first
         WHERE last > ?1 AND last >= ?2 ORDER BY first"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut packs = statement.query_and_then([after, prefix], Pack::read)?;
    while let Some(pack) = packs.next().transpose()? {
        let precedes = |last: &InstanceSummary| last.instance.as_str() < pack.first.as_str();
        let has_enough = limit == 0 || found.get(limit - 1).is_some_and(precedes);
        // Nor does any that follows have what begins so.
        let is_past_prefix = pack.first.as_str() > prefix && !pack.first.starts_with(prefix);
        if has_enough || is_past_prefix {
            break;
        }
        if pack.fits(filter) == Fit::None {
            continue;
        }
        let members = pack.members(connection)?.into_iter().enumerate();
        let live = members.filter(|(slot, member)| {
            member.id().as_str() > after && !pack.is_gone(*slot) && filter.matches(member.summary())
        });
        found.extend(live.map(|(_, member)| member.archived.summary));
        found.sort_unstable_by(|a, b| a.instance.cmp(&b.instance));
        found.truncate(limit);
    }
    Ok(())
}

/// How many in packs pass the filter.
pub(super) fn count(connection: &Connection, filter: &InstanceFilter) -> Result<u64, Failure> {
    if !may_have_any(filter) {
        return Ok(0);
    }
    let sql = format!("SELECT {COLUMNS} FROM packs");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut packs = statement.query_and_then([], Pack::read)?;
    let mut count = 0;
    while let Some(pack) = packs.next().transpose()? {
        count += match pack.fits(filter) {
            Fit::None => 0,
            Fit::All => u64::from(pack.live),
            Fit::Some => pack.passing(connection, filter)?.count() as u64,
        };
    }
    Ok(count)
}

/// Counts those in packs that pass the filter.
pub(super) fn counts(
    connection: &Connection,
    filter: &InstanceFilter,
    counts: &mut InstanceCounts,
) -> Result<(), Failure> {
    if !may_have_any(filter) {
        return Ok(());
    }
    let sql = format!("SELECT {COLUMNS} FROM packs");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut packs = statement.query_and_then([], Pack::read)?;
    while let Some(pack) = packs.next().transpose()? {
        let name = pack.name.as_deref().and_then(|name| Name::new(name).ok());
        match (pack.fits(filter), name) {
            (Fit::None, _) => {}
            (Fit::All, Some(name)) => counts.add(&name, InstanceState::Completed, pack.live.into()),
            _ => pack.passing(connection, filter)?.for_each(|summary| counts.add_one(&summary)),
        }
    }
    Ok(())
}

/// Offers those of packs that pass the filter and are not to be skipped.
pub(super) fn list_by_time(
    connection: &Connection,
    filter: &InstanceFilter,
    skip: &dyn Fn(&InstanceId) -> bool,
    first: &mut FirstByTime,
) -> Result<(), Failure> {
    if !may_have_any(filter) {
        return Ok(());
    }
    let by = match first.order() {
        TimeOrder::OldestFirst => "finished_first",
        TimeOrder::NewestFirst => "finished_last DESC",
    };
    let sql = format!("SELECT {COLUMNS} FROM packs ORDER BY {by}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut packs = statement.query_and_then([], Pack::read)?;
    while let Some(pack) = packs.next().transpose()? {
        let best = match first.order() {
            TimeOrder::OldestFirst => pack.finished.0,
            TimeOrder::NewestFirst => pack.finished.1,
        };
        // Nor could any of the packs that follow.
        if !first.takes(Timestamp::from_micros(best)) {
            break;
        }
        if pack.fits(filter) != Fit::None {
            let passing = pack.passing(connection, filter)?;
            passing.filter(|summary| !skip(&summary.instance)).for_each(|s| first.offer(&s));
        }
    }
    Ok(())
}

/// Packs have completed instances only, without attributes.
fn may_have_any(filter: &InstanceFilter) -> bool {
    filter.attributes.is_empty()
        && (filter.states.is_empty() || filter.states.contains(&InstanceState::Completed))
}

/// How many of a pack pass a filter, as far as that is known without its blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    None,
    Some,
    All,
}

impl Fit {
    fn of_span(range: TimeRange, (first, last): (u64, u64)) -> Self {
        let (from, until) =
            (range.from.map(|at| at.as_micros()), range.until.map(|at| at.as_micros()));
        if from.is_some_and(|from| last < from) || until.is_some_and(|until| first >= until) {
            return Self::None;
        }
        match from.is_none_or(|from| from <= first) && until.is_none_or(|until| last < until) {
            true => Self::All,
            false => Self::Some,
        }
    }

    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, Self::All) => Self::All,
            (Self::Some, _) | (_, Self::Some) => Self::Some,
        }
    }
}

impl Pack {
    fn fits(&self, filter: &InstanceFilter) -> Fit {
        let of_name = match (&filter.name, &self.name) {
            (None, _) => Fit::All,
            (Some(_), None) => Fit::Some,
            (Some(wanted), Some(name)) if wanted.as_str() == name => Fit::All,
            (Some(_), Some(_)) => Fit::None,
        };
        let of_prefix = match filter.id_prefix.as_deref() {
            None => Fit::All,
            Some(prefix) if self.first.starts_with(prefix) && self.last.starts_with(prefix) => {
                Fit::All
            }
            Some(_) => Fit::Some,
        };
        let of_times = Fit::of_span(filter.created, self.created)
            .and(Fit::of_span(filter.finished, self.finished));
        of_name.and(of_prefix).and(of_times)
    }

    /// Those that pass the filter.
    fn passing<'a>(
        &'a self,
        connection: &Connection,
        filter: &'a InstanceFilter,
    ) -> Result<impl Iterator<Item = InstanceSummary> + use<'a>, Failure> {
        let members = self.members(connection)?.into_iter().enumerate();
        let there = members.filter(|(slot, _)| !self.is_gone(*slot));
        let summaries = there.map(|(_, member)| member.archived.summary);
        Ok(summaries.filter(|summary| filter.matches(summary)))
    }
}
