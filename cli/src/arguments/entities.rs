//! The arguments of `entities`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::moment::duration;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Arguments of operations are JSON, each by itself. An answer is printed as JSON; the exit
code is 1 when the operation is refused, or is not done.

Examples:
  reenact entities
  reenact entities list account
  reenact entities show account ada
  reenact entities call account ada deposit 500 --key order-7
  reenact entities call address ada move_to '\"Main Street\"' 7
  reenact entities signal account ada deposit 1 --delay 2h
  reenact entities purge account ada --yes")]
pub(crate) struct Entities {
    #[command(subcommand)]
    pub(crate) action: Option<EntitiesAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EntitiesAction {
    /// Lists the types, and how many entities there are of each
    Types,
    /// Lists the entities of a type, with their states
    List(ListEntities),
    /// Shows one entity: its state, who holds its lock, and what waits
    Show(OneEntity),
    /// Calls an operation, and shows its answer; the entity is made if it is not there
    Call(CallEntity),
    /// Sends an operation without waiting for its answer
    Signal(SignalEntity),
    /// Deletes the state; the history stays
    Delete(OneEntity),
    /// Removes an entity with its state and its history for ever
    Purge(OneEntity),
}

#[derive(Debug, Args)]
pub(crate) struct ListEntities {
    /// The type
    #[arg(value_name = "TYPE")]
    pub(crate) of: String,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) limit: usize,
    /// Those after this one: the `next` of the list before
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct OneEntity {
    /// The type
    #[arg(value_name = "TYPE")]
    pub(crate) of: String,
    /// The key
    pub(crate) key: String,
}

#[derive(Debug, Args)]
pub(crate) struct CallEntity {
    #[command(flatten)]
    pub(crate) entity: OneEntity,
    /// The name of the operation
    pub(crate) operation: String,
    /// Its arguments: JSON, `@FILE`, or `-` for the standard input
    #[arg(allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,
    /// Called again with the same key, it counts once and has the same answer
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) once: Option<String>,
    /// How long to wait for the answer: at most 50s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct SignalEntity {
    #[command(flatten)]
    pub(crate) entity: OneEntity,
    /// The name of the operation
    pub(crate) operation: String,
    /// Its arguments: JSON, `@FILE`, or `-` for the standard input
    #[arg(allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,
    /// Sent again with the same key, it counts once
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) once: Option<String>,
    /// It is done so much later
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) delay: Option<Duration>,
}
