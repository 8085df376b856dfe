//! What activities share: values that a program gives its host once, such as a pool of connections.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use reenact_core::{ActivityError, Name};

/// A type of which an activity needs a value: see [`Activity::states`](crate::Activity::states).
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

/// The struct whose methods are activities, as a value among the others.
pub(crate) struct Owner<A>(pub(crate) Arc<A>);

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

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
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
