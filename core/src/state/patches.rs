//! The patches of an execution: markers in the log for changes of the code.

use super::State;
use super::mode::Mode;
use super::pending_drop::PendingDrop;
use crate::event::Event;
use crate::ids::Name;

impl State {
    /// Whether the code is to do what is new. Decided once for each name.
    pub(crate) fn patched(&mut self, name: Name) -> bool {
        match self.mode {
            Mode::Live | Mode::Replay(_) => {
                if let Some(patched) = self.patches.get(&name) {
                    return *patched;
                }
                let patched = match self.is_replaying() {
                    true => self.halt.is_none() && self.takes_marker(&name),
                    false => self.record(Event::PatchMarked { name: name.clone() }).counts(),
                };
                self.patches.insert(name, patched);
                patched
            }
            // No turn: recording says so.
            Mode::Between | Mode::Closed => self.record(Event::PatchMarked { name }).counts(),
        }
    }

    /// Passes over the markers that come next in the log: the code that is there now does not ask for
    /// them, or no longer in this place.
    pub(crate) fn pass_over_markers(&mut self) {
        while self.pass_over_marker() {}
    }

    /// Whether the marker of that name is among those that come next; they are passed over up to it.
    fn takes_marker(&mut self, name: &Name) -> bool {
        if !self.marker_comes_next(name) {
            return false;
        }
        loop {
            let Mode::Replay(expected) = &self.mode else { return false };
            let is_it = expected.front().and_then(marked).map(|marked| marked == name);
            let passed = match is_it {
                Some(_) => self.pass_over_marker(),
                None => self.record_next_drop(),
            };
            if is_it == Some(true) || !passed {
                return passed;
            }
        }
    }

    /// Whether it stands in front of every other step but what the code has just dropped.
    fn marker_comes_next(&self, name: &Name) -> bool {
        let Mode::Replay(expected) = &self.mode else { return false };
        let mut drops = self.turn.drops.iter().filter_map(PendingDrop::event);
        let mut next = expected.iter().map_while(|event| match marked(event) {
            Some(marked) => Some(marked == name),
            None => (drops.next().as_ref() == Some(event)).then_some(false),
        });
        next.any(|is_it| is_it)
    }

    fn pass_over_marker(&mut self) -> bool {
        let Mode::Replay(expected) = &mut self.mode else { return false };
        let Some(name) = expected.front().and_then(marked).cloned() else { return false };
        expected.pop_front().iter().for_each(|marker| self.count(marker));
        self.patches.entry(name).or_insert(true);
        true
    }
}

fn marked(event: &Event) -> Option<&Name> {
    if let Event::PatchMarked { name } = event { Some(name) } else { None }
}
