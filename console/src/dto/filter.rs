//! `Filter`: which instances, as the query of an address and as JSON.

use reenact_providers::{InstanceFilter, InstanceState, TimeRange};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{StateText, Time, attribute_condition};
use crate::problem::Problem;

/// Which instances. Without a condition all pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only those in one of these states.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[param(value_type = Vec<String>)]
    pub state: Vec<StateText>,
    /// Only those of this orchestration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those whose id begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only those that were started at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub created_from: Option<Time>,
    /// Only those that were started before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub created_until: Option<Time>,
    /// Only those that have finished at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub finished_from: Option<Time>,
    /// Only those that have finished before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub finished_until: Option<Time>,
    /// Only those that meet all of these conditions on attributes: a name, one of `=`, `<`, `<=`, `>`, `>=` and `^=`
    /// (begins with), and a value, such as `customer=ada`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attr: Vec<String>,
}

impl Filter {
    /// The filter as the part of an address after the `?`; empty when there is no condition.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for state in &self.state {
            query.append_pair("state", &state.name());
        }
        let text = |time: Option<Time>| time.map(|time| time.to_string());
        let others = [
            ("name", self.name.clone()),
            ("prefix", self.prefix.clone()),
            ("created_from", text(self.created_from)),
            ("created_until", text(self.created_until)),
            ("finished_from", text(self.finished_from)),
            ("finished_until", text(self.finished_until)),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        for condition in &self.attr {
            query.append_pair("attr", condition);
        }
        query.finish()
    }

    /// The filter, as the store takes it.
    pub(crate) fn checked(&self) -> Result<InstanceFilter, Problem> {
        let states: Vec<InstanceState> = self.state.iter().map(|state| state.0).collect();
        let mut filter = InstanceFilter::new()
            .states(states)
            .created(range(self.created_from, self.created_until)?)
            .finished(range(self.finished_from, self.finished_until)?);
        if let Some(name) = &self.name {
            filter = filter.name(name);
        }
        if let Some(prefix) = &self.prefix {
            filter = filter.id_prefix(prefix);
        }
        for condition in &self.attr {
            let condition = attribute_condition(condition);
            filter = filter.with(condition.map_err(|error| Problem::invalid(error.to_string()))?);
        }
        filter.check()?;
        Ok(filter)
    }
}

fn range(from: Option<Time>, until: Option<Time>) -> Result<TimeRange, Problem> {
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        let detail = format!("the range from {from} until {until} has nothing in it");
        return Err(Problem::invalid(detail));
    }
    Ok(TimeRange { from: from.map(|time| time.0), until: until.map(|time| time.0) })
}
