//! What must be in the stream of a program.

use reenact::Emitted;

use super::{Item, Program, Step};

/// Whether these may be the items of a program: each once, step after step. Each attempt of an activity emits from the
/// beginning, and the last one all. Of a program that was stopped, they are the first ones.
pub(crate) fn check_items(
    program: &Program,
    items: &[Emitted<Item>],
    has_completed: bool,
) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{why}: {items:?}"));
    if items.iter().map(|item| item.offset).ne(0..items.len() as u64) {
        return wrong("the offsets of the items have gaps");
    }
    let mut rest = items;
    for step in &program.steps {
        let (number, count) = match step {
            Step::Emit(number, count) | Step::EmitWork(number, count) => (*number, *count),
            _ => continue,
        };
        let of_step = rest.iter().take_while(|item| item.value.step == number).count();
        let (mine, after) = rest.split_at(of_step);
        let is_all = match step {
            Step::Emit(..) => is_attempt(mine, count),
            _ => are_attempts(mine, count),
        };
        match is_all {
            None => return wrong("the items of a step are not in order"),
            Some(false) if has_completed || !after.is_empty() => {
                return wrong("items of a step are missing");
            }
            Some(_) => rest = after,
        }
    }
    if rest.is_empty() { Ok(()) } else { wrong("nobody has emitted some of the items") }
}

/// Whether these are all items of one attempt, or only the first ones; `None` when they are neither.
fn is_attempt(items: &[Emitted<Item>], count: u64) -> Option<bool> {
    let is_in_order = items.iter().map(|item| item.value.index).eq(0..items.len() as u64);
    (is_in_order && items.len() as u64 <= count).then_some(items.len() as u64 == count)
}

/// The same for those of several attempts.
fn are_attempts(items: &[Emitted<Item>], count: u64) -> Option<bool> {
    let is_later = |pair: &[Emitted<Item>]| {
        let attempt = |item: &Emitted<Item>| item.emitted_by.map(|by| by.attempt);
        attempt(&pair[0]) <= attempt(&pair[1])
    };
    if !items.windows(2).all(is_later) {
        return None;
    }
    let same = |one: &Emitted<Item>, other: &Emitted<Item>| one.emitted_by == other.emitted_by;
    let attempts: Vec<Option<bool>> =
        items.chunk_by(same).map(|attempt| is_attempt(attempt, count)).collect();
    attempts.iter().all(Option::is_some).then(|| attempts.last() == Some(&Some(true)))
}
