//! How random programs and random courses of events are drawn.

use proptest::collection::vec;
use proptest::prelude::*;

use super::change::Change;
use super::course::Move;
use super::program::{EVENTS, Leaf, Losers, Step};

pub(crate) fn programs() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..6)
}

pub(crate) fn courses() -> impl Strategy<Value = Vec<Move>> {
    vec(a_move(), 0..25)
}

/// Programs that answer updates, with courses that send some.
pub(crate) fn answering() -> impl Strategy<Value = Vec<Step>> {
    let answer = || (0..4_u8).prop_map(Step::Answer);
    let answers = vec(answer(), 1..3);
    let nested =
        (answers, vec(step(), 0..3)).prop_map(|(answers, steps)| Step::Select(answers, steps));
    vec(prop_oneof![2 => answer(), 1 => nested, 2 => step()], 1..7)
}

pub(crate) fn asking() -> impl Strategy<Value = Vec<Move>> {
    let asked = prop_oneof![any::<bool>().prop_map(Move::Ask), Just(Move::AskByAnother)];
    vec(prop_oneof![1 => a_move(), 1 => asked], 0..25)
}

/// Programs that hold locks, or have asked for them, wherever they are.
pub(crate) fn locking() -> impl Strategy<Value = Vec<Step>> {
    let locked = (0..3_u8, programs()).prop_map(|(which, steps)| Step::Locked(which, steps));
    vec(prop_oneof![2 => locked, 1 => step()], 1..5)
}

pub(crate) fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Rename),
        Just(Change::Delete),
        Just(Change::SwapWithNext),
        step().prop_map(Change::Insert),
    ]
}

fn leaf() -> impl Strategy<Value = Leaf> {
    prop_oneof![
        (0..4_u8).prop_map(Leaf::Activity),
        (0..4_u8, 1..4_u32, any::<bool>()).prop_map(|(number, attempts, limited)| Leaf::Retried {
            number,
            attempts,
            limited
        }),
        (0..4_u8, 1..60_u8).prop_map(|(number, seconds)| Leaf::Limited(number, seconds)),
        (0..4_u8, proptest::option::of(1..4_u32))
            .prop_map(|(number, attempts)| Leaf::Tagged(number, attempts)),
        (0..4_u8, proptest::option::of(1..4_u32))
            .prop_map(|(number, attempts)| Leaf::Local(number, attempts)),
        (0..100_u8).prop_map(Leaf::Timer),
        (0..EVENTS.len()).prop_map(Leaf::Wait),
        (0..4_u8).prop_map(Leaf::Child),
        (0..4_u8).prop_map(Leaf::Abandoned),
        (0..4_u8).prop_map(Leaf::Start),
        (0..4_u8).prop_map(Leaf::Send),
        (0..4_u8).prop_map(Leaf::Ask),
    ]
}

fn losers() -> impl Strategy<Value = Losers> {
    prop_oneof![Just(Losers::AwaitedNow), Just(Losers::AwaitedLater), Just(Losers::Dropped)]
}

fn simple_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => leaf().prop_map(Step::Await),
        2 => leaf().prop_map(Step::AwaitLater),
        1 => leaf().prop_map(Step::ScheduleAndDrop),
        3 => (vec(leaf(), 1..4), losers()).prop_map(|(leaves, losers)| Step::Race(leaves, losers)),
        1 => vec(leaf(), 0..4).prop_map(Step::All),
        1 => Just(Step::SideEffect),
        1 => (0..3_u8).prop_map(Step::SetStatus),
        1 => (0..2_u8, proptest::option::of(0..3_u8))
            .prop_map(|(name, value)| Step::Publish(name, value)),
        2 => (0..2_u8, 1..4_u8).prop_map(|(stream, items)| Step::Emit(stream, items)),
        1 => (0..2_u8, proptest::option::of(0..3_u8))
            .prop_map(|(name, value)| Step::Attribute(name, value)),
        1 => Just(Step::NoteContext),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    simple_step().prop_recursive(3, 20, 3, |step| {
        let branch = || vec(step.clone(), 0..3);
        let nested = prop_oneof![
            (branch(), branch()).prop_map(|(even, odd)| Step::ByChance(even, odd)),
            vec(branch(), 0..4).prop_map(Step::Join),
            vec(branch(), 0..4).prop_map(Step::Unordered),
            (branch(), branch()).prop_map(|(first, second)| Step::Select(first, second)),
            (0..100_u8, branch()).prop_map(|(after, steps)| Step::Limited(after, steps)),
            branch().prop_map(Step::Shielded),
            (0..3_u8, branch()).prop_map(|(which, steps)| Step::Locked(which, steps)),
            branch().prop_map(Step::UntilCancelled),
        ];
        prop_oneof![2 => simple_step(), 1 => nested]
    })
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => any::<prop::sample::Index>().prop_map(Move::Complete),
        1 => any::<prop::sample::Index>().prop_map(Move::Fail),
        4 => any::<prop::sample::Index>().prop_map(Move::FailForNow),
        3 => any::<prop::sample::Index>().prop_map(Move::Defer),
        1 => any::<prop::sample::Index>().prop_map(Move::Heartbeat),
        2 => (any::<prop::sample::Index>(), 0..4_u64)
            .prop_map(|(which, number)| Move::Emit(which, number)),
        3 => any::<prop::sample::Index>().prop_map(Move::Fire),
        4 => (0..EVENTS.len()).prop_map(Move::Raise),
        1 => (0..EVENTS.len()).prop_map(Move::RaiseTheKeyAgain),
        2 => (0..30_u64).prop_map(Move::CompleteWhateverHasThatId),
        4 => any::<prop::sample::Index>().prop_map(Move::EndChild),
        1 => any::<prop::sample::Index>().prop_map(Move::FailChild),
        2 => any::<prop::sample::Index>().prop_map(Move::FailChildForNow),
        4 => any::<prop::sample::Index>().prop_map(Move::Deliver),
        1 => any::<prop::sample::Index>().prop_map(Move::Refuse),
        4 => (any::<prop::sample::Index>(), 0..3_u8)
            .prop_map(|(which, how)| Move::Return(which, how)),
        1 => Just(Move::Cancel),
        1 => Just(Move::Suspend),
        2 => Just(Move::Resume),
    ]
}
