//! Structs whose methods are activities, and the values that activities share.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use super::Registry;
use crate::activity::Activity;
use crate::error::{Error, Result};

/// A struct whose methods are activities. `#[activities]` writes this for an `impl` block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no activities",
    label = "a struct with activities is wanted here",
    note = "put `#[activities]` on its `impl` block, and `#[activity]` on each method that is one"
)]
pub trait Activities: Sized + Send + Sync + 'static {
    /// Adds each of its activities.
    fn add_to(set: &mut ActivitySet<'_>);
}

/// Where the activities of a struct are added: see [`Activities`].
pub struct ActivitySet<'a> {
    registry: &'a mut Registry,
    added: Result<()>,
}

impl ActivitySet<'_> {
    /// Adds one activity. The first error is returned by the call that registers the struct.
    pub fn add<A: Activity>(&mut self, _activity: A) {
        if self.added.is_ok() {
            self.added = self.registry.add_activity::<A>();
        }
    }
}

impl fmt::Debug for ActivitySet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivitySet").finish_non_exhaustive()
    }
}

impl Registry {
    /// Adds a value that activities take as [`State`](crate::State).
    ///
    /// # Errors
    /// [`Error::StateGivenTwice`]: there is one of its type.
    pub fn add_state<T: Send + Sync + 'static>(&mut self, value: T) -> Result<()> {
        match self.states_mut().insert(value) {
            true => Ok(()),
            false => Err(Error::StateGivenTwice { state: type_name::<T>() }),
        }
    }

    /// Adds the activities of a struct.
    ///
    /// # Errors
    /// [`Error::StateGivenTwice`]: there is one of its type; [`Error::InvalidName`],
    /// [`Error::RegisteredTwice`].
    pub fn add_activities<A: Activities>(&mut self, owner: A) -> Result<()> {
        if !self.states_mut().insert_owner(Arc::new(owner)) {
            return Err(Error::StateGivenTwice { state: type_name::<A>() });
        }
        let mut set = ActivitySet { registry: self, added: Ok(()) };
        A::add_to(&mut set);
        set.added
    }
}
