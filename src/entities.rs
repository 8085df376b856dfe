//! Entities: durable objects with one writer.

mod context;
mod handle;
mod message;
mod operation;
mod orchestration;
mod run;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::context::EntityContext;
pub use self::handle::{
    EntityCaller, EntityHandle, EntityOperations, EntitySignaller, EntityTarget, Signals, When,
};
pub(crate) use self::message::{event_of, typed};
pub use self::operation::{Operation, Outcome};
pub use self::orchestration::{CallEntities, EntityAnswer};
pub(crate) use self::run::{code_of, dynamic_code_of};

/// A durable object: its state, and the operations on it. [`#[entity]`](crate::entity) on an `impl` block writes
/// this; the page `docs/entities.md` says what is promised.
///
/// There is one for each key. It begins as its `Default` with the first operation, and each operation sees what
/// the one before it has left.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "an entity is wanted here",
    note = "put `#[entity]` on the `impl` block with its operations"
)]
pub trait Entity: Serialize + DeserializeOwned + Default + Send + 'static {
    /// The name of the type. It is stored: it must not change while there are entities of the type.
    const NAME: &'static str;

    /// The operations, and whether each only reads.
    const OPERATIONS: &'static [(&'static str, bool)];

    /// How the operations are called.
    type Operations<C: EntityCaller>: EntityOperations<C>;

    /// Does an operation on the state.
    fn operate(
        &mut self,
        operation: Operation,
        ctx: EntityContext,
    ) -> impl Future<Output = Outcome> + Send;
}
