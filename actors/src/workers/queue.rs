//! Which activity runs next: fair between instances, bounded per host and per name.

use std::collections::{HashMap, VecDeque};

use reenact_core::{InstanceId, Name};

/// Tasks that wait for a place. Within a name, instances take turns, so that one with ten thousand
/// branches does not hold up the others; names take turns too.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    limit: usize,
    running: usize,
    /// Whether names have limits of their own.
    limited: bool,
    names: HashMap<Name, OfName<T>>,
    /// Names with waiting tasks, each once.
    turns: VecDeque<Name>,
}

#[derive(Debug)]
struct OfName<T> {
    limit: usize,
    running: usize,
    waiting: HashMap<InstanceId, VecDeque<T>>,
    /// Instances with waiting tasks, each once.
    turns: VecDeque<InstanceId>,
}

impl<T> FairQueue<T> {
    pub(crate) fn new(limit: usize, limits: HashMap<Name, usize>) -> Self {
        let limited = !limits.is_empty();
        let names = limits.into_iter().map(|(name, limit)| (name, OfName::new(limit))).collect();
        Self { limit, running: 0, limited, names, turns: VecDeque::new() }
    }

    /// Queues a task, or gives it back when it can run at once.
    pub(crate) fn push(&mut self, name: &Name, instance: &InstanceId, task: T) -> Option<T> {
        let of_name = match self.names.get_mut(name) {
            Some(of_name) => of_name,
            None => self.names.entry(name.clone()).or_insert_with(|| OfName::new(usize::MAX)),
        };
        let free = self.running < self.limit && of_name.running < of_name.limit;
        if free && of_name.turns.is_empty() {
            self.running += 1;
            of_name.running += 1;
            return Some(task);
        }
        if of_name.turns.is_empty() {
            self.turns.push_back(name.clone());
        }
        let waiting = of_name.waiting.entry(instance.clone()).or_default();
        if waiting.is_empty() {
            of_name.turns.push_back(instance.clone());
        }
        waiting.push_back(task);
        None
    }

    /// A task has ended: its place goes to the next that may take it.
    pub(crate) fn finished(&mut self, name: &Name) -> Option<T> {
        self.running = self.running.saturating_sub(1);
        if let Some(of_name) = self.names.get_mut(name) {
            of_name.running = of_name.running.saturating_sub(1);
        }
        self.next()
    }

    fn next(&mut self) -> Option<T> {
        if self.turns.is_empty() || self.running >= self.limit {
            return None;
        }
        // Names at their own limit are passed over, and keep their turn.
        let free = |name| self.names.get(name).is_some_and(|of| of.running < of.limit);
        let at = self.turns.iter().position(free)?;
        let name = self.turns.remove(at)?;
        let of_name = self.names.get_mut(&name)?;
        let task = of_name.next()?;
        self.running += 1;
        of_name.running += 1;
        if !of_name.turns.is_empty() {
            self.turns.push_back(name);
        }
        Some(task)
    }

    /// Forgets the waiting tasks of an instance that `forget` picks.
    pub(crate) fn forget(
        &mut self,
        name: &Name,
        instance: &InstanceId,
        mut forget: impl FnMut(&T) -> bool,
    ) {
        let Some(of_name) = self.names.get_mut(name) else { return };
        let Some(waiting) = of_name.waiting.get_mut(instance) else { return };
        waiting.retain(|task| !forget(task));
        if waiting.is_empty() {
            of_name.waiting.remove(instance);
            of_name.turns.retain(|other| other != instance);
            if of_name.turns.is_empty() {
                self.turns.retain(|other| other != name);
            }
        }
    }

    /// How many more may run, of names that are not at a limit of their own. One at a time where names
    /// have limits: what comes next may be of such a name.
    pub(crate) fn free(&self) -> usize {
        let free = self.limit.saturating_sub(self.running);
        if self.limited { free.min(1) } else { free }
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Takes out all waiting tasks.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.turns.clear();
        let waiting = self.names.values_mut().flat_map(|of_name| {
            of_name.turns.clear();
            of_name.waiting.drain().flat_map(|(_, tasks)| tasks)
        });
        waiting.collect()
    }
}

impl<T> OfName<T> {
    fn new(limit: usize) -> Self {
        Self { limit, running: 0, waiting: HashMap::new(), turns: VecDeque::new() }
    }

    fn next(&mut self) -> Option<T> {
        let instance = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&instance)?;
        let task = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&instance);
        } else {
            self.turns.push_back(instance);
        }
        task
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn instance(text: &str) -> InstanceId {
        InstanceId::new(text).unwrap()
    }

    #[test]
    fn instances_take_turns() {
        let mut queue = FairQueue::new(1, HashMap::new());
        let work = name("work");
        assert_eq!(queue.push(&work, &instance("first"), 0), Some(0));
        for task in 1..=3 {
            assert_eq!(queue.push(&work, &instance("wide"), task), None);
        }
        assert_eq!(queue.push(&work, &instance("small"), 10), None);
        let order: Vec<i32> = std::iter::from_fn(|| queue.finished(&work)).collect();
        assert_eq!(order, [1, 10, 2, 3]);
    }

    #[test]
    fn a_name_at_its_limit_does_not_hold_up_another() {
        let (slow, fast) = (name("slow"), name("fast"));
        let mut queue = FairQueue::new(2, HashMap::from([(slow.clone(), 1)]));
        let one = instance("one");
        assert_eq!(queue.push(&slow, &one, 1), Some(1));
        assert_eq!(queue.push(&slow, &one, 2), None);
        assert_eq!(queue.push(&fast, &one, 3), Some(3));
        assert_eq!(queue.push(&fast, &one, 4), None);
        assert_eq!(queue.finished(&fast), Some(4), "slow is at its limit, fast is not");
        assert_eq!(queue.finished(&slow), Some(2));
        assert_eq!(queue.running(), 2);
    }

    #[test]
    fn a_forgotten_task_never_runs() {
        let work = name("work");
        let mut queue = FairQueue::new(1, HashMap::new());
        assert_eq!(queue.push(&work, &instance("a"), 1), Some(1));
        queue.push(&work, &instance("a"), 2);
        queue.push(&work, &instance("b"), 3);
        queue.forget(&work, &instance("a"), |task| *task == 2);
        assert_eq!(queue.finished(&work), Some(3));
        assert_eq!(queue.finished(&work), None);
        assert_eq!(queue.running(), 0);
    }
}
