//! What a store on one machine is made of.

mod archive;
#[allow(dead_code, reason = "what a store on one machine routes by")]
mod messages;
mod sqlite;

pub use archive::SqliteArchive;
pub use sqlite::ArchiveError;
