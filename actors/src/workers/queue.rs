//! Which activity runs next: fair between instances, bounded per host and per name.

use std::collections::{BTreeMap, HashMap, VecDeque};

use reenact_core::{InstanceId, Name};

/// How many instances of a name may keep a turn although they have no waiting tasks, in addition to
/// half of all instances that have a turn.
const EMPTY_TURNS: usize = 64;

/// Tasks that wait for a place. Names take turns, and within a name instances do, so that one with ten
/// thousand branches does not delay the others. Within an instance, tasks go in the order of their
/// keys. Every operation costs the logarithm of the number of waiting tasks.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    limit: usize,
    running: usize,
    /// Whether names have limits of their own.
    limited: bool,
    names: foldhash::HashMap<Name, OfName<K, T>>,
    /// The names with instances that have a turn to come, each once.
    turns: VecDeque<Name>,
    /// The threads for tasks that block.
    threads: Threads,
    /// The number of all waiting tasks.
    waiting: usize,
}

/// Threads for tasks that block. They are counted apart from places: such a task starts when both are
/// free.
#[derive(Debug, Default)]
struct Threads {
    /// 0 where no name blocks.
    limit: usize,
    taken: usize,
}

#[derive(Debug)]
struct OfName<K, T> {
    /// Whether its tasks take a thread each.
    blocks: bool,
    limit: usize,
    running: usize,
    /// Whether it is among the names that have a turn to come.
    has_turn: bool,
    /// The number of waiting tasks.
    tasks: usize,
    /// The tasks of each instance that has a turn to come. Tasks of one key are in the order in which they
    /// came.
    waiting: foldhash::HashMap<InstanceId, BTreeMap<(K, u64), T>>,
    /// Each of these instances, once.
    turns: VecDeque<InstanceId>,
    /// The number of these instances that have no waiting tasks any more.
    empty: usize,
    /// The number of tasks that have ever come.
    come: u64,
}

impl<K: Copy + Ord, T> FairQueue<K, T> {
    pub(crate) fn new(limit: usize, limits: HashMap<Name, usize>) -> Self {
        let limited = !limits.is_empty();
        let names = limits.into_iter().map(|(name, limit)| (name, OfName::new(limit))).collect();
        let (turns, threads) = (VecDeque::new(), Threads::default());
        Self { limit, running: 0, limited, names, turns, threads, waiting: 0 }
    }

    /// Tasks of these names take one of a bounded number of threads, besides their place.
    pub(crate) fn with_threads_for(
        mut self,
        blocking: impl IntoIterator<Item = Name>,
        limit: usize,
    ) -> Self {
        for name in blocking {
            let of_name = self.names.entry(name).or_insert_with(|| OfName::new(usize::MAX));
            of_name.blocks = true;
            self.threads.limit = limit.max(1);
        }
        self
    }

    /// Queues a task, or gives it back when it can run at once.
    pub(crate) fn push(
        &mut self,
        name: &Name,
        instance: &InstanceId,
        key: K,
        task: T,
    ) -> Option<T> {
        let of_name = match self.names.get_mut(name) {
            Some(of_name) => of_name,
            None => self.names.entry(name.clone()).or_insert_with(|| OfName::new(usize::MAX)),
        };
        let free = self.running < self.limit && of_name.has_room(&self.threads);
        if free && of_name.tasks == 0 {
            self.running += 1;
            of_name.begin(&mut self.threads);
            return Some(task);
        }
        if !of_name.has_turn {
            of_name.has_turn = true;
            self.turns.push_back(name.clone());
        }
        of_name.push(instance, key, task);
        self.waiting += 1;
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

    /// A task that blocks has given its thread back, which may be long after its place. The thread goes to
    /// the next task that may take it.
    pub(crate) fn thread_is_free(&mut self) -> Option<T> {
        self.threads.taken = self.threads.taken.saturating_sub(1);
        self.next()
    }

    fn next(&mut self) -> Option<T> {
        if self.turns.is_empty() || self.running >= self.limit {
            return None;
        }
        // Names at their own limit are passed over and keep their turn; so are names without waiting
        // tasks.
        let free = |of: &OfName<K, T>| of.has_room(&self.threads) && of.tasks > 0;
        let at = self.turns.iter().position(|name| self.names.get(name).is_some_and(free))?;
        let name = self.turns.remove(at)?;
        let of_name = self.names.get_mut(&name)?;
        let task = of_name.next()?;
        self.waiting -= 1;
        self.running += 1;
        of_name.begin(&mut self.threads);
        if of_name.tasks > 0 {
            self.turns.push_back(name);
        } else {
            of_name.has_turn = false;
        }
        Some(task)
    }

    /// Forgets the waiting tasks of an instance that have this key; returns how many there were.
    pub(crate) fn forget(&mut self, name: &Name, instance: &InstanceId, key: K) -> usize {
        let forgotten = self.names.get_mut(name).map_or(0, |of_name| of_name.forget(instance, key));
        self.waiting -= forgotten;
        forgotten
    }

    /// Whether a task that does not block must go through the queue: other tasks wait, or its name may have
    /// a limit. Otherwise it is enough to report how many [run](Self::set_running).
    pub(crate) fn is_needed(&self) -> bool {
        self.limited || self.waiting > 0
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Sets how many tasks run: some have begun and ended without the queue.
    pub(crate) fn set_running(&mut self, running: usize) {
        self.running = running;
    }

    /// How many more tasks may run, of names below a limit of their own. It is one at a time where names
    /// have limits, or block and no thread is free: the next task may be of such a name.
    pub(crate) fn free(&self) -> usize {
        let free = self.limit.saturating_sub(self.running);
        match self.threads {
            _ if self.limited => free.min(1),
            Threads { limit: 0, .. } => free,
            Threads { limit, taken } => free.min(limit.saturating_sub(taken).max(1)),
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// The names of which tasks wait, with their number.
    pub(crate) fn waiting(&self) -> Vec<(Name, usize)> {
        let waiting = self.names.iter().filter(|(_, of_name)| of_name.tasks > 0);
        waiting.map(|(name, of_name)| (name.clone(), of_name.tasks)).collect()
    }

    /// Takes out all waiting tasks, in the order of names and instances.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.turns.clear();
        self.waiting = 0;
        let mut names: Vec<_> = self.names.iter_mut().collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        let waiting = names.into_iter().flat_map(|(_, of_name)| {
            (of_name.has_turn, of_name.tasks, of_name.empty) = (false, 0, 0);
            of_name.turns.clear();
            BTreeMap::from_iter(of_name.waiting.drain()).into_values()
        });
        waiting.flat_map(BTreeMap::into_values).collect()
    }
}

impl<K: Copy + Ord, T> OfName<K, T> {
    fn new(limit: usize) -> Self {
        Self {
            blocks: false,
            limit,
            running: 0,
            has_turn: false,
            tasks: 0,
            waiting: foldhash::HashMap::default(),
            turns: VecDeque::new(),
            empty: 0,
            come: 0,
        }
    }

    /// Whether one more may run, if there is a place.
    fn has_room(&self, threads: &Threads) -> bool {
        self.running < self.limit && (!self.blocks || threads.taken < threads.limit)
    }

    fn begin(&mut self, threads: &mut Threads) {
        self.running += 1;
        threads.taken += usize::from(self.blocks);
    }

    fn push(&mut self, instance: &InstanceId, key: K, task: T) {
        self.come += 1;
        self.tasks += 1;
        match self.waiting.get_mut(instance) {
            Some(waiting) => {
                self.empty -= usize::from(waiting.is_empty());
                waiting.insert((key, self.come), task);
            }
            None => {
                let waiting = BTreeMap::from([((key, self.come), task)]);
                self.waiting.insert(instance.clone(), waiting);
                self.turns.push_back(instance.clone());
            }
        }
    }

    fn next(&mut self) -> Option<T> {
        loop {
            let instance = self.turns.pop_front()?;
            let waiting = self.waiting.get_mut(&instance)?;
            let task = waiting.pop_first();
            if waiting.is_empty() {
                self.waiting.remove(&instance);
            } else {
                self.turns.push_back(instance);
            }
            match task {
                Some((_, task)) => {
                    self.tasks -= 1;
                    return Some(task);
                }
                None => self.empty -= 1,
            }
        }
    }

    /// An instance without waiting tasks keeps its turn for a while: finding it among the others each time
    /// would take time in proportion to their number.
    fn forget(&mut self, instance: &InstanceId, key: K) -> usize {
        let Some(waiting) = self.waiting.get_mut(instance) else { return 0 };
        let mut forgotten = 0;
        while let Some((&found, _)) = waiting.range((key, 0)..=(key, u64::MAX)).next() {
            waiting.remove(&found);
            forgotten += 1;
        }
        self.tasks -= forgotten;
        if forgotten > 0 && waiting.is_empty() {
            self.empty += 1;
            if self.empty > EMPTY_TURNS + self.turns.len() / 2 {
                self.waiting.retain(|_, waiting| !waiting.is_empty());
                self.turns.retain(|instance| self.waiting.contains_key(instance));
                self.empty = 0;
            }
        }
        forgotten
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
        assert_eq!(queue.push(&work, &instance("first"), 0, 0), Some(0));
        for task in 1..=3 {
            assert_eq!(queue.push(&work, &instance("wide"), task, task), None);
        }
        assert_eq!(queue.push(&work, &instance("small"), 10, 10), None);
        let order: Vec<i32> = std::iter::from_fn(|| queue.finished(&work)).collect();
        assert_eq!(order, [1, 10, 2, 3]);
    }

    #[test]
    fn a_name_at_its_limit_does_not_hold_up_another() {
        let (slow, fast) = (name("slow"), name("fast"));
        let mut queue = FairQueue::new(2, HashMap::from([(slow.clone(), 1)]));
        let one = instance("one");
        assert_eq!(queue.push(&slow, &one, 1, 1), Some(1));
        assert_eq!(queue.push(&slow, &one, 2, 2), None);
        assert_eq!(queue.push(&fast, &one, 3, 3), Some(3));
        assert_eq!(queue.push(&fast, &one, 4, 4), None);
        assert_eq!(queue.finished(&fast), Some(4), "slow is at its limit, fast is not");
        assert_eq!(queue.finished(&slow), Some(2));
        assert_eq!(queue.running(), 2);
    }

    #[test]
    fn a_task_that_blocks_starts_when_a_place_and_a_thread_are_free() {
        let (file, quick, one) = (name("file"), name("quick"), instance("one"));
        let mut queue = FairQueue::new(2, HashMap::new()).with_threads_for([file.clone()], 1);
        assert_eq!(queue.push(&file, &one, 1, 1), Some(1));
        assert_eq!(queue.push(&file, &one, 2, 2), None, "there is one thread");
        assert_eq!(queue.push(&quick, &one, 3, 3), Some(3), "which this one does not need");
        assert_eq!(queue.push(&quick, &one, 4, 4), None);
        // The first is cut off: another takes its place, but none takes its thread.
        assert_eq!(queue.finished(&file), Some(4));
        assert_eq!(queue.finished(&quick), None);
        assert_eq!(queue.free(), 1, "what comes next may block");
        assert_eq!(queue.thread_is_free(), Some(2));
        assert_eq!(queue.running(), 2);
    }

    #[test]
    fn as_many_may_come_as_there_are_threads_where_all_may_block() {
        let (file, one) = (name("file"), instance("one"));
        let mut queue = FairQueue::new(9, HashMap::new()).with_threads_for([file.clone()], 3);
        assert_eq!(queue.free(), 3);
        assert_eq!(queue.push(&file, &one, 1, 1), Some(1));
        assert_eq!(queue.free(), 2);
    }

    #[test]
    fn a_forgotten_task_never_runs() {
        let work = name("work");
        let mut queue = FairQueue::new(1, HashMap::new());
        assert_eq!(queue.push(&work, &instance("a"), 1, 1), Some(1));
        queue.push(&work, &instance("a"), 2, 2);
        queue.push(&work, &instance("b"), 3, 3);
        assert_eq!(queue.forget(&work, &instance("a"), 2), 1);
        assert_eq!(queue.forget(&work, &instance("a"), 2), 0);
        assert_eq!(queue.finished(&work), Some(3));
        assert_eq!(queue.finished(&work), None);
        assert_eq!(queue.running(), 0);
    }

    #[test]
    fn what_comes_after_all_was_forgotten_runs_at_once() {
        let (work, one) = (name("work"), instance("one"));
        let mut queue = FairQueue::new(1, HashMap::new());
        assert_eq!(queue.push(&work, &one, 1, 1), Some(1));
        (2..=100).for_each(|task| assert_eq!(queue.push(&work, &one, task, task), None));
        (2..=100).for_each(|task| assert_eq!(queue.forget(&work, &one, task), 1));
        assert_eq!(queue.finished(&work), None);
        assert_eq!(queue.push(&work, &one, 101, 101), Some(101));
        assert_eq!(queue.push(&work, &one, 102, 102), None);
        assert_eq!(queue.finished(&work), Some(102));
    }

    #[test]
    fn instances_without_waiting_tasks_keep_no_turns() {
        let work = name("work");
        let mut queue = FairQueue::new(1, HashMap::new());
        assert_eq!(queue.push(&work, &instance("runs"), 0, 0), Some(0));
        for number in 0..10_000 {
            let instance = instance(&number.to_string());
            assert_eq!(queue.push(&work, &instance, number, number), None);
            assert_eq!(queue.forget(&work, &instance, number), 1);
        }
        let of_name = &queue.names[&work];
        assert!(of_name.turns.len() <= 4 * EMPTY_TURNS, "{}", of_name.turns.len());
        assert_eq!(of_name.turns.len(), of_name.waiting.len());
        assert_eq!(queue.push(&work, &instance("last"), 7, 7), None);
        assert_eq!(queue.finished(&work), Some(7));
    }

    #[test]
    fn the_tasks_of_an_instance_go_in_the_order_of_their_keys() {
        let (work, one) = (name("work"), instance("one"));
        let mut queue = FairQueue::new(1, HashMap::new());
        assert_eq!(queue.push(&work, &one, 1, "first"), Some("first"));
        let later = [(3, "third"), (2, "second"), (2, "second again")];
        later
            .into_iter()
            .for_each(|(key, task)| assert!(queue.push(&work, &one, key, task).is_none()));
        let order: Vec<_> = std::iter::from_fn(|| queue.finished(&work)).collect();
        assert_eq!(order, ["second", "second again", "third"]);
    }
}
