//! Brings what was exported into a store on which no host works.

use std::io::BufRead;
use std::sync::Arc;

use reenact_core::InstanceId;
use reenact_providers::{HistoryStore, Provider};

use super::append::{Appender, found, summary_of_part};
use super::format::Checksum;
use super::holding::Holding;
use super::{Progress, Reader, Stage, TransferError, TransferredInstance};
use crate::access::{Access, Writable};

/// How an export is imported.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing until something is imported with them"]
pub struct ImportOptions {
    even_if_hosts_worked: bool,
}

impl ImportOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also imports what was exported while hosts may have worked. Instances that send each other messages may
    /// wait for each other for ever then.
    pub const fn even_if_hosts_worked(mut self) -> Self {
        self.even_if_hosts_worked = true;
        self
    }
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Instances that were brought into the store.
    pub imported: u64,
    /// Instances that were there already, the same.
    pub already_there: u64,
    /// Turns of both.
    pub turns: u64,
}

/// Brings all instances of an export into a store, with their ids, histories, timers and all that they have yet to
/// send. The store may have another number of shards, and instances of its own. `progress` is called after each
/// instance, and again as each is read back at the end and compared.
///
/// No host may work on the store: its shards are acquired, and given up at the end. Each instance is checked
/// before anything of it is written, and becomes visible as a whole, or, if it is larger than one append takes,
/// as one that is [importing](reenact_providers::InstanceState::Importing) until it is whole. After an error import the same again: what is there already is
/// passed over.
///
/// Reading blocks the thread. Cancelled, it has imported some instances as a whole; the shards become free when
/// the provider is dropped, or after the time of a lease.
///
/// # Errors
/// Any [`TransferError`] but `Unwritable`.
pub async fn import(
    from: impl BufRead + Send,
    provider: &dyn Provider,
    options: ImportOptions,
    progress: impl FnMut(&Progress) + Send,
) -> Result<Imported, TransferError> {
    let reader = Reader::new(from)?;
    check(&reader, options)?;
    let holding = Holding::acquire(provider.leases(), provider.shards()).await?;
    let appender = Appender::new(provider.histories(), provider.shards(), holding);
    Import::new(provider.histories(), appender, &reader, progress).run(reader).await
}

/// As [`import`], into the store of a client: that of a [dormant](crate::HostOptions::dormant) host, or one that hosts
/// share, while none of them works. Nothing of it begins before a host with the code starts. Commands of others
/// are taken meanwhile, but for an instance of which a part is there.
///
/// Cancelled, it has imported some instances as a whole.
///
/// # Errors
/// Any [`TransferError`] but `Unwritable`: [`InUse`](TransferError::InUse) when a host works on the store, and
/// [`Error::ReadOnly`](crate::Error::ReadOnly) in `Store` for a client that only reads.
pub async fn import_by(
    from: impl BufRead + Send,
    access: &Access,
    options: ImportOptions,
    progress: impl FnMut(&Progress) + Send,
) -> Result<Imported, TransferError> {
    let holding = match access.writable()? {
        Writable::Free(leases) => Holding::acquire(leases, access.shard_count()).await?,
        Writable::OfDormant(host) => Holding::OfDormant(host),
        Writable::OfWorking => {
            let reason = "it would run what is there before the rest has come, and an instance \
                          that waits for another one could start that anew";
            return Err(TransferError::InUse { reason: reason.to_owned() });
        }
    };
    let appender = Appender::new(access.shared_histories(), access.shard_count(), holding);
    let begun = Reader::new(from).and_then(|reader| check(&reader, options).map(|()| reader));
    match begun {
        Ok(reader) => {
            let import = Import::new(access.shared_histories(), appender, &reader, progress);
            import.run(reader).await
        }
        Err(error) => {
            appender.release().await;
            Err(error)
        }
    }
}

/// Refuses what hosts may have changed while it was written.
fn check<R: BufRead>(reader: &Reader<R>, options: ImportOptions) -> Result<(), TransferError> {
    match reader.header().at_rest || options.even_if_hosts_worked {
        true => Ok(()),
        false => Err(TransferError::NotAtRest),
    }
}

struct Import<P> {
    histories: Arc<dyn HistoryStore>,
    appender: Appender,
    progress: P,
    done: Progress,
    /// What was imported, with its checksum.
    new: Vec<(InstanceId, String)>,
}

impl<P: FnMut(&Progress) + Send> Import<P> {
    fn new<R: BufRead>(
        histories: Arc<dyn HistoryStore>,
        appender: Appender,
        reader: &Reader<R>,
        progress: P,
    ) -> Self {
        let done = Progress { of: Some(reader.header().instances), ..Progress::default() };
        Self { histories, appender, progress, done, new: Vec::new() }
    }

    async fn run(mut self, reader: Reader<impl BufRead + Send>) -> Result<Imported, TransferError> {
        let imported = self.all(reader).await;
        self.appender.release().await;
        imported
    }

    async fn all(
        &mut self,
        mut reader: Reader<impl BufRead + Send>,
    ) -> Result<Imported, TransferError> {
        let mut imported = Imported::default();
        while let Some(instance) = reader.next_instance()? {
            self.done.add(&instance);
            imported.turns += instance.all_turns().count() as u64;
            if self.one(instance).await? {
                imported.imported += 1;
            } else {
                imported.already_there += 1;
            }
            (self.progress)(&self.done);
        }
        self.appender.flush().await?;
        self.verify().await?;
        Ok(imported)
    }

    /// Whether it was not there before.
    async fn one(&mut self, instance: TransferredInstance) -> Result<bool, TransferError> {
        let id = instance.summary.instance.clone();
        let there = match found(&*self.histories, &id).await? {
            None => None,
            Some(there) if there == instance => return Ok(false),
            Some(there) if is_part(&there, &instance) => {
                Some((there.summary.execution, there.summary.turns))
            }
            Some(_) => return Err(TransferError::Exists { instance: id }),
        };
        self.new.push((id, checksum(&instance)?));
        self.appender.add(instance, there).await?;
        Ok(true)
    }

    /// Reads back what was imported.
    async fn verify(&mut self) -> Result<(), TransferError> {
        let of = Some(self.new.len() as u64);
        self.done = Progress { stage: Stage::Verifying, of, ..Progress::default() };
        for (instance, expected) in std::mem::take(&mut self.new) {
            let different = |reason: &str| TransferError::NotVerified {
                instance: instance.clone(),
                reason: reason.to_owned(),
            };
            let there = found(&*self.histories, &instance).await?;
            let there = there.ok_or_else(|| different("it is not there"))?;
            if checksum(&there)? != expected {
                return Err(different("its checksum is another"));
            }
            self.done.add(&there);
            (self.progress)(&self.done);
        }
        Ok(())
    }
}

/// Whether an earlier import has brought the first turns of an instance, and did not come to the rest.
fn is_part(there: &TransferredInstance, whole: &TransferredInstance) -> bool {
    let mut rest = whole.executions().skip(there.earlier.len());
    let Some((summary, all)) = rest.next() else { return false };
    let turns = there.turns.len();
    whole.earlier.starts_with(&there.earlier)
        && there.summary == summary_of_part(summary, turns as u64)
        && turns < all.len()
        && there.turns == all[..turns]
}

/// The checksums of all executions.
fn checksum(of: &TransferredInstance) -> Result<String, TransferError> {
    let sums = of.executions().map(|(summary, turns)| {
        let sum = Checksum::of(summary);
        let mut sum = sum.map_err(|error| TransferError::NotVerified {
            instance: of.summary.instance.clone(),
            reason: error.to_string(),
        })?;
        turns.iter().for_each(|turn| sum.add(turn));
        Ok(sum.end())
    });
    sums.collect()
}
