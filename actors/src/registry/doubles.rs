//! Doubles, for tests: other code in the place of what is registered.

use std::future::Future;

use reenact_core::{
    ActivityError, InvalidName, Name, OrchestrationCode, OrchestrationContext, OrchestrationError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Registry;
use crate::activity::{ActivityCode, ActivityContext, CodeTypes};

/// Why a double takes the place of nothing.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoDouble {
    /// Its name is none.
    InvalidName(InvalidName),
    /// Nothing is registered under its name.
    NotRegistered {
        /// What is, in order.
        registered: Vec<Name>,
    },
    /// What is registered takes or returns something else.
    OtherTypes {
        /// The types of what is registered.
        registered: CodeTypes,
        /// Those of the double.
        double: CodeTypes,
    },
}

impl From<InvalidName> for NoDouble {
    fn from(invalid: InvalidName) -> Self {
        Self::InvalidName(invalid)
    }
}

impl Registry {
    /// Runs other code in the place of an activity. It needs no state, and blocks nothing.
    ///
    /// # Errors
    /// [`NoDouble`]; nothing has changed then.
    #[doc(hidden)]
    pub fn double_activity<I, O, F, R>(&mut self, name: &str, code: F) -> Result<(), NoDouble>
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ActivityError>> + Send + 'static,
    {
        let (name, double) = ActivityCode::new(name, code)?;
        match self.activities.get(&name) {
            Some(code) => check(code.types(), double.types())?,
            None if self.dynamic.activity().is_some() => {}
            None => return Err(NoDouble::NotRegistered { registered: self.activity_names() }),
        }
        self.activities.insert(name, double);
        Ok(())
    }

    /// Runs other code in the place of all versions of an orchestration.
    ///
    /// # Errors
    /// [`NoDouble`]; nothing has changed then.
    #[doc(hidden)]
    pub fn double_orchestration<I, T, F, R>(&mut self, name: &str, code: F) -> Result<(), NoDouble>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        let double = OrchestrationCode::new(name, code)?;
        let Some(versions) = self.orchestrations.get_mut(double.name()) else {
            return Err(NoDouble::NotRegistered { registered: self.orchestrations() });
        };
        let types = |code: &OrchestrationCode| {
            let (input, output) = code.types();
            CodeTypes { input, output }
        };
        for code in versions.values() {
            check(types(code), types(&double))?;
        }
        for (version, code) in versions {
            let double = double.clone().of_version(version.clone());
            *code = double.with_events(code.events()).with_updates(code.updates());
        }
        Ok(())
    }
}

fn check(registered: CodeTypes, double: CodeTypes) -> Result<(), NoDouble> {
    match registered == double {
        true => Ok(()),
        false => Err(NoDouble::OtherTypes { registered, double }),
    }
}
