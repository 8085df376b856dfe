//! Taking over a part of a journal.

use std::collections::HashSet;
use std::sync::Arc;

use reenact_core::InstanceId;

use super::build::{Builder, Built};
use super::lsm_tree::{LsmTree, Writing};
use super::manifest::{Manifest, Run};
use super::row::{Grown, Row};
use super::shard_paths::{ShardPaths, Trouble, corrupt_instance};
use super::table::Table;
use super::view::View;
use crate::ProviderError;
use crate::archive::{Change, Growth, Part, TurnRun};
use crate::azure::port::Only;

impl LsmTree {
    /// All of a part or nothing: one write of a run, and one of the manifest. Whether it was not there
    /// already.
    pub(super) fn absorb(
        &self,
        writing: &mut Writing,
        part: &Part<'_>,
    ) -> Result<bool, ProviderError> {
        let base = self.base(writing)?;
        if base.manifest.position == part.end {
            return Ok(false);
        }
        if !part.changes.is_sorted_by(|(a, _), (b, _)| a < b) {
            let reason = "the changes of a part are not in the order of their ids".to_owned();
            return Err(ProviderError::Conflict { reason });
        }
        if is_archived(&base.manifest, part) {
            // Another owner has archived more of this journal.
            return Err(ProviderError::Fenced { shard: part.shard });
        }
        if !part.changes.is_empty() {
            self.survey(writing)?;
        }
        let begins = match check(&base, part) {
            Ok(begins) => begins,
            Err(trouble) => return Err(self.of_base(writing, trouble)),
        };
        let built = build(&self.paths, writing.number(), part, &begins);
        let table = built.map(|built| self.put(writing, built)).transpose()?;
        let run = table.as_ref().map(|table| Run { level: 0, tables: vec![table.info.clone()] });
        let committed = self.commit(writing, table.as_slice(), |before| {
            // An earlier try may have come so far after all.
            (before.position != part.end).then(|| {
                let runs = run.iter().chain(&before.runs).cloned().collect();
                Manifest { position: part.end, runs, ..before.clone() }
            })
        });
        if !matches!(committed, Ok(true)) {
            writing.litter = None;
        }
        committed
    }

    /// Writes a table, which nobody sees before a manifest names it.
    pub(super) fn put(
        &self,
        writing: &mut Writing,
        built: Built,
    ) -> Result<Arc<Table>, ProviderError> {
        let Built { info, index, bytes } = built;
        let name = self.paths.run(info.number);
        match self.paths.blob_store.put(&name, bytes, &Only::IfNew) {
            Ok(_) => Ok(Arc::new(Table::new(&self.paths, info, Some(index)))),
            Err(error) => {
                // It may be there all the same, or another's is.
                writing.litter = None;
                Err(match error {
                    ProviderError::Conflict { reason } => {
                        self.check_owner(writing)?;
                        unavailable(reason)
                    }
                    ProviderError::Unknown { reason, .. } => unavailable(reason),
                    error => error,
                })
            }
        }
    }

    /// Looks which tables there are, when some may be that no manifest names: new ones get numbers
    /// after all of them.
    pub(super) fn survey(&self, writing: &mut Writing) -> Result<(), ProviderError> {
        if writing.litter.is_some() {
            return Ok(());
        }
        let names = self.paths.blob_store.list(&self.paths.runs())?;
        let numbers = names.iter().filter_map(|name| self.paths.number_of(name));
        let next = numbers.max().map_or(0, |last| last.saturating_add(1));
        writing.next = writing.next.max(next);
        writing.litter = Some(names);
        Ok(())
    }

    /// Removes what was found and is worthless, once a manifest of our own is written: what it does
    /// not name and has a lower number than what it allows nobody will ever name.
    pub(super) fn sweep(&self, writing: &mut Writing) -> Result<(), ProviderError> {
        let Some(litter) = writing.litter.take() else { return Ok(()) };
        let base = self.base(writing)?;
        let named: HashSet<u64> = base.manifest.tables().map(|info| info.number).collect();
        let is_worthless = |name: &String| {
            let number = self.paths.number_of(name);
            number.is_some_and(|number| number < base.manifest.next && !named.contains(&number))
        };
        for name in litter.iter().filter(|name| is_worthless(name)) {
            self.paths.blob_store.delete(name)?;
        }
        writing.litter = Some(Vec::new());
        Ok(())
    }
}

/// Whether a part is of what is in the archive already, and not the last part that it took over.
fn is_archived(manifest: &Manifest, part: &Part<'_>) -> bool {
    let there = manifest.position.sequence;
    // What holds no commits can end where the last one did, in the next segment.
    part.end.sequence < there || part.end.sequence == there && !part.changes.is_empty()
}

/// Which rows a part gets: of each change whether nothing older is under its id; `None` when it needs
/// no row.
type Begins = Vec<Option<bool>>;

/// Looks whether a part follows on what is there. What is new costs nothing.
fn check(base: &View, part: &Part<'_>) -> Result<Begins, Trouble> {
    let mut may_be_there = Vec::with_capacity(part.changes.len());
    let mut asked = Vec::new();
    for (instance, change) in &part.changes {
        let may = base.may_have(instance)?;
        may_be_there.push(may);
        if may && matches!(change, Change::Grown(growth) if !growth.starts_anew) {
            asked.push(*instance);
        }
    }
    let mut found = asked.iter().zip(base.newest_of_all(&asked)?).peekable();
    let mut begins = Begins::with_capacity(part.changes.len());
    for ((instance, change), may) in part.changes.iter().zip(may_be_there) {
        let row = found.next_if(|(asked, _)| *asked == instance).map(|(_, row)| row);
        begins.push(match change {
            Change::Purged => may.then_some(false),
            Change::Grown(growth) => {
                let there = row.as_ref().and_then(Option::as_ref);
                check_growth(&base.paths, instance, growth, there)?;
                Some(if row.is_some() { there.is_none() } else { !may })
            }
        });
    }
    Ok(begins)
}

/// An error unless an instance grows by what follows on what is there.
fn check_growth(
    paths: &ShardPaths,
    instance: &InstanceId,
    growth: &Growth,
    there: Option<&Row>,
) -> Result<(), ProviderError> {
    let execution = growth.run.execution;
    let corrupt = |reason| Err(corrupt_instance(paths, instance, execution, reason));
    if growth.summary.execution != execution {
        let newest = growth.summary.execution.0;
        return corrupt(format!("the newest one is to be {newest}"));
    }
    if growth.summary.instance != *instance {
        return corrupt(format!("its summary is that of {}", growth.summary.instance));
    }
    let there = there.and_then(|row| row.grown.as_ref());
    let earlier = growth.earlier.runs.iter().map(|earlier| &earlier.run);
    earlier.chain([&growth.run]).try_for_each(|run| check_run(paths, instance, run, there))
}

/// An error unless turns follow on what is there, or are the first ones of an execution after that.
fn check_run(
    paths: &ShardPaths,
    instance: &InstanceId,
    run: &TurnRun,
    there: Option<&Grown>,
) -> Result<(), ProviderError> {
    let TurnRun { execution, first, .. } = *run;
    let corrupt = |reason| Err(corrupt_instance(paths, instance, execution, reason));
    let expected = match there {
        Some(there) if there.summary.execution == execution => there.end,
        Some(there) if there.summary.execution > execution => {
            let newest = there.summary.execution.0;
            return corrupt(format!("the execution {newest} has taken its place"));
        }
        _ => 0,
    };
    if first != expected {
        return corrupt(format!("the turn {expected} was to come, not {first}"));
    }
    Ok(())
}

/// The run of a part; `None` when it has no rows.
fn build(paths: &ShardPaths, number: u64, part: &Part<'_>, begins: &Begins) -> Option<Built> {
    let mut builder = Builder::new(paths, number);
    for ((instance, change), begins) in part.changes.iter().zip(begins) {
        match (change, begins) {
            (_, None) => {}
            (Change::Purged, Some(_)) => builder.purged((*instance).clone()),
            (Change::Grown(growth), Some(begins)) => {
                builder.grown(*begins, &growth.summary, &growth.run, &growth.earlier);
            }
        }
    }
    builder.finish()
}

fn unavailable(reason: String) -> ProviderError {
    ProviderError::Unavailable { reason, source: None }
}
