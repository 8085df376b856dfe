//! The fields of a start, as they were written, and what they say once all of them are right.

use std::time::Duration;

use reenact_actors::Error;
use reenact_core::limits::MAX_TIMER;
use reenact_core::{InstanceId, Name, Version};
use serde_json::Value;

use super::super::form::Form;
use super::super::page::Page;
use crate::dto::Start;
use crate::problem::{Problem, ProblemKind};

/// The units of a delay, with their seconds.
pub(super) const UNITS: [(&str, u64); 4] =
    [("seconds", 1), ("minutes", 60), ("hours", 3_600), ("days", 86_400)];

/// What stands in the fields.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) orchestration: String,
    pub(super) version: String,
    pub(super) id: String,
    pub(super) input: String,
    pub(super) delay: String,
    pub(super) unit: String,
}

/// What is wrong, and with which field; with none where it is about all of them.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) field: Option<&'static str>,
    pub(super) detail: String,
}

/// A start that can be tried.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) name: Name,
    pub(super) version: Option<Version>,
    /// The one that was written, or one that was drawn: the start counts once, however often it is sent.
    pub(super) id: InstanceId,
    pub(super) input: Value,
    pub(super) delay: Option<Duration>,
}

/// The field that a start was refused for.
pub(super) const fn field_of(kind: ProblemKind) -> Option<&'static str> {
    match kind {
        ProblemKind::AlreadyExists => Some("id"),
        ProblemKind::NotRegistered => Some("orchestration"),
        _ => None,
    }
}

impl Fields {
    pub(super) fn of(form: &Form) -> Self {
        let trimmed = |name| form.text(name).trim().to_owned();
        Self {
            orchestration: trimmed("orchestration"),
            version: trimmed("version"),
            // Ids are compared letter by letter.
            id: form.text("id").to_owned(),
            input: form.text("input").to_owned(),
            delay: trimmed("delay"),
            unit: trimmed("unit"),
        }
    }

    /// As hidden fields of a form, with the id that is drawn where none was written.
    pub(super) fn hidden(&self, id: &InstanceId) -> [(&'static str, String); 6] {
        [
            ("orchestration", self.orchestration.clone()),
            ("version", self.version.clone()),
            ("id", id.to_string()),
            ("input", self.input.clone()),
            ("delay", self.delay.clone()),
            ("unit", self.unit.clone()),
        ]
    }

    /// All that they say, or all that is wrong with them. The error is that of a store that cannot be asked.
    pub(super) async fn checked(
        &self,
        page: &Page,
    ) -> Result<Result<Checked, Vec<Wrong>>, Problem> {
        let mut wrong = Vec::new();
        let name = noted(&mut wrong, "orchestration", self.orchestration(page));
        let version = noted(&mut wrong, "version", self.version(page, name.as_ref()));
        let id = noted(&mut wrong, "id", self.id(page).await?);
        let input = noted(&mut wrong, "input", self.input(page, name.as_ref(), version.as_ref()));
        let delay = noted(&mut wrong, "delay", self.delay());
        Ok(match (name, version, id, input, delay) {
            (Some(name), Some(version), Some(id), Some(input), Some(delay)) => {
                Ok(Checked { name, version, id, input, delay })
            }
            _ => Err(wrong),
        })
    }

    fn orchestration(&self, page: &Page) -> Result<Name, String> {
        let name = Name::new(&self.orchestration).map_err(|error| error.to_string())?;
        let known = page.shared.access().orchestration(&name, None);
        known.map_err(|error| error.to_string())?;
        Ok(name)
    }

    fn version(&self, page: &Page, name: Option<&Name>) -> Result<Option<Version>, String> {
        if self.version.is_empty() {
            return Ok(None);
        }
        let version = Version::new(&self.version).map_err(|error| error.to_string())?;
        if let Some(name) = name {
            let known = page.shared.access().orchestration(name, Some(&version));
            known.map_err(|error| error.to_string())?;
        }
        Ok(Some(version))
    }

    async fn id(&self, page: &Page) -> Result<Result<InstanceId, String>, Problem> {
        let access = page.shared.access();
        if self.id.is_empty() {
            return Ok(Ok(access.draw_id()?));
        }
        let id = match InstanceId::new(&self.id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error.to_string())),
        };
        match access.summary(&id).await {
            Ok(_) => Ok(Err(Error::AlreadyExists { instance: id }.to_string())),
            Err(Error::NotFound { .. }) => Ok(Ok(id)),
            Err(error) => Err(error.into()),
        }
    }

    fn input(
        &self,
        page: &Page,
        name: Option<&Name>,
        version: Option<&Option<Version>>,
    ) -> Result<Value, String> {
        let input = match self.input.trim() {
            "" => Value::Null,
            text => {
                serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?
            }
        };
        if let (Some(name), Some(version)) = (name, version) {
            let checked = page.shared.input(name, version.as_ref(), &input);
            checked.map_err(|problem| problem.detail)?;
        }
        Ok(input)
    }

    fn delay(&self) -> Result<Option<Duration>, String> {
        if self.delay.is_empty() {
            return Ok(None);
        }
        let unit = UNITS.iter().find(|(unit, _)| *unit == self.unit).map_or(1, |(_, unit)| *unit);
        let count: u64 = self
            .delay
            .parse()
            .map_err(|_| format!("`{}` is not a whole number from 0 up", self.delay))?;
        let delay = Duration::from_secs(count.saturating_mul(unit));
        if delay > MAX_TIMER {
            return Err(format!("at most {} days are allowed", MAX_TIMER.as_secs() / 86_400));
        }
        Ok((!delay.is_zero()).then_some(delay))
    }
}

fn noted<T>(wrong: &mut Vec<Wrong>, field: &'static str, read: Result<T, String>) -> Option<T> {
    read.map_err(|detail| wrong.push(Wrong { field: Some(field), detail })).ok()
}

impl From<Checked> for Start {
    fn from(checked: Checked) -> Self {
        let Checked { name, version, id, input, delay } = checked;
        Self {
            orchestration: name.to_string(),
            input,
            id: Some(id.to_string()),
            version: version.map(|version| version.to_string()),
            delay_ms: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
            event: None,
            timeout_ms: None,
            total_timeout_ms: None,
            replace: Vec::new(),
            attach: false,
            attributes: serde_json::Map::new(),
        }
    }
}
