//! Reading the archive of a shard: look-ups, lists and counts over the tables of one manifest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId};

use super::counted::{Counted, counted, follows, missing_turns};
use super::manifest::Manifest;
use super::row::{Grown, Row};
use super::scan::{Merged, Pace, Rows, Start};
use super::shard_paths::{ShardPaths, Trouble};
use super::table::Table;
use crate::archive::{Archived, Stretch};
use crate::azure::port::Etag;
use crate::{FirstByTime, InstanceCounts, InstanceFilter, InstanceSummary, TimeOrder};

/// About how many bytes of a block the row of an instance takes.
const ROW_BYTES: u64 = 128;

/// A manifest, and the runs that it names.
#[derive(Debug)]
pub(super) struct View {
    pub(super) paths: Arc<ShardPaths>,
    pub(super) manifest: Manifest,
    /// `None`: there is no manifest yet.
    pub(super) etag: Option<Etag>,
    /// The runs, in the order of the manifest.
    pub(super) runs: Vec<Vec<Arc<Table>>>,
}

/// A row, and where it was found.
struct Found<'a> {
    run: usize,
    table: &'a Table,
    row: Row,
}

impl View {
    /// Takes the tables that are there already over from `known`.
    pub(super) fn new(
        paths: &Arc<ShardPaths>,
        manifest: Manifest,
        etag: Option<Etag>,
        known: impl IntoIterator<Item = Arc<Table>>,
    ) -> Self {
        let known: HashMap<u64, Arc<Table>> =
            known.into_iter().map(|table| (table.info.number, table)).collect();
        let table = |info: &super::manifest::TableInfo| match known.get(&info.number) {
            Some(known) if known.info == *info => Arc::clone(known),
            _ => Arc::new(Table::new(paths, info.clone(), None)),
        };
        let runs = manifest.runs.iter().map(|run| run.tables.iter().map(table).collect());
        let runs = runs.collect();
        Self { paths: Arc::clone(paths), manifest, etag, runs }
    }

    /// All tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.runs.iter().flatten()
    }

    /// Whether anything may be known under an id; seldom, nothing is.
    pub(super) fn may_have(&self, instance: &InstanceId) -> Result<bool, Trouble> {
        for run in &self.runs {
            if let Some(table) = spanning(run, instance)
                && table.may_have(instance)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The newest row of an instance.
    pub(super) fn newest(&self, instance: &InstanceId) -> Result<Option<Row>, Trouble> {
        Ok(self.find(0, instance)?.map(|found| found.row))
    }

    /// The newest rows of instances, which are in order: with few requests.
    pub(super) fn newest_of_all(
        &self,
        instances: &[&InstanceId],
    ) -> Result<Vec<Option<Row>>, Trouble> {
        let mut found: Vec<Option<Row>> = vec![None; instances.len()];
        for table in self.tables() {
            let info = &table.info;
            let start = instances.partition_point(|instance| **instance < info.first);
            let end = instances.partition_point(|instance| **instance <= info.last);
            let missing: Vec<usize> = (start..end).filter(|at| found[*at].is_none()).collect();
            if missing.is_empty() {
                continue;
            }
            let wanted: Vec<&InstanceId> = missing.iter().map(|at| instances[*at]).collect();
            for (at, row) in missing.into_iter().zip(table.find(&wanted)?) {
                found[at] = row;
            }
        }
        Ok(found)
    }

    /// The newest row of an instance in this run or an older one.
    fn find(&self, from: usize, instance: &InstanceId) -> Result<Option<Found<'_>>, Trouble> {
        for (run, tables) in self.runs.iter().enumerate().skip(from) {
            let Some(table) = spanning(tables, instance) else { continue };
            if let Some(row) = table.find(&[instance])?.pop().flatten() {
                return Ok(Some(Found { run, table, row }));
            }
        }
        Ok(None)
    }

    /// See [`Archive::read`](crate::archive::Archive::read).
    pub(super) fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, Trouble> {
        let parts = self.parts(instance, execution, from)?;
        let Some((_, newest)) = parts.first() else { return Ok(None) };
        let length = newest.end;
        if length == 0 {
            return Ok(None);
        }
        let mut turns = Vec::new();
        for (table, grown) in parts.iter().rev() {
            let left = limit - turns.len();
            if left > 0 && from < length {
                turns.extend(table.turns(grown, from + turns.len() as u64, left)?);
            }
        }
        Ok(Some(Stretch { turns, length }))
    }

    /// What there is of an execution, the newest part first, back to the one that has the turn `from`.
    fn parts(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
    ) -> Result<Vec<(&Table, Grown)>, Trouble> {
        let mut parts: Vec<(&Table, Grown)> = Vec::new();
        let mut run = 0;
        while let Some(found) = self.find(run, instance)? {
            let Found { table, row, .. } = found;
            if parts.is_empty() && row.oldest() > execution {
                return Ok(parts);
            }
            let here = row.executions().find(|grown| grown.summary.execution == execution);
            match (parts.last(), here) {
                (Some((_, newer)), Some(here)) if !follows(here, newer) => {
                    return Err(missing_turns(&self.paths, newer).into());
                }
                (Some((_, newer)), None) => return Err(missing_turns(&self.paths, newer).into()),
                (_, Some(here)) => parts.push((table, here.clone())),
                (None, None) => {}
            }
            let is_enough = parts.last().is_some_and(|(_, oldest)| oldest.first <= from);
            if is_enough || row.settles(execution) {
                break;
            }
            run = found.run + 1;
        }
        match parts.last() {
            Some((_, oldest)) if oldest.first > from => {
                Err(missing_turns(&self.paths, oldest).into())
            }
            _ => Ok(parts),
        }
    }

    /// The executions of an instance, in their order.
    pub(super) fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, Trouble> {
        let (mut rows, mut run, mut oldest) = (Rows::new(), 0, ExecutionId(0));
        while let Some(found) = self.find(run, instance)? {
            run = found.run + 1;
            oldest = oldest.max(found.row.oldest());
            let is_last = found.row.settles(oldest);
            rows.push((found.run, found.row));
            if is_last {
                break;
            }
        }
        if rows.first().is_none_or(|(_, newest)| newest.grown.is_none()) {
            return Ok(Vec::new());
        }
        let Counted { executions, .. } = counted(&self.paths, &rows, true)?;
        let newest_parts = executions.iter().rev().filter_map(|parts| parts.first());
        let archived = newest_parts
            .map(|(_, grown)| Archived { summary: grown.summary.clone(), length: grown.end });
        Ok(archived.collect())
    }

    /// The first `limit` instances after `after`, and up to `until`, that pass the filter.
    pub(super) fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        until: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, Trouble> {
        let mut listed = Vec::new();
        if limit == 0 {
            return Ok(listed);
        }
        let most = self.paths.options.stretch_bytes;
        let first = ROW_BYTES.saturating_mul(limit as u64).min(most);
        let pace = Pace { first, most, keep: true };
        self.each(filter, after, pace, |summary| {
            if until.is_some_and(|until| summary.instance > *until) {
                return false;
            }
            listed.push(summary);
            listed.len() < limit
        })?;
        Ok(listed)
    }

    /// How many instances pass the filter.
    pub(super) fn count(&self, filter: &InstanceFilter) -> Result<u64, Trouble> {
        let mut count = 0;
        self.all(filter, |_| count += 1)?;
        Ok(count)
    }

    /// How many instances pass the filter, by orchestration and state.
    pub(super) fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, Trouble> {
        let mut counts = InstanceCounts::default();
        self.all(filter, |summary| counts.add_one(&summary))?;
        Ok(counts)
    }

    /// The first `limit` instances by time that pass the filter and are not to be skipped.
    pub(super) fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
        skip: &dyn Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceSummary>, Trouble> {
        let mut first = FirstByTime::new(order, limit);
        self.all(filter, |summary| {
            if first.takes(summary.updated_at) && !skip(&summary.instance) {
                first.offer(&summary);
            }
        })?;
        Ok(first.into_list())
    }

    /// Shows all that pass the filter. Going through everything is not to take the place of what is asked for often.
    fn all(
        &self,
        filter: &InstanceFilter,
        mut show: impl FnMut(InstanceSummary),
    ) -> Result<(), Trouble> {
        let most = self.paths.options.stretch_bytes;
        self.each(filter, None, Pace { first: most, most, keep: false }, |summary| {
            show(summary);
            true
        })
    }

    /// Shows what passes the filter, by id, until that is enough.
    fn each(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        pace: Pace,
        mut show: impl FnMut(InstanceSummary) -> bool,
    ) -> Result<(), Trouble> {
        let prefix = filter.id_prefix.as_deref().unwrap_or("");
        let start = match after.map(InstanceId::as_str) {
            Some(after) if after >= prefix => Start { text: after, included: false },
            _ => Start { text: prefix, included: true },
        };
        let mut merged = Merged::new(&self.runs, start, pace)?;
        while let Some(rows) = merged.next()? {
            let Some((_, Row { instance, grown, .. })) = rows.into_iter().next() else { continue };
            // What begins so comes all in a row.
            if !instance.as_str().starts_with(prefix) {
                break;
            }
            let summary = grown.map(|grown| grown.summary);
            if let Some(summary) = summary.filter(|summary| filter.matches(summary))
                && !show(summary)
            {
                break;
            }
        }
        Ok(())
    }

    /// The instances that have a `wake_at`.
    pub(super) fn to_wake(&self) -> Result<Vec<InstanceSummary>, Trouble> {
        let mut seen = HashSet::new();
        let mut waking = Vec::new();
        for table in self.tables() {
            for (instance, summary) in table.wakes()? {
                if seen.insert(instance) {
                    waking.extend(summary);
                }
            }
        }
        Ok(waking)
    }
}

/// The table of a run that can have an id, if there is one.
pub(super) fn spanning<'a>(run: &'a [Arc<Table>], instance: &InstanceId) -> Option<&'a Table> {
    let at = run.partition_point(|table| table.info.last < *instance);
    run.get(at).map(|table| &**table).filter(|table| table.spans(instance))
}
