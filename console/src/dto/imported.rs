//! What an import has brought.

use reenact_actors::transfer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an import has brought into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Instances that were brought into the store.
    pub imported: u64,
    /// Instances that were there already, the same.
    pub already_there: u64,
    /// Turns of both.
    pub turns: u64,
}

impl From<transfer::Imported> for Imported {
    fn from(imported: transfer::Imported) -> Self {
        let transfer::Imported { imported, already_there, turns, .. } = imported;
        Self { imported, already_there, turns }
    }
}
