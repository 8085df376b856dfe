//! Which work a worker takes.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use crate::proto::WorkItemFilters;

/// What a worker has the code of. One that does not say takes everything.
#[derive(Debug)]
pub(super) struct Accepts(Option<[BTreeMap<String, BTreeSet<String>>; 3]>);

impl Accepts {
    pub(super) fn of(filters: Option<WorkItemFilters>) -> Self {
        Self(filters.map(|filters| {
            let orchestrations = filters.orchestrations.into_iter();
            let activities = filters.activities.into_iter();
            let entities = filters.entities.into_iter();
            [
                by_name(orchestrations.map(|filter| (filter.name, filter.versions))),
                by_name(activities.map(|filter| (filter.name, filter.versions))),
                // Types of entities are written in small letters in ids.
                by_name(entities.map(|filter| (filter.name.to_lowercase(), Vec::new()))),
            ]
        }))
    }

    pub(super) fn takes(&self, kind: Kind, name: &str, version: &str) -> bool {
        let Some(kinds) = &self.0 else { return true };
        let versions = match kind {
            Kind::Operate => kinds[kind as usize].get(&name.to_lowercase()),
            Kind::Decide | Kind::Act => kinds[kind as usize].get(name),
        };
        versions.is_some_and(|versions| versions.is_empty() || versions.contains(version))
    }
}

/// The versions by name. A name without versions is of all.
fn by_name(
    filters: impl Iterator<Item = (String, Vec<String>)>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut names = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, versions) in filters {
        names.entry(name).or_default().extend(versions);
    }
    names
}
