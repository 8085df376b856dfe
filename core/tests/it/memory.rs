//! What an execution holds in memory does not grow with its history.

use crate::support::instance::{code, complete, instance_id, raise, raise_once, seconds, start};
use allocation_counter::measure;
use reenact_core::{
    ActivityDefinition, ExecutionId, Machine, MachineConfig, OrchestrationCode,
    OrchestrationContext, OrchestrationError, RecordedTurn, Replay, codec,
};

const KIB: usize = 1024;

/// Steps of the histories here.
const STEPS: u64 = 2_000;

/// What a step brings, in bytes.
const RESULT_BYTES: usize = 8 * KIB;

/// Far more than an execution needs, and far less than its history.
const LITTLE: usize = 64 * KIB;

async fn one_after_the_other(
    ctx: OrchestrationContext,
    steps: u64,
) -> Result<usize, OrchestrationError> {
    let mut sum = 0;
    for step in 0..steps {
        sum += ctx.call_activity_by_name::<_, String>("load", &step).await?.len();
    }
    ctx.wait_external::<()>("Go").await?;
    Ok(sum)
}

async fn all_together(
    ctx: OrchestrationContext,
    branches: u64,
) -> Result<usize, OrchestrationError> {
    let calls = (0..branches).map(|n| ctx.schedule_activity_by_name::<_, String>("load", &n));
    let all = ctx.when_all(calls).await;
    let () = ctx.call_activity_by_name("next", &()).await?;
    let () = ctx.call_activity_by_name("next", &()).await?;
    Ok(all.into_iter().filter_map(Result::ok).map(|result| result.len()).sum())
}

fn lean() -> MachineConfig {
    MachineConfig { keep_history: false, ..MachineConfig::default() }
}

fn started(code: &OrchestrationCode, config: MachineConfig, input: u64) -> Machine {
    let (first, at) = (ExecutionId::FIRST, seconds(0));
    Machine::start(code, instance_id(), first, config, start(input), at).expect("it starts").0
}

fn load(machine: &mut Machine, id: u64) -> RecordedTurn {
    let result = "x".repeat(RESULT_BYTES - 2);
    machine.apply(complete(id, result), seconds(id)).expect("a turn").recorded
}

#[test]
fn a_machine_without_its_history_holds_as_much_after_2000_results_as_before() {
    let code = code(one_after_the_other);
    let mut machine = started(&code, lean(), STEPS);
    let grown = measure(|| (1..=STEPS).for_each(|id| drop(load(&mut machine, id))));
    assert!(grown.bytes_current < LITTLE as i64, "{grown:?}");
    assert!(machine.held_bytes() < LITTLE, "{}", machine.held_bytes());
    assert_eq!((machine.turns(), machine.events()), (STEPS + 1, 2 * STEPS + 2));
    assert!(machine.history().is_empty());
}

#[test]
fn a_machine_that_keeps_its_history_says_what_that_takes() {
    let code = code(one_after_the_other);
    let mut machine = started(&code, MachineConfig::default(), STEPS);
    let grown = measure(|| (1..=STEPS).for_each(|id| drop(load(&mut machine, id))));
    let results = STEPS as usize * RESULT_BYTES;
    assert!(grown.bytes_current as usize > results, "{grown:?}");
    assert!(machine.held_bytes() > results, "{}", machine.held_bytes());
    assert_eq!(machine.history().len(), machine.events());
}

#[test]
fn a_log_is_re_enacted_turn_by_turn_in_little_memory() {
    let code = code(one_after_the_other);
    let mut machine = started(&code, MachineConfig::default(), STEPS);
    (1..=STEPS).for_each(|id| drop(load(&mut machine, id)));
    let turns = machine.history().turns().iter();
    let stored: Vec<_> = turns.map(|turn| codec::encode_turn(turn).expect("small")).collect();
    let mut replayed = None;
    let peak = measure(|| {
        let mut replay = Replay::new(&code, instance_id(), ExecutionId::FIRST, lean());
        for turn in &stored {
            let turn = codec::decode_turn(turn).expect("a turn");
            replay.apply(&turn).expect("the same steps");
        }
        replayed = Some(replay.finish().expect("a whole log"));
    });
    assert!(peak.bytes_max < 2 * LITTLE as u64, "{peak:?}");
    let replayed = replayed.expect("a machine");
    assert_eq!((replayed.turns(), replayed.events()), (machine.turns(), machine.events()));
    assert_eq!(replayed.open_actions(), machine.open_actions());
}

#[test]
fn what_the_code_may_be_gathering_counts_until_it_calls_something_else() {
    let branches = 100;
    let mut machine = started(&code(all_together), lean(), branches);
    (1..branches).for_each(|id| drop(load(&mut machine, id)));
    let most = branches as usize * RESULT_BYTES;
    assert!(machine.held_bytes() > most - LITTLE, "{}", machine.held_bytes());
    drop(load(&mut machine, branches));
    assert!(machine.held_bytes() >= most, "it holds them: {}", machine.held_bytes());
    machine.apply(complete(branches + 1, ()), seconds(200)).expect("a turn");
    assert!(machine.held_bytes() < LITTLE, "{}", machine.held_bytes());
}

#[test]
fn what_the_code_says_that_it_holds_counts_until_it_ends() {
    let gathering = code(|ctx: OrchestrationContext, (): ()| async move {
        for _ in 0..2 {
            ctx.wait_external::<()>("Go").await?;
            ctx.set_held_bytes(100 * KIB);
        }
        ctx.wait_external::<()>("Less").await?;
        ctx.set_held_bytes(KIB);
        Ok(ctx.wait_external::<()>("End").await?)
    });
    let (first, at) = (ExecutionId::FIRST, seconds(0));
    let (mut machine, _) =
        Machine::start(&gathering, instance_id(), first, lean(), start(()), at).expect("it starts");
    let nothing = machine.held_bytes();
    let mut held_after = |name: &str, second| {
        machine.apply(raise(name, ()), seconds(second)).expect("a turn");
        machine.held_bytes()
    };
    for second in [1, 2] {
        assert_eq!(
            held_after("Go", second) / KIB,
            (nothing + 100 * KIB) / KIB,
            "in total, not more each time"
        );
    }
    assert!(held_after("Less", 3) < nothing + 2 * KIB);
    assert!(held_after("End", 4) < nothing + KIB, "the code is gone, and what it held");
}

#[test]
fn events_inputs_and_messages_count_while_they_wait() {
    let large = || "x".repeat(RESULT_BYTES);
    let waiting = code(|ctx: OrchestrationContext, _load: String| async move {
        let large = "x".repeat(RESULT_BYTES);
        let called = ctx.schedule_activity_by_name::<_, ()>("work", &large);
        ctx.wait_external::<()>("Go").await?;
        Ok(called.await?)
    });
    let (first, at) = (ExecutionId::FIRST, seconds(0));
    let (mut machine, _) =
        Machine::start(&waiting, instance_id(), first, lean(), start(large()), at)
            .expect("it starts");
    let before = machine.held_bytes();
    assert!((2 * RESULT_BYTES..3 * RESULT_BYTES).contains(&before), "{before}");
    machine.apply(raise("Other", large()), seconds(1)).expect("a turn");
    let after = machine.held_bytes();
    assert!((3 * RESULT_BYTES..4 * RESULT_BYTES).contains(&after), "{after}");
    machine.apply(raise("Go", ()), seconds(2)).expect("a turn");
    machine.apply(complete(1, ()), seconds(3)).expect("a turn");
    assert!(machine.outcome().is_some());
    let ended = machine.held_bytes();
    assert!(ended < 2 * RESULT_BYTES, "nobody has taken the event: {ended}");
}

async fn doubles(ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    let mut numbers = ctx.updates::<u64, u64, ()>("double");
    loop {
        let number = numbers.next().await?;
        let double = number.request() * 2;
        number.reply(&double);
    }
}

/// Has so many updates answered, with keys that are made so.
fn doubled(machine: &mut Machine, updates: u64, key: fn(u64) -> String) {
    for n in 1..=updates {
        let raised = raise_once("double", n, &key(n));
        drop(machine.apply(raised, seconds(n)).expect("a turn"));
    }
}

/// Numbers in an order that is as good as any.
fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The key of an update, by its number.
type KeyOf = fn(u64) -> String;

#[test]
fn what_is_known_of_updates_that_were_answered_is_little_and_counts_as_what_it_is() {
    const UPDATES: u64 = 256;
    let code = OrchestrationCode::new("doubles", doubles).expect("a name");
    let drawn = |n: u64| format!("update {:016x}{n:016x}", spread(n));
    let sent = |n: u64| format!("from {:016x}-{:016x}-{n}", spread(n), 7);
    let own = |n: u64| format!("the number {n} of somebody who has keys of their own");
    let keys: [(KeyOf, usize); 3] = [(drawn, 130), (sent, 130), (own, 250)];
    for (key, most) in keys {
        let (first, at) = (ExecutionId::FIRST, seconds(0));
        let mut machine = Machine::start(&code, instance_id(), first, lean(), start(()), at)
            .expect("it starts")
            .0;
        doubled(&mut machine, 1, |_| "the first of all".to_string());
        let before = machine.held_bytes();
        let grown = measure(|| doubled(&mut machine, UPDATES, key)).bytes_current as usize;
        let counted = machine.held_bytes() - before;
        assert!(grown < UPDATES as usize * most, "{} of {}: {grown}", key(1), UPDATES);
        // A text counts for each place where it is, as each has its own once it is read from a log.
        let about = grown * 3 / 4..grown * 4 / 3;
        assert!(about.contains(&counted), "{}: {grown}, {counted} counted", key(1));
        let again = machine.apply(raise_once("double", 3, &key(3)), seconds(300));
        assert!(again.expect("an answer").recorded.events.is_empty(), "each counts once");
    }
}

#[test]
fn a_step_allocates_its_events_its_action_and_its_input_and_nothing_else() {
    const COUNTED: u64 = 100;
    let code =
        OrchestrationCode::new("steps", |ctx: OrchestrationContext, steps: u64| async move {
            let mut n = 0;
            while n < steps {
                n = ctx.call_activity(Next, n).await?;
            }
            Ok(n)
        });
    let mut machine = started(&code.expect("a name"), lean(), u64::MAX);
    let commands: Vec<_> = (1..=2 * COUNTED).map(|id| complete(id, id)).collect();
    let mut commands = commands.into_iter();
    for command in commands.by_ref().take(COUNTED as usize) {
        machine.apply(command, seconds(1)).expect("a turn");
    }
    let counted = measure(|| {
        commands.for_each(|command| drop(machine.apply(command, seconds(2)).expect("a turn")));
    });
    assert_eq!(counted.count_total, 3 * COUNTED, "{counted:?}");
}

struct Next;

impl ActivityDefinition for Next {
    type Input = u64;
    type Output = u64;
    const NAME: &'static str = "next";
}
