//! The names under which a host counts: their number is bounded.

use foldhash::HashMap;
use reenact_core::Name;

use super::{MAX_NAMES, OTHER};

/// The place of a name among the names of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(u16);

impl Label {
    /// Of everything without a name of its own.
    pub(crate) const OTHER: Self = Self(u16::MAX);

    /// Its place among so many, of which the last is that of all others.
    pub(crate) fn place(self, all: usize) -> usize {
        usize::from(self.0).min(all.saturating_sub(1))
    }
}

/// The names of one kind, which are known when the host starts.
#[derive(Debug)]
pub(crate) struct Labels {
    names: Vec<Name>,
    by_name: HashMap<Name, Label>,
}

impl Labels {
    /// The first names in their order have a label of their own.
    pub(crate) fn of(mut names: Vec<Name>) -> Self {
        names.sort_unstable();
        // What is called so is counted with all others: the text of a label is unique.
        names.retain(|name| name.as_str() != OTHER);
        names.truncate(MAX_NAMES);
        let by_name = (0..).zip(&names).map(|(place, name)| (name.clone(), Label(place)));
        Self { by_name: by_name.collect(), names }
    }

    pub(crate) fn label(&self, name: &Name) -> Label {
        self.by_name.get(name).copied().unwrap_or(Label::OTHER)
    }

    /// How many there are, that of all others included.
    pub(crate) fn len(&self) -> usize {
        self.names.len() + 1
    }

    /// Their texts in order; the last is that of all others.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(Name::as_str).chain([OTHER])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn what_is_not_known_is_counted_with_all_others() {
        let labels = Labels::of(vec![name("ship"), name("other"), name("charge")]);
        assert_eq!(labels.texts().collect::<Vec<_>>(), ["charge", "ship", "other"]);
        assert_eq!(labels.label(&name("ship")).place(labels.len()), 1);
        for unknown in ["bill", "other"] {
            assert_eq!(labels.label(&name(unknown)).place(labels.len()), 2);
        }
    }

    #[test]
    fn there_are_never_more_than_the_limit_and_all_others() {
        let many = (0..2 * MAX_NAMES).map(|n| name(&format!("activity-{n:05}"))).collect();
        let labels = Labels::of(many);
        assert_eq!(labels.len(), MAX_NAMES + 1);
        let past = labels.label(&name(&format!("activity-{MAX_NAMES:05}")));
        assert_eq!(past, Label::OTHER);
    }
}
