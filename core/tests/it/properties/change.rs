//! Changes of programs: the code of an instance is another one than before.

use super::program::{EVENTS, Leaf, Step};

/// A change to a program, somewhere in it.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Rename,
    Delete,
    SwapWithNext,
    Insert(Step),
}

/// Changes the step at a place, counted through all branches. Gives what is left of the count.
pub(crate) fn change(steps: &mut Vec<Step>, mut place: usize, how: &Change) -> Result<(), usize> {
    for index in 0..steps.len() {
        if place == 0 {
            change_step(steps, index, how);
            return Ok(());
        }
        place -= 1;
        for branch in branches(&mut steps[index]) {
            match change(branch, place, how) {
                Ok(()) => return Ok(()),
                Err(left) => place = left,
            }
        }
    }
    Err(place)
}

fn branches(step: &mut Step) -> Vec<&mut Vec<Step>> {
    match step {
        Step::Join(branches) | Step::Unordered(branches) => branches.iter_mut().collect(),
        Step::ByChance(one, other) | Step::Select(one, other) => vec![one, other],
        Step::Limited(_, branch)
        | Step::Locked(_, branch)
        | Step::Shielded(branch)
        | Step::UntilCancelled(branch) => vec![branch],
        _ => Vec::new(),
    }
}

fn change_step(steps: &mut Vec<Step>, index: usize, how: &Change) {
    match how {
        Change::Delete => drop(steps.remove(index)),
        Change::Insert(step) => steps.insert(index, step.clone()),
        Change::SwapWithNext if index + 1 < steps.len() => steps.swap(index, index + 1),
        Change::SwapWithNext => {}
        Change::Rename => rename(&mut steps[index]),
    }
}

/// Other policies for all that is retried.
pub(crate) fn change_policies(steps: &mut [Step]) {
    for step in steps {
        match step {
            Step::Await(leaf) | Step::AwaitLater(leaf) | Step::ScheduleAndDrop(leaf) => {
                change_policy(leaf);
            }
            Step::Race(leaves, _) | Step::All(leaves) => leaves.iter_mut().for_each(change_policy),
            step => branches(step).into_iter().for_each(|branch| change_policies(branch)),
        }
    }
}

fn change_policy(leaf: &mut Leaf) {
    *leaf = match *leaf {
        Leaf::Activity(number) => Leaf::Retried { number, attempts: 2, limited: true },
        Leaf::Retried { number, attempts: 1, .. } => Leaf::Tagged(number, None),
        Leaf::Tagged(number, None) => Leaf::Local(number, None),
        Leaf::Local(number, None) => Leaf::Activity(number),
        Leaf::Local(number, Some(attempts)) => Leaf::Local(number, Some(attempts + 1)),
        Leaf::Tagged(number, Some(attempts)) => Leaf::Tagged(number, Some(attempts + 1)),
        Leaf::Retried { number, attempts, limited } => {
            Leaf::Retried { number, attempts: attempts + 1, limited: !limited }
        }
        other => other,
    };
}

fn rename(step: &mut Step) {
    match step {
        Step::Await(leaf) | Step::AwaitLater(leaf) | Step::ScheduleAndDrop(leaf) => {
            rename_leaf(leaf);
        }
        Step::Race(leaves, _) | Step::All(leaves) => leaves.iter_mut().for_each(rename_leaf),
        _ => {}
    }
}

fn rename_leaf(leaf: &mut Leaf) {
    match leaf {
        Leaf::Activity(number)
        | Leaf::Retried { number, .. }
        | Leaf::Limited(number, _)
        | Leaf::Tagged(number, _)
        | Leaf::Local(number, _) => {
            *number += 100;
        }
        Leaf::Timer(after) => *after = after.wrapping_add(1),
        Leaf::Wait(event) => *event = (*event + 1) % EVENTS.len(),
        Leaf::Child(number)
        | Leaf::Abandoned(number)
        | Leaf::Start(number)
        | Leaf::Send(number)
        | Leaf::Ask(number) => *number += 1,
    }
}
