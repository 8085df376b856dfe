//! Random programs on a host that is down at random times: what was due first happens first.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use reenact_core::{
    Action, ActivityErrorKind, Command, CorrelationId, Event, History, MachineConfig, Outcome,
    ParkedExecution, RecordedTurn, Start, Timestamp,
};

use super::course::{Course, Move};
use super::program::{EVENTS, Leaf, Seen, Step, orchestration};
use super::strategies::programs;
use crate::support::instance::{Instance, name, payload, start};

/// The number of hosts that may die while an activity runs.
const MOST_DEATHS: u32 = 3;

/// What happens next.
#[derive(Clone, Debug)]
enum Happening {
    /// An input from outside, this many seconds later.
    Input(u64, Move),
    /// The starts of all attempts that are under way are recorded.
    CallsStart,
    /// The host is down for this many seconds.
    Downtime(u64),
}

/// Programs with several things beside each other for which time passes.
fn busy_programs() -> impl Strategy<Value = Vec<Step>> {
    let timer = (0..100_u8).prop_map(|after| vec![Step::Await(Leaf::Timer(after))]);
    let call = (0..4_u8, 1..100_u8)
        .prop_map(|(number, seconds)| vec![Step::Await(Leaf::Limited(number, seconds))]);
    let retried = (1..4_u32).prop_map(|attempts| {
        vec![Step::Await(Leaf::Retried { number: 0, attempts, limited: true })]
    });
    let wait = (0..100_u8, 0..EVENTS.len()).prop_map(|(limit, event)| {
        vec![Step::Limited(limit, vec![Step::Await(Leaf::Wait(event))])]
    });
    let branch = prop_oneof![
        3 => timer,
        3 => call,
        1 => retried,
        3 => wait,
        2 => programs(),
    ];
    vec(branch, 2..7).prop_map(|branches| vec![Step::Join(branches)])
}

fn input() -> impl Strategy<Value = Move> {
    prop_oneof![
        1 => any::<Index>().prop_map(Move::Complete),
        1 => any::<Index>().prop_map(Move::Fail),
        3 => any::<Index>().prop_map(Move::FailForNow),
        1 => any::<Index>().prop_map(Move::Heartbeat),
        2 => any::<Index>().prop_map(Move::Defer),
        3 => (0..EVENTS.len()).prop_map(Move::Raise),
        3 => any::<Index>().prop_map(Move::EndChild),
        1 => any::<Index>().prop_map(Move::FailChildForNow),
        3 => any::<Index>().prop_map(Move::Deliver),
        1 => Just(Move::Cancel),
        1 => Just(Move::Suspend),
        2 => Just(Move::Resume),
    ]
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        6 => (prop_oneof![Just(0), 1..20_u64], input())
            .prop_map(|(after, input)| Happening::Input(after, input)),
        1 => Just(Happening::CallsStart),
        3 => (1..150_u64).prop_map(Happening::Downtime),
    ];
    vec(happening, 1..16)
}

/// How often something came up, over all cases.
#[derive(Default)]
struct Count(Cell<u32>);

impl Count {
    fn add(&self, came_up: bool) {
        self.0.set(self.0.get() + u32::from(came_up));
    }
}

/// What the cases are to come upon, or they prove nothing.
#[derive(Default)]
struct Counts {
    /// Several things were due while the host was down.
    several_due: Count,
    /// The time of a call was over when the host came back.
    calls_ended: Count,
    /// A time limit ended something.
    timed_out: Count,
}

/// An execution on a host that has a clock.
struct Hosted<'a> {
    course: Course,
    counts: &'a Counts,
}

impl<'a> Hosted<'a> {
    fn start(program: Vec<Step>, delay: Option<u64>, counts: &'a Counts) -> Self {
        let delay = delay.map(Duration::from_secs);
        let how = Start { delay, ..start(()) };
        let code = orchestration(program);
        let mut instance = Instance::start_with(code, MachineConfig::default(), how);
        instance.pace = Duration::ZERO;
        Self { course: Course::new(instance), counts }
    }

    fn go(&mut self, happenings: &[Happening]) {
        for happening in happenings {
            if self.course.is_over() {
                return;
            }
            match happening {
                Happening::Input(after, input) => self.apply(*after, input),
                Happening::CallsStart => self.start_calls(),
                Happening::Downtime(seconds) => self.be_down(*seconds),
            }
        }
    }

    fn apply(&mut self, after: u64, input: &Move) {
        let instance = &mut self.course.instance;
        // As a host does: before each message.
        let last = instance.machine.last_scheduled();
        if after == 0 {
            catch_up(instance);
        } else {
            pass_step_by_step(instance, after);
        }
        assert_nothing_is_overdue(instance, last);
        if !self.course.is_over() {
            self.course.make(input);
        }
    }

    fn start_calls(&mut self) {
        catch_up(&mut self.course.instance);
        for id in self.course.open_tasks() {
            let instance = &mut self.course.instance;
            let (id, attempt) = (CorrelationId(id), instance.attempt(id));
            instance.apply(Command::StartTask { id, attempt });
        }
    }

    /// The machine is gone, and is replayed when the host comes back.
    fn be_down(&mut self, seconds: u64) {
        let instance = &mut self.course.instance;
        let machine = instance.assert_replays();
        let (code, config) = (instance.code.clone(), instance.config.clone());
        let mut never_down = Instance::resumed(code, config, machine, instance.now);
        never_down.pace = Duration::ZERO;
        let last = instance.machine.last_scheduled();

        let turns = instance.turns().to_vec();
        instance.machine = instance.assert_replays();
        instance.pass(seconds);
        let due = catch_up(instance);
        assert_nothing_is_overdue(instance, last);
        let ended: Vec<_> = due.iter().filter(|id| is_call(instance, **id)).collect();
        self.counts.several_due.add(due.len() > 1);
        self.counts.calls_ended.add(!ended.is_empty());

        let step_by_step = pass_step_by_step(&mut never_down, seconds);
        assert_same_order(&due, &step_by_step, last);
        if let Some(mut due) = due_without_code(&turns, instance.now) {
            if !never_down.machine.is_suspended() {
                // What the code has dropped meanwhile.
                due.retain(|id| step_by_step.contains(id));
            }
            assert_same_order(&due, &step_by_step, last);
        }
        for (id, _) in instance.machine.started_tasks() {
            instance.apply(Command::LoseTask { id, most: MOST_DEATHS });
        }
    }

    /// Time passes, and the orchestration is given what it waits for, until it ends.
    fn come_to_an_end(&mut self) {
        for _ in 0..1_000 {
            if !self.course.is_over() {
                pass_step_by_step(&mut self.course.instance, 7);
            }
            if self.course.is_over() {
                return;
            }
            self.course.give_something(&[]);
        }
        panic!("it does not end: {:#?}", self.course.instance.log());
    }
}

/// Lets happen what is overdue, in its order, as a host does that comes back: not what is scheduled
/// meanwhile. Gives the ids.
fn catch_up(instance: &mut Instance) -> Vec<CorrelationId> {
    catch_up_to(instance, instance.machine.last_scheduled())
}

fn catch_up_to(instance: &mut Instance, last: CorrelationId) -> Vec<CorrelationId> {
    let mut due = Vec::new();
    while let Some(command) = instance.machine.overdue(instance.now) {
        match command {
            Command::FireTimer { id } if id <= last => {
                let answer = instance.apply(command);
                assert!(!answer.recorded.events.is_empty(), "{id} is overdue for ever");
                due.push(id);
            }
            _ => break,
        }
    }
    due
}

/// The clock goes on from one thing that is due to the next. Gives the ids of what happened.
fn pass_step_by_step(instance: &mut Instance, seconds: u64) -> Vec<CorrelationId> {
    let until = instance.now + Duration::from_secs(seconds);
    let mut due = Vec::new();
    loop {
        due.extend(catch_up_to(instance, CorrelationId(u64::MAX)));
        let now = instance.now;
        let times = instance.machine.open_actions().into_iter().filter_map(|action| match action {
            Action::CreateTimer { fire_at, .. } => Some(fire_at),
            _ => None,
        });
        let next = times.filter(|at| (now..=until).contains(at) && *at > now).min();
        if next.is_none() && now == until {
            return due;
        }
        instance.now = next.unwrap_or(until);
    }
}

/// What is overdue out of a log alone, as of an execution whose code does not run. Which timers a
/// cancel has left open, the log does not say.
fn due_without_code(turns: &[RecordedTurn], now: Timestamp) -> Option<Vec<CorrelationId>> {
    let mut parked = ParkedExecution::default();
    turns.iter().for_each(|turn| parked.apply(turn));
    let mut events = turns.iter().flat_map(|turn| turn.events.iter());
    if events.any(|event| matches!(event, Event::CancelRequested { .. })) {
        return None;
    }
    let due = parked.raise(name("Other"), payload(()), None, None, now).expect("there is room");
    let due = due.iter().flat_map(|turn| turn.events.iter());
    Some(due.filter_map(Event::correlation).collect())
}

/// Without downtime the same things happen in the same order, as long as the code does nothing new
/// about them meanwhile.
fn assert_same_order(due: &[CorrelationId], step_by_step: &[CorrelationId], last: CorrelationId) {
    let known = step_by_step.iter().take_while(|id| **id <= last).count();
    if known == step_by_step.len() {
        assert_eq!(due, step_by_step);
    } else {
        assert_eq!(due.get(..known), Some(&step_by_step[..known]));
    }
}

/// Of what was scheduled by then: no timer that is due is open, and no call runs whose time is over.
fn assert_nothing_is_overdue(instance: &Instance, last: CorrelationId) {
    let (now, dues) = (instance.now, Dues::of(instance.machine.history()).dues);
    for action in instance.machine.open_actions() {
        let (Action::CallActivity { id, .. } | Action::CreateTimer { id, .. }) = action else {
            continue;
        };
        let is_due = dues.get(&id).is_some_and(|due| due.at <= now);
        assert!(id > last || !is_due, "{id} is overdue at {now}: {:#?}", instance.log());
    }
}

fn is_call(instance: &Instance, id: CorrelationId) -> bool {
    let mut events = instance.machine.history().events();
    events.any(|event| matches!(event.event, Event::TaskScheduled { id: of, .. } if *of == id))
}

/// When something that is scheduled is due, and since when it is.
struct Due {
    at: Timestamp,
    since: Timestamp,
}

/// What a history says of timers and of the time of calls, as it was read so far.
#[derive(Default)]
struct Dues {
    dues: BTreeMap<CorrelationId, Due>,
    /// When the last input came that was not due.
    last_input: Timestamp,
    /// What has happened because it was due: when it was, and when it happened.
    happened: Vec<(Timestamp, CorrelationId, Timestamp)>,
}

impl Dues {
    /// Reads a history, and holds it to the rule.
    fn of(history: &History) -> Self {
        let mut dues = Self::default();
        for turn in history.turns() {
            let mut events = turn.events.iter();
            match events.next() {
                Some(Event::TimerFired { id }) => dues.happens(*id, turn.at),
                Some(Event::TaskFailed { id, error })
                    if error.kind() == ActivityErrorKind::TimedOut =>
                {
                    dues.happens(*id, turn.at);
                }
                input => dues.apply(input, turn.at),
            }
            events.for_each(|event| dues.schedule(event, turn.at));
        }
        dues
    }

    fn schedule(&mut self, event: &Event, since: Timestamp) {
        let due = match event {
            Event::TimerCreated { id, fire_at } => Some((*id, *fire_at)),
            Event::TaskConfigured { id, options } => {
                let by_policy = options.retry.as_ref().and_then(|policy| policy.deadline);
                let limit = by_policy.into_iter().chain(options.schedule_to_close).min();
                limit.map(|limit| (*id, since + limit))
            }
            _ => None,
        };
        self.dues.extend(due.map(|(id, at)| (id, Due { at, since })));
    }

    /// Something happens because its time has come.
    fn happens(&mut self, id: CorrelationId, now: Timestamp) {
        let due = &self.dues[&id];
        assert!(due.at <= now, "{id} happens before its time");
        assert!(
            self.last_input < due.at || self.last_input <= due.since,
            "{id} was due at {}, before the input at {}, and happens after it",
            due.at,
            self.last_input
        );
        if let Some(&(at, last, _)) = self.happened.last() {
            assert!((at, last) < (due.at, id), "{id} was due before {last}, and happens after it");
        }
        self.happened.push((due.at, id, now));
    }

    fn apply(&mut self, input: Option<&Event>, now: Timestamp) {
        self.last_input = now;
        if let Some(
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskAttemptFailed { id, .. }
            | Event::TaskHeartbeat { id, .. }
            | Event::TaskStarted { id, .. },
        ) = input
        {
            let is_late = self.dues.get(id).is_some_and(|due| due.at <= now);
            assert!(!is_late, "{id} goes on after its time: {input:?}");
        }
    }
}

/// What was complete in time was so before its limit, and what was late has had all of its time.
/// Gives whether something was late.
fn assert_limits_hold(instance: &Instance) -> bool {
    let (seen, dues) = (instance.output::<Vec<Seen>>(), Dues::of(instance.machine.history()));
    let mut timed_out = false;
    for seen in &seen {
        if let Seen::Limited { from, until, ended, in_time } = seen {
            let [from, until, ended] = [from, until, ended].map(|at| Timestamp::from_micros(*at));
            // A limit of no length gives what is there already.
            let mut is_in_time = ended < until || (from == until && ended == from);
            // By what was due before the limit, and happened while both were overdue.
            is_in_time |= dues.happened.iter().any(|(at, _, now)| *at <= until && *now == ended);
            assert!(if *in_time { is_in_time } else { until <= ended }, "{seen:?}");
            timed_out |= !in_time;
        }
    }
    timed_out
}

fn was_suspended(instance: &Instance) -> bool {
    let mut events = instance.machine.history().events();
    events.any(|event| matches!(event.event, Event::ExecutionSuspended { .. }))
}

#[test]
fn what_was_due_first_happens_first() {
    let counts = Counts::default();
    let cases = (busy_programs(), proptest::option::of(0..20_u64), happenings());
    let mut runner = TestRunner::new(super::cases(200));
    let proven = runner.run(&cases, |(program, delay, happenings)| {
        let mut hosted = Hosted::start(program, delay, &counts);
        hosted.go(&happenings);
        hosted.come_to_an_end();
        let instance = &hosted.course.instance;
        Dues::of(instance.machine.history());
        // Code that was suspended sees what has happened later than it happens.
        if let Some(Outcome::Completed(_)) = instance.machine.outcome()
            && !was_suspended(instance)
        {
            counts.timed_out.add(assert_limits_hold(instance));
        }
        instance.assert_replays_from_every_point();
        Ok(())
    });
    proven.unwrap_or_else(|error| panic!("{error}\n{runner}"));
    let Counts { several_due, calls_ended, timed_out } = counts;
    for (what, count) in
        [("several due", several_due), ("calls ended", calls_ended), ("timed out", timed_out)]
    {
        assert!(count.0.get() >= 20, "{what}: only {} times", count.0.get());
    }
}

proptest! {
    #![proptest_config(super::cases(64))]

    #[test]
    fn an_event_that_comes_right_after_a_downtime_is_in_time_where_the_limit_has_not_passed(
        limit in 0..60_u8,
        before in 0..40_u64,
        downtime in 1..60_u64,
        others in vec(0..60_u8, 0..4),
        suspended in any::<bool>(),
    ) {
        // While it is suspended, it sees all of it afterwards, and judges by the order of the history.
        // The timers beside it are due before the limit and after it.
        let timers = others.into_iter().map(|after| vec![Step::Await(Leaf::Timer(after))]);
        let wait = Step::Limited(limit, vec![Step::Await(Leaf::Wait(0))]);
        let program = vec![Step::Join(timers.chain([vec![wait]]).collect())];
        let counts = Counts::default();
        let mut hosted = Hosted::start(program, None, &counts);
        pass_step_by_step(&mut hosted.course.instance, before);
        if suspended && !hosted.course.is_over() {
            hosted.course.make(&Move::Suspend);
        }
        hosted.go(&[Happening::Downtime(downtime), Happening::Input(0, Move::Raise(0))]);
        hosted.come_to_an_end();
        let seen: Vec<Seen> = hosted.course.instance.output();
        let expected = before + downtime < u64::from(limit);
        let is_it = |seen: &Seen| matches!(seen, Seen::Limited { in_time, .. } if *in_time == expected);
        prop_assert!(seen.iter().any(is_it), "{:?}", seen);
        if !suspended {
            assert_limits_hold(&hosted.course.instance);
        }
        Dues::of(hosted.course.instance.machine.history());
        hosted.course.instance.assert_replays_from_every_point();
    }
}
