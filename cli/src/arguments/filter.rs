//! Which instances: the same arguments wherever instances are chosen.

use std::time::SystemTime;

use clap::Args;
use clap::builder::PossibleValuesParser;

use reenact::console::dto::attribute_condition;
use reenact::{InstanceFilter, InstanceState, TimeRange, Timestamp};

use super::moment::{Moment, moment};
use crate::failure::{Done, Failure};

/// The states, as they are written.
pub(super) const STATES: [&str; 8] = [
    "running",
    "completed",
    "failed",
    "terminated",
    "cancelled",
    "suspended",
    "parked",
    "importing",
];

/// Conditions; an instance must meet all of them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which instances")]
#[group(id = "filter", multiple = true)]
pub(crate) struct Filter {
    /// In one of these states; several with commas
    #[arg(
        long,
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = PossibleValuesParser::new(STATES)
    )]
    pub(crate) state: Vec<String>,
    /// Of this orchestration
    #[arg(long, value_name = "ORCHESTRATION")]
    pub(crate) name: Option<String>,
    /// With an id that begins so
    #[arg(long, value_name = "TEXT")]
    pub(crate) prefix: Option<String>,
    /// With an attribute: a name, one of = < <= > >= ^= (begins with) and a value, such as
    /// `customer=ada`; several times for several conditions
    #[arg(long, value_name = "CONDITION")]
    pub(crate) attr: Vec<String>,
    /// Started at or after a time: `2h` is two hours ago, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) created_after: Option<Moment>,
    /// Started before a time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) created_before: Option<Moment>,
    /// Finished at or after a time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) finished_after: Option<Moment>,
    /// Finished before a time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) finished_before: Option<Moment>,
}

impl Filter {
    /// Whether all instances pass.
    pub(crate) fn is_empty(&self) -> bool {
        self.query(SystemTime::UNIX_EPOCH).is_empty()
    }

    /// As the API takes it in an address.
    pub(crate) fn query(&self, now: SystemTime) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        for state in &self.state {
            query.push(("state", state.to_ascii_lowercase()));
        }
        let texts = [("name", &self.name), ("prefix", &self.prefix)];
        query.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
        query.extend(self.attr.iter().map(|condition| ("attr", condition.clone())));
        let times = [
            ("created_from", self.created_after),
            ("created_until", self.created_before),
            ("finished_from", self.finished_after),
            ("finished_until", self.finished_before),
        ];
        query.extend(times.into_iter().filter_map(|(name, at)| Some((name, at?.text(now)))));
        query
    }

    /// As a store takes it.
    pub(crate) fn instances(&self, now: SystemTime) -> Done<InstanceFilter> {
        let states: Result<Vec<InstanceState>, _> =
            self.state.iter().map(|state| state.parse()).collect();
        let mut filter = InstanceFilter::new().states(states.map_err(Failure::misused)?);
        if let Some(name) = &self.name {
            filter = filter.name(name);
        }
        if let Some(prefix) = &self.prefix {
            filter = filter.id_prefix(prefix);
        }
        for condition in &self.attr {
            filter = filter.with(attribute_condition(condition).map_err(Failure::misused)?);
        }
        let at = |moment: Option<Moment>| {
            moment.map(|moment| Timestamp::from_micros(moment.micros(now)))
        };
        let range = |from, until| TimeRange { from: at(from), until: at(until) };
        filter = filter.created(range(self.created_after, self.created_before));
        filter = filter.finished(range(self.finished_after, self.finished_before));
        filter.check().map_err(Failure::misused)?;
        Ok(filter)
    }

    /// In words, for questions.
    pub(crate) fn describe(&self) -> String {
        let parts: Vec<_> = self
            .query(SystemTime::now())
            .into_iter()
            .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
            .collect();
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        filter: Filter,
    }

    #[test]
    fn a_filter_becomes_a_query() {
        let arguments = [
            "x",
            "--state",
            "Failed,parked",
            "--name",
            "order",
            "--attr",
            "customer=ada",
            "--created-after",
            "2026-11-29",
        ];
        let filter = Only::parse_from(arguments).filter;
        assert_eq!(
            filter.query(SystemTime::UNIX_EPOCH),
            [
                ("state", "failed".to_owned()),
                ("state", "parked".to_owned()),
                ("name", "order".to_owned()),
                ("attr", "customer=ada".to_owned()),
                ("created_from", "2026-11-29T00:00:00.000000Z".to_owned()),
            ]
        );
        assert!(!filter.is_empty() && Filter::default().is_empty());
    }
}
