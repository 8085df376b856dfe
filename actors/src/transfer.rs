//! Moves histories between stores, by way of lines of JSON: `docs/transfer.md` describes them.
//!
//! [`export`] writes instances with all that a store knows of them, [`import`] brings them into another store, by way of
//! a client [`import_by`], and [`Reader`] reads them without any store.

mod append;
mod error;
mod export;
mod format;
mod holding;
mod import;
mod left;
mod options;
mod reader;

use reenact_providers::{InstanceSummary, StoredTurn};

pub use self::error::TransferError;
pub use self::export::{Exported, export, export_instances};
pub use self::format::FORMAT;
pub use self::import::{ImportOptions, Imported, import, import_by};
pub use self::options::ExportOptions;
pub use self::reader::{Header, Reader};

/// An instance on its way from one store to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferredInstance {
    /// What its store knew of it.
    pub summary: InstanceSummary,
    /// All turns of its newest execution, as they were stored.
    pub turns: Vec<StoredTurn>,
    /// The executions before that which are [kept](crate::HostOptions::keep_executions), in their order.
    pub earlier: Vec<TransferredExecution>,
}

/// An execution before the newest one, on its way with its instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferredExecution {
    /// What the store knew of the instance when the next execution began.
    pub summary: InstanceSummary,
    /// All of its turns, as they were stored.
    pub turns: Vec<StoredTurn>,
}

impl TransferredInstance {
    /// The summary and the turns of each execution, the newest one last.
    fn executions(&self) -> impl Iterator<Item = (&InstanceSummary, &[StoredTurn])> {
        let earlier = self.earlier.iter().map(|one| (&one.summary, &*one.turns));
        earlier.chain([(&self.summary, &*self.turns)])
    }

    /// The turns of all executions, in their order.
    fn all_turns(&self) -> impl Iterator<Item = &StoredTurn> {
        self.executions().flat_map(|(_, turns)| turns)
    }
}

/// How far an export or an import has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Instances that are done.
    pub instances: u64,
    /// About how many there are in all, where that is known.
    pub of: Option<u64>,
    /// Turns that are done.
    pub turns: u64,
    /// Bytes of turns that are done, as they are stored.
    pub bytes: u64,
}

/// The stages of an export or an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Instances are written.
    #[default]
    Writing,
    /// What was written is read again, and compared.
    Verifying,
}

impl Progress {
    fn add(&mut self, instance: &TransferredInstance) {
        self.instances += 1;
        for turn in instance.all_turns() {
            self.turns += 1;
            self.bytes += turn.bytes.len() as u64;
        }
    }
}
