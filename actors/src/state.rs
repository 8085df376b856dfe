//! What activities share: values that a program gives its host once, such as a pool of connections.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use reenact_core::{ActivityError, Name};

use crate::activity::{Activity, ActivityContext};
use crate::error::{Error, Result};
use crate::registry::Registry;

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
/// An activity takes it behind its context and in front of its input. There may be several, of
/// different types. `HostBuilder::state` gives the value; where it is missing, the host does not start
/// ([`Error::MissingState`]). What is expensive to clone belongs in an `Arc`.
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

/// A type of which an activity needs a value: see [`Activity::states`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateType {
    id: TypeId,
    name: &'static str,
}

impl StateType {
    /// That type.
    pub fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }

    /// The struct whose methods are activities.
    #[doc(hidden)]
    pub fn of_owner<A: 'static>() -> Self {
        Self { id: TypeId::of::<Owner<A>>(), name: type_name::<A>() }
    }

    /// The type's name, for people.
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// The host was not given a value that an activity asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "activity `{activity}` needs a `{state}`, which the host was not given; add `.state(..)` to its \
     builder, or `.activities(..)` for a struct with activities"
)]
pub struct MissingState {
    /// The activity.
    pub activity: Name,
    /// The type's name.
    pub state: &'static str,
}

/// Fatal: another attempt would say the same.
impl From<MissingState> for ActivityError {
    fn from(error: MissingState) -> Self {
        Self::fatal(error)
    }
}

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
    /// Adds one activity. The first that cannot be added is told by whoever registers the struct.
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

/// The struct whose methods are activities, as a value among the others.
struct Owner<A>(Arc<A>);

/// One value of each type. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct States {
    by_type: Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl States {
    /// Whether there was none of its type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> bool {
        Arc::make_mut(&mut self.by_type).insert(TypeId::of::<T>(), Arc::new(value)).is_none()
    }

    pub(crate) fn insert_owner<A: Send + Sync + 'static>(&mut self, owner: Arc<A>) -> bool {
        self.insert(Owner(owner))
    }

    fn get<T: 'static>(&self) -> Option<&T> {
        self.by_type.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The same values, by a handle of its own: who clones that does not meet those who clone this one.
    pub(crate) fn apart(&self) -> Self {
        Self { by_type: Arc::new((*self.by_type).clone()) }
    }

    pub(crate) fn has(&self, wanted: StateType) -> bool {
        self.by_type.contains_key(&wanted.id)
    }
}

impl Registry {
    /// Adds a value that activities take as [`State`].
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
    pub fn owner<A: Activities>(&self) -> Result<Arc<A>, MissingState> {
        let owner = self.states().get().map(|Owner(owner)| Arc::clone(owner));
        owner.ok_or_else(|| self.missing(type_name::<A>()))
    }

    fn missing(&self, state: &'static str) -> MissingState {
        MissingState { activity: self.activity_name().clone(), state }
    }
}
