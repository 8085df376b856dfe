//! The ids of entities, which no other instance can have.

use reenact_core::{InstanceId, InvalidName, Name};

use crate::error::{Error, Result};

/// What the names of entities' orchestrations begin with, and stands between the type and the key in their ids.
const MARK: char = '@';

/// An entity: its type, and its key among those of the type. The id of its instance is `@type@key`, and its
/// orchestration is `@type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId<'a> {
    entity_type: &'a str,
    key: &'a str,
}

impl<'a> EntityId<'a> {
    /// The entity that an instance is, by its id; `None` where the id is none of an entity.
    pub fn of(instance: &'a InstanceId) -> Option<Self> {
        let (entity_type, key) = instance.as_str().strip_prefix(MARK)?.split_once(MARK)?;
        (!entity_type.is_empty() && !key.is_empty()).then_some(Self { entity_type, key })
    }

    /// The name of the type.
    pub const fn entity_type(&self) -> &'a str {
        self.entity_type
    }

    /// The key.
    pub const fn key(&self) -> &'a str {
        self.key
    }

    /// The id of the instance.
    ///
    /// # Errors
    /// [`InvalidName`] when the key is empty, is too long together with the type, or has control characters.
    pub fn instance_of(entity_type: &str, key: &str) -> Result<InstanceId, InvalidName> {
        if key.is_empty() {
            return Err(InvalidName::Empty { what: "the key of the entity" });
        }
        InstanceId::new(format!("{MARK}{entity_type}{MARK}{key}"))
    }

    /// The name of the orchestration of all entities of a type.
    pub fn orchestration_of(entity_type: &str) -> String {
        format!("{MARK}{entity_type}")
    }

    /// The type of which an orchestration has the entities, by its name; `None` where it is none of entities.
    pub fn type_of(orchestration: &str) -> Option<&str> {
        orchestration.strip_prefix(MARK)
    }
}

/// Whether an instance of that id can be of that orchestration.
///
/// # Errors
/// [`Error::Reserved`] when one of both is of entities, and they do not belong together.
pub(crate) fn check_start(instance: &InstanceId, orchestration: &Name) -> Result<()> {
    let by_id = EntityId::of(instance).map(|entity| entity.entity_type());
    if by_id == EntityId::type_of(orchestration.as_str()) {
        return Ok(());
    }
    let what = format!("`{orchestration}` as instance `{instance}`");
    Err(Error::Reserved { what })
}

/// Whether an instance can be forked.
///
/// # Errors
/// [`Error::Reserved`] when it is an entity: what holds its lock gives that back to it, and not to a fork.
pub(crate) fn check_fork(from: &InstanceId) -> Result<()> {
    match EntityId::of(from) {
        Some(_) => Err(Error::Reserved { what: format!("a fork of entity `{from}`") }),
        None => Ok(()),
    }
}

/// Whether the program may give an orchestration that name.
///
/// # Errors
/// [`Error::Reserved`] when it is of entities.
pub(crate) fn check_orchestration(name: &Name) -> Result<()> {
    match EntityId::type_of(name.as_str()) {
        Some(_) => Err(Error::Reserved { what: format!("an orchestration `{name}`") }),
        None => Ok(()),
    }
}

/// Whether an entity can have that type.
///
/// # Errors
/// [`Error::InvalidName`], [`Error::Reserved`].
pub(crate) fn check_type(entity_type: &str) -> Result<()> {
    Name::new(entity_type)?;
    match entity_type.contains(MARK) {
        true => Err(Error::Reserved { what: format!("an entity of type `{entity_type}`") }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> InstanceId {
        InstanceId::new(text).unwrap()
    }

    #[test]
    fn an_id_says_of_which_type_the_entity_is_and_which_key_it_has() {
        for key in ["ada", "@", "a@b", "@@", " ", "é/..\\"] {
            let instance = EntityId::instance_of("account", key).unwrap();
            let entity = EntityId::of(&instance).unwrap();
            assert_eq!((entity.entity_type(), entity.key()), ("account", key));
        }
        for other in ["account", "@", "@account", "@account@", "@@ada", "a@b@c"] {
            assert_eq!(EntityId::of(&id(other)), None, "{other}");
        }
        assert!(EntityId::instance_of("account", "").is_err());
        assert!(EntityId::instance_of("account", "a\nb").is_err());
        assert!(EntityId::instance_of("account", &"k".repeat(247)).is_ok());
        assert!(EntityId::instance_of("account", &"k".repeat(248)).is_err());
    }

    #[test]
    fn only_the_orchestration_of_a_type_is_started_under_its_ids() {
        let start =
            |instance: &str, name: &str| check_start(&id(instance), &Name::new(name).unwrap());
        assert!(start("@account@ada", "@account").is_ok());
        assert!(start("order-7", "order").is_ok());
        assert!(start("@ada", "order").is_ok());
        for (instance, name) in
            [("@account@ada", "order"), ("@account@ada", "@other"), ("order-7", "@account")]
        {
            assert!(matches!(start(instance, name), Err(Error::Reserved { .. })), "{instance}");
        }
    }
}
