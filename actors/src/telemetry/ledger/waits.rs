//! The external events that nobody has taken, and the waits for them, as the log shows them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use reenact_core::{CorrelationId, Name, TraceContext};

/// By name. First event to first wait, as in the core: nothing is assigned before it is taken, so a wait that goes away
/// leaves its event to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits(BTreeMap<Name, OfName>);

/// Those of one name.
#[derive(Clone, Debug, Default)]
struct OfName {
    /// Events that nobody is known to have taken, oldest first.
    events: VecDeque<Raised>,
    /// Waits that are not known to have taken one, oldest first; each with the place of the event with which it became
    /// ready, once it is.
    waits: VecDeque<(CorrelationId, Option<u64>)>,
}

#[derive(Clone, Debug)]
struct Raised {
    /// Its place in the log.
    place: u64,
    trace: Option<TraceContext>,
}

/// A wait for which there is an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) id: CorrelationId,
    /// The event.
    pub(super) name: Name,
    /// The place in the log of what has made it ready.
    pub(super) since: u64,
}

impl Waits {
    pub(super) fn raise(&mut self, place: u64, name: &Name, trace: Option<TraceContext>) {
        let of_name = self.0.entry(name.clone()).or_default();
        of_name.events.push_back(Raised { place, trace });
        of_name.note_ready(place);
    }

    pub(super) fn subscribe(&mut self, place: u64, name: &Name, id: CorrelationId) {
        let of_name = self.0.entry(name.clone()).or_default();
        of_name.waits.push_back((id, None));
        of_name.note_ready(place);
    }

    pub(super) fn unsubscribe(&mut self, place: u64, name: &Name, id: CorrelationId) {
        if let Some(of_name) = self.0.get_mut(name) {
            of_name.waits.retain(|(wait, _)| *wait != id);
            of_name.note_ready(place);
        }
    }

    /// A wait for an event of any name has taken the event in that place.
    pub(super) fn take_event(&mut self, name: &Name, place: u64) {
        if let Some(of_name) = self.0.get_mut(name) {
            of_name.events.retain(|event| event.place != place);
        }
    }

    /// Takes out the waits that are ready and not there any more; gives each with the trace of its event.
    pub(super) fn take(
        &mut self,
        is_there: impl Fn(&Ready) -> bool,
    ) -> Vec<(Ready, Option<TraceContext>)> {
        let mut taken = Vec::new();
        for (name, of_name) in &mut self.0 {
            let mut place = 0;
            while let Some((id, Some(since))) = of_name.waits.get(place).copied() {
                let ready = Ready { id, name: name.clone(), since };
                if is_there(&ready) {
                    place += 1;
                    continue;
                }
                of_name.waits.remove(place);
                let event = of_name.events.remove(place);
                taken.push((ready, event.and_then(|event| event.trace)));
            }
        }
        self.0.retain(|_, of_name| !of_name.events.is_empty() || !of_name.waits.is_empty());
        taken.sort_by_key(|(ready, _)| (ready.since, ready.id));
        taken
    }

    /// The code begins anew, after it has taken the events in these places.
    pub(super) fn begin_anew(&mut self, taken: &[u64]) {
        let taken: BTreeSet<_> = taken.iter().collect();
        for of_name in self.0.values_mut() {
            of_name.waits.clear();
            of_name.events.retain(|event| !taken.contains(&event.place));
        }
        self.0.retain(|_, of_name| !of_name.events.is_empty());
    }
}

impl OfName {
    /// As many waits are ready as there are events.
    fn note_ready(&mut self, place: u64) {
        let ready = self.waits.iter_mut().take(self.events.len());
        ready.for_each(|(_, since)| {
            since.get_or_insert(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go() -> Name {
        Name::new("Go").expect("a name")
    }

    fn ready(since: u64, id: CorrelationId) -> Ready {
        Ready { id, name: go(), since }
    }

    fn trace(id: u8) -> TraceContext {
        TraceContext::new([id; 16], [id; 8], 1).expect("ids")
    }

    const FIRST: CorrelationId = CorrelationId(1);
    const SECOND: CorrelationId = CorrelationId(2);

    #[test]
    fn the_event_of_a_wait_that_goes_away_is_for_the_next() {
        let mut waits = Waits::default();
        waits.subscribe(1, &go(), FIRST);
        waits.raise(2, &go(), Some(trace(7)));
        assert!(waits.take(|_| true).is_empty(), "the code has not taken it");
        waits.unsubscribe(3, &go(), FIRST);
        waits.subscribe(4, &go(), SECOND);
        let taken = waits.take(|_| false);
        assert_eq!(taken, [(ready(4, SECOND), Some(trace(7)))]);
        assert!(waits.0.is_empty());
    }

    #[test]
    fn waits_that_are_ready_are_taken_in_any_order() {
        let mut waits = Waits::default();
        waits.subscribe(1, &go(), FIRST);
        waits.subscribe(2, &go(), SECOND);
        waits.raise(3, &go(), Some(trace(3)));
        waits.raise(4, &go(), Some(trace(4)));
        let second = waits.take(|ready| ready.id == FIRST);
        assert_eq!(second, [(ready(4, SECOND), Some(trace(4)))]);
        let first = waits.take(|_| false);
        assert_eq!(first, [(ready(3, FIRST), Some(trace(3)))]);
    }

    #[test]
    fn code_that_begins_anew_finds_the_events_that_nobody_has_taken() {
        let mut waits = Waits::default();
        waits.subscribe(1, &go(), FIRST);
        waits.subscribe(2, &go(), SECOND);
        waits.raise(3, &go(), Some(trace(3)));
        waits.raise(4, &go(), Some(trace(4)));
        waits.begin_anew(&[3]);
        waits.subscribe(9, &go(), CorrelationId(5));
        let taken = waits.take(|_| false);
        assert_eq!(taken, [(ready(9, CorrelationId(5)), Some(trace(4)))]);
    }
}
