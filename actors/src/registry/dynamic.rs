//! Code for names that are not registered: of programs that learn the names only as they run.

use std::future::Future;
use std::sync::Arc;

use reenact_core::{
    ActivityError, InvalidName, Name, OrchestrationCode, OrchestrationContext, OrchestrationError,
    Version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::{ActivityCode, ActivityContext};
use crate::entity_id::EntityId;
use crate::error::{Error, Result};

/// What a host runs under names that are not registered.
#[derive(Clone, Default)]
pub struct Dynamic {
    orchestration: Option<CodeOf>,
    entity: Option<CodeOf>,
    activity: Option<ActivityCode>,
}

/// The code of a name.
type CodeOf = Arc<dyn Fn(&Name) -> Result<OrchestrationCode, InvalidName> + Send + Sync>;

/// Stands in messages for the name of an activity that is only known once it is called.
const ANY_ACTIVITY: &str = "*";

impl Dynamic {
    /// Each of its versions is the same code.
    pub(super) fn orchestration(
        &self,
        name: &Name,
        version: Option<&Version>,
    ) -> Option<OrchestrationCode> {
        let is_entity = EntityId::type_of(name.as_str()).is_some();
        let code_of = if is_entity { &self.entity } else { &self.orchestration };
        let code = code_of.as_ref()?(name).ok()?;
        Some(code.of_version(version.cloned().unwrap_or(Version::NONE)))
    }

    pub(super) const fn activity_mut(&mut self) -> Option<&mut ActivityCode> {
        self.activity.as_mut()
    }

    pub(super) const fn activity(&self) -> Option<&ActivityCode> {
        self.activity.as_ref()
    }
}

impl Dynamic {
    /// The code of orchestrations whose names are not registered, in every version.
    ///
    /// # Errors
    /// [`Error::DynamicTwice`].
    pub fn set_orchestration<I, T, F, R>(&mut self, code: F) -> Result<()>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(Name, OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        let code = Arc::new(code);
        let code_of = move |name: &Name| {
            let (code, named) = (code.clone(), name.clone());
            OrchestrationCode::new(name.as_str(), move |ctx, input| code(named.clone(), ctx, input))
        };
        set(&mut self.orchestration, Arc::new(code_of), "orchestration")
    }

    /// The code of entities whose types are not registered.
    ///
    /// # Errors
    /// [`Error::DynamicTwice`].
    pub fn set_entity(
        &mut self,
        code_of: impl Fn(&Name) -> Result<OrchestrationCode, InvalidName> + Send + Sync + 'static,
    ) -> Result<()> {
        set(&mut self.entity, Arc::new(code_of), "entity")
    }

    /// The code of activities whose names are not registered.
    ///
    /// # Errors
    /// [`Error::DynamicTwice`].
    pub fn set_activity<I, O, F, R>(&mut self, code: F) -> Result<()>
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ActivityError>> + Send + 'static,
    {
        let (_, code) = ActivityCode::new(ANY_ACTIVITY, code)?;
        set(&mut self.activity, code, "activity")
    }
}

fn set<T>(place: &mut Option<T>, code: T, what: &'static str) -> Result<()> {
    match place {
        Some(_) => Err(Error::DynamicTwice { what }),
        None => {
            *place = Some(code);
            Ok(())
        }
    }
}
