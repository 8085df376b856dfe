//! Values that activities share, as arguments of activities.

use std::any::type_name;
use std::ops::Deref;
use std::sync::Arc;

use super::context::ActivityContext;
use crate::error::Result;
use crate::state::{MissingState, Owner, StateType};

/// A value that the host was given, as an argument of an activity: a clone of it.
///
/// ```
/// # use reenact_actors::{ActivityContext, State};
/// #[derive(Clone)]
/// struct Pool;
///
/// async fn charge(_ctx: ActivityContext, State(pool): State<Pool>, cents: u64) {
///     # let _ = (pool, cents);
/// }
/// ```
///
/// An activity takes it after its context and before its input. There may be several, of
/// different types. `HostBuilder::state` gives the value; where it is missing, the host does not start
/// ([`Error::MissingState`](crate::Error::MissingState)). What is expensive to clone belongs in an `Arc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone + Send + Sync + 'static> State<T> {
    /// The value that the host was given.
    ///
    /// # Errors
    /// [`MissingState`] when it was given none.
    pub fn of(ctx: &ActivityContext) -> Result<Self, MissingState> {
        ctx.state::<T>().cloned().map(Self)
    }

    /// What an activity needs that takes it.
    pub fn state_type() -> StateType {
        StateType::of::<T>()
    }
}

impl ActivityContext {
    /// A value that the host was given once, by `HostBuilder::state`: a pool of connections, a client
    /// of a service. Of an activity that takes it as an argument ([`State`]), the host looks at its
    /// start whether it is there; here it shows when the activity asks.
    ///
    /// # Errors
    /// [`MissingState`] when the host was given none of that type. With `?`, the activity fails for
    /// good.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T, MissingState> {
        self.states().get().ok_or_else(|| self.missing(type_name::<T>()))
    }

    /// The struct whose method the activity is.
    #[doc(hidden)]
    pub fn owner<A: Send + Sync + 'static>(&self) -> Result<Arc<A>, MissingState> {
        let owner = self.states().get().map(|Owner(owner)| Arc::clone(owner));
        owner.ok_or_else(|| self.missing(type_name::<A>()))
    }

    fn missing(&self, state: &'static str) -> MissingState {
        MissingState { activity: self.activity_name().clone(), state }
    }
}
