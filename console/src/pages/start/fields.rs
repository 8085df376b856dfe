//! The fields of a start, as they were written, and what they say once all of them are right.

use std::time::Duration;

use reenact_actors::Error;
use reenact_core::limits::MAX_TIMER;
use reenact_core::{InstanceId, Name, TimeLimits, Version};
use reenact_providers::InstanceState;
use serde_json::{Map, Value};

use super::super::form::Form;
use super::super::page::Page;
use crate::dto::{Start, StateText, attribute_as_json, attributes_of_json};
use crate::problem::{Problem, ProblemKind};

/// What happens where there is an instance of the id: the value of the field, and in words.
pub(super) const REUSES: [(&str, &str); 4] = [
    ("", "nothing is started"),
    ("attach", "it is taken for the one to be started"),
    ("replace-failed", "it is replaced if it has failed, or was cancelled or terminated"),
    ("replace", "it is replaced, whatever it does"),
];

/// The units of a time, with their seconds.
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
    pub(super) timeout: String,
    pub(super) timeout_unit: String,
    pub(super) total_timeout: String,
    pub(super) total_timeout_unit: String,
    pub(super) reuse: String,
    pub(super) attributes: String,
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
    pub(super) limits: TimeLimits,
    pub(super) reuse: Reuse,
    pub(super) attributes: Map<String, Value>,
}

/// What happens where there is an instance of the id.
#[derive(Debug, Default)]
pub(super) struct Reuse {
    pub(super) attach: bool,
    pub(super) replace: Vec<InstanceState>,
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
            timeout: trimmed("timeout"),
            timeout_unit: trimmed("timeout_unit"),
            total_timeout: trimmed("total_timeout"),
            total_timeout_unit: trimmed("total_timeout_unit"),
            reuse: trimmed("reuse"),
            attributes: form.text("attributes").to_owned(),
        }
    }

    /// As hidden fields of a form, with the id that is drawn where none was written.
    pub(super) fn hidden(&self, id: &InstanceId) -> [(&'static str, String); 12] {
        [
            ("orchestration", self.orchestration.clone()),
            ("version", self.version.clone()),
            ("id", id.to_string()),
            ("input", self.input.clone()),
            ("delay", self.delay.clone()),
            ("unit", self.unit.clone()),
            ("timeout", self.timeout.clone()),
            ("timeout_unit", self.timeout_unit.clone()),
            ("total_timeout", self.total_timeout.clone()),
            ("total_timeout_unit", self.total_timeout_unit.clone()),
            ("reuse", self.reuse.clone()),
            ("attributes", self.attributes.clone()),
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
        let delay = noted(&mut wrong, "delay", time(&self.delay, &self.unit));
        let limits = self.limits(&mut wrong);
        let reuse = noted(&mut wrong, "reuse", self.reuse());
        let attributes = noted(&mut wrong, "attributes", self.attributes());
        if !wrong.is_empty() {
            return Ok(Err(wrong));
        }
        let whole = || {
            let (name, version, id, input) = (name?, version?, id?, input?);
            let (delay, reuse, attributes) = (delay?, reuse?, attributes?);
            Some(Checked { name, version, id, input, delay, limits, reuse, attributes })
        };
        Ok(whole().ok_or(wrong))
    }

    /// Whether something stands in the fields that are folded.
    pub(super) fn has_more(&self) -> bool {
        let folded = [&self.timeout, &self.total_timeout, &self.reuse, &self.attributes];
        folded.iter().any(|field| !field.trim().is_empty())
    }

    /// What happens where there is an instance of the id.
    pub(super) fn reuse_in_words(&self) -> &'static str {
        REUSES.iter().find(|(value, _)| *value == self.reuse).map_or("", |(_, words)| words)
    }

    fn limits(&self, wrong: &mut Vec<Wrong>) -> TimeLimits {
        let execution = time(&self.timeout, &self.timeout_unit);
        let total = time(&self.total_timeout, &self.total_timeout_unit);
        TimeLimits {
            execution: noted(wrong, "timeout", execution).flatten(),
            total: noted(wrong, "total_timeout", total).flatten(),
        }
    }

    fn reuse(&self) -> Result<Reuse, String> {
        use InstanceState::{Cancelled, Failed, Terminated};
        Ok(match self.reuse.as_str() {
            "" => Reuse::default(),
            "attach" => Reuse { attach: true, replace: Vec::new() },
            "replace-failed" => {
                Reuse { attach: false, replace: vec![Failed, Cancelled, Terminated] }
            }
            "replace" => Reuse { attach: false, replace: InstanceState::ALL.to_vec() },
            other => return Err(format!("`{other}` is none of these")),
        })
    }

    /// One on each line, as `name=value`.
    fn attributes(&self) -> Result<Map<String, Value>, String> {
        let lines = self.attributes.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut attributes = Map::new();
        for line in lines {
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| format!("`{line}` is no attribute: write `name=value`"))?;
            attributes.insert(name.trim().to_owned(), attribute_as_json(value.trim()));
        }
        attributes_of_json(&attributes).map_err(|error| error.to_string())?;
        Ok(attributes)
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
            Ok(_) if !self.reuse.is_empty() => Ok(Ok(id)),
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
}

/// A time as it was written; `None` where none was, or none is left of it.
fn time(written: &str, unit: &str) -> Result<Option<Duration>, String> {
    if written.is_empty() {
        return Ok(None);
    }
    let unit = UNITS.iter().find(|(name, _)| *name == unit).map_or(1, |(_, seconds)| *seconds);
    let count: u64 =
        written.parse().map_err(|_| format!("`{written}` is not a whole number from 0 up"))?;
    let time = Duration::from_secs(count.saturating_mul(unit));
    if time > MAX_TIMER {
        return Err(format!("at most {} days are allowed", MAX_TIMER.as_secs() / 86_400));
    }
    Ok((!time.is_zero()).then_some(time))
}

fn noted<T>(wrong: &mut Vec<Wrong>, field: &'static str, read: Result<T, String>) -> Option<T> {
    read.map_err(|detail| wrong.push(Wrong { field: Some(field), detail })).ok()
}

impl From<Checked> for Start {
    fn from(checked: Checked) -> Self {
        let Checked { name, version, id, input, delay, limits, reuse, attributes } = checked;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            orchestration: name.to_string(),
            input,
            id: Some(id.to_string()),
            version: version.map(|version| version.to_string()),
            delay_ms: delay.map(millis),
            event: None,
            timeout_ms: limits.execution.map(millis),
            total_timeout_ms: limits.total.map(millis),
            replace: reuse.replace.into_iter().map(StateText).collect(),
            attach: reuse.attach,
            attributes,
        }
    }
}
