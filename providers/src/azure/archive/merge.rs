//! Merging runs, so that there are never many, and what nobody can see takes no room.

use std::ops::Range;
use std::sync::Arc;

use super::build::Builder;
use super::counted::{Counted, Part, counted};
use super::lsm_tree::{LsmTree, Writing};
use super::manifest::{Manifest, Run};
use super::row::Grown;
use super::scan::{Merged, Pace, Rows, Start};
use super::shard_paths::{ShardPaths, Trouble};
use super::table::{Table, TurnsReader};
use super::view::{View, spanning};
use crate::ProviderError;
use crate::archive::{Earlier, EarlierRun, TurnRun};

impl LsmTree {
    /// Merges levels until none has too many runs, or there is no time for that any more.
    pub(super) fn merge_what_is_due(
        &self,
        writing: &mut Writing,
        has_time: &dyn Fn() -> bool,
    ) -> Result<(), ProviderError> {
        while has_time() {
            let base = self.base(writing)?;
            let Some(due) = due(&base.manifest, self.paths.options.runs_per_level) else {
                return Ok(());
            };
            self.survey(writing)?;
            if let Err(trouble) = self.merge(writing, &base, due, has_time) {
                writing.litter = None;
                return Err(self.of_base(writing, trouble));
            }
            if has_time() {
                self.sweep(writing)?;
            }
        }
        Ok(())
    }

    /// Puts one run in the place of several that follow on each other, if there is time for that.
    fn merge(
        &self,
        writing: &mut Writing,
        base: &View,
        runs: Range<usize>,
        has_time: &dyn Fn() -> bool,
    ) -> Result<(), Trouble> {
        let replaced = base.manifest.runs[runs.clone()].to_vec();
        let Some(tables) = self.write_merged(writing, base, runs, has_time)? else {
            // What was written so far is worthless.
            writing.litter = None;
            return Ok(());
        };
        let level = replaced.first().map_or(0, |run| run.level) + 1;
        let infos: Vec<_> = tables.iter().map(|table| table.info.clone()).collect();
        let run = (!infos.is_empty()).then_some(Run { level, tables: infos });
        let committed = self.commit(writing, &tables, |before| {
            let at = before.runs.windows(replaced.len()).position(|runs| *runs == replaced)?;
            let mut runs = before.runs.clone();
            runs.splice(at..at + replaced.len(), run.clone());
            Some(Manifest { runs, ..before.clone() })
        })?;
        if !committed {
            // An earlier try has come so far after all; what this one has written is worthless.
            writing.litter = None;
            return Ok(());
        }
        let names = replaced.iter().flat_map(|run| &run.tables);
        let names = names.map(|info| self.paths.run(info.number));
        writing.litter.get_or_insert_default().extend(names);
        Ok(())
    }

    /// Writes what is left of some runs, in tables; `None` when there was no time for all.
    fn write_merged(
        &self,
        writing: &mut Writing,
        base: &View,
        runs: Range<usize>,
        has_time: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Arc<Table>>>, Trouble> {
        let is_lowest = runs.end == base.runs.len();
        let runs = &base.runs[runs];
        let most = self.paths.options.stretch_bytes;
        let pace = Pace { first: most, most, keep: false };
        let mut rows = Merged::new(runs, Start { text: "", included: true }, pace)?;
        let mut sources = Sources { paths: &self.paths, runs, readers: Vec::new() };
        sources.readers.resize_with(runs.len(), || None);
        let mut tables = Vec::new();
        let mut builder = Builder::new(&self.paths, writing.number());
        while let Some(rows) = rows.next()? {
            if !has_time() {
                return Ok(None);
            }
            sources.add(&mut builder, &rows, is_lowest)?;
            if builder.bytes() >= self.paths.options.table_bytes {
                let next = Builder::new(&self.paths, writing.number());
                let full = std::mem::replace(&mut builder, next).finish();
                tables.extend(full.map(|built| self.put(writing, built)).transpose()?);
            }
        }
        tables.extend(builder.finish().map(|built| self.put(writing, built)).transpose()?);
        Ok(Some(tables))
    }
}

/// The runs of the first level that has too many.
pub(super) fn due(manifest: &Manifest, most: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for level in manifest.runs.chunk_by(|a, b| a.level == b.level) {
        if level.len() > most {
            return Some(start..start + level.len());
        }
        start += level.len();
    }
    None
}

/// Runs that are merged.
struct Sources<'a> {
    paths: &'a ShardPaths,
    runs: &'a [Vec<Arc<Table>>],
    /// The table of each run that is read from.
    readers: Vec<Option<(&'a Table, TurnsReader<'a>)>>,
}

impl Sources<'_> {
    /// Adds what is left of an instance. What is purged or replaced must be written only as long as
    /// something older may be there.
    fn add(&mut self, builder: &mut Builder, rows: &Rows, is_lowest: bool) -> Result<(), Trouble> {
        let (Some((_, newest)), Some((_, oldest))) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        let begins = is_lowest || oldest.begins;
        let Some(grown) = &newest.grown else {
            if !begins {
                builder.purged(newest.instance.clone());
            }
            return Ok(());
        };
        let Counted { oldest, executions } = counted(self.paths, rows, begins)?;
        let mut runs = Vec::with_capacity(executions.len());
        for parts in executions.iter().rev() {
            runs.extend(self.join(parts)?);
        }
        // There is one, as the instance has grown.
        let Some(EarlierRun { run, .. }) = runs.pop() else { return Ok(()) };
        let earlier = Earlier { oldest: Some(oldest), runs };
        builder.grown(begins, &grown.summary, &run, &earlier);
        Ok(())
    }

    /// The turns of an execution, of which there are these parts, newest first.
    fn join(&mut self, parts: &[Part<'_>]) -> Result<Option<EarlierRun>, Trouble> {
        let (Some((_, newest)), Some((_, oldest))) = (parts.first(), parts.last()) else {
            return Ok(None);
        };
        let mut turns = Vec::new();
        for (run, grown) in parts.iter().rev() {
            self.read(*run, grown, &mut turns)?;
        }
        let summary = newest.summary.clone();
        let run = TurnRun { execution: summary.execution, first: oldest.first, turns };
        Ok(Some(EarlierRun { summary, run }))
    }

    /// Reads the turns of a row.
    fn read(
        &mut self,
        run: usize,
        grown: &Grown,
        turns: &mut Vec<Arc<[u8]>>,
    ) -> Result<(), Trouble> {
        let Some(table) = spanning(&self.runs[run], &grown.summary.instance) else {
            return Ok(());
        };
        let stretch = self.paths.options.turns_stretch_bytes;
        let reader = match &mut self.readers[run] {
            Some((of, reader)) if of.info.number == table.info.number => reader,
            other => &mut other.insert((table, TurnsReader::new(table, stretch))).1,
        };
        for place in grown.places() {
            let chunk = reader.read(place.offset, place.bytes)?;
            let decoded = table.decode_turns(&grown.summary, place, chunk)?;
            turns.extend(decoded.into_iter().map(Arc::from));
        }
        Ok(())
    }
}
