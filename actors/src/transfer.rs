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
    fn add(&mut self, turns: &[StoredTurn]) {
        self.instances += 1;
        self.turns += turns.len() as u64;
        self.bytes += turns.iter().map(|turn| turn.bytes.len() as u64).sum::<u64>();
    }
}
