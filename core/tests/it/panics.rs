//! A panic in an orchestration fails that instance with the message, and replays as a failure.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::support::instance::{self, Instance, code, divergence, start, task};
use reenact_core::{
    Action, CorrelationId, MachineConfig, OrchestrationCode, OrchestrationContext,
    OrchestrationErrorKind,
};

fn catching() -> MachineConfig {
    MachineConfig {
        catch_panic: |poll| {
            catch_unwind(AssertUnwindSafe(poll)).map_err(|panic| message(panic.as_ref()))
        },
        ..MachineConfig::default()
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn start_catching(code: OrchestrationCode) -> Instance {
    Instance::start_with(code, catching(), start(()))
}

#[test]
fn a_panic_fails_the_instance_with_its_message() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let number = task(&ctx, "a").await?;
        assert!(number != 13, "unlucky {number}");
        Ok(())
    });
    let mut instance = start_catching(code);
    assert_eq!(
        instance.complete(1, 13).outputs(),
        ["ExecutionFailed: the orchestration panicked: unlucky 13"]
    );
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Panicked);
    assert_eq!(instance.failure().message(), "unlucky 13");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_panic_before_the_first_await_fails_the_start() {
    let code = code(async |_: OrchestrationContext, ()| -> Result<(), _> { panic!("at once") });
    let instance = start_catching(code);
    assert_eq!(instance.failure().message(), "at once");
    instance.assert_replays_from_every_point();
}

#[test]
fn what_unwinding_drops_is_called_off_and_no_step() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _activity = task(&ctx, "a");
        let _timer = ctx.timer(Duration::from_secs(60));
        ctx.wait_external::<()>("Go").await?;
        if ctx.random() > 0 {
            panic!("in the middle");
        }
        Ok(())
    });
    let mut instance = start_catching(code);
    let answer = instance.raise("Go", ());
    assert_eq!(answer.outputs(), ["ExecutionFailed: the orchestration panicked: in the middle"]);
    assert!(answer.actions.contains(&Action::CancelActivity { id: CorrelationId(1) }));
    assert!(instance.machine.open_actions().is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_panic_in_a_branch_fails_all_of_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let branch = async |name: &'static str| {
            let number = task(&ctx, name).await.unwrap_or(0);
            assert!(number > 0, "{name} is zero");
        };
        futures::join!(branch("a"), branch("b"));
        Ok(())
    });
    let mut instance = start_catching(code);
    instance.complete(2, 0);
    assert_eq!(instance.failure().message(), "b is zero");
    assert!(instance.complete(1, 1).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_panic_that_was_corrected_is_found_as_changed_code() {
    let code = |panics: bool| {
        code(move |_: OrchestrationContext, ()| async move {
            assert!(!panics, "a mistake");
            Ok(())
        })
    };
    let history = start_catching(code(true));
    let corrected = Instance::try_replay(&code(false), &history.config, history.turns());
    assert_eq!(
        divergence(corrected).to_string(),
        "nondeterministic at event 1: expected ExecutionFailed, found ExecutionCompleted"
    );
}

#[test]
fn code_that_panics_at_replay_only_is_found() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        assert!(!ctx.is_replaying(), "branched on replay");
        Ok(task(&ctx, "a").await?)
    });
    let history = start_catching(code.clone());
    let replayed = Instance::try_replay(&code, &history.config, history.turns());
    let found = divergence(replayed).found.to_string();
    assert_eq!(found, "ExecutionFailed with error: the orchestration panicked: branched on replay");
}

#[test]
fn an_overlong_message_is_cut() {
    let code = code(async |_: OrchestrationContext, ()| -> Result<(), _> {
        panic!("{}", "x".repeat(100_000))
    });
    let instance = start_catching(code);
    assert_eq!(instance.failure().message().len(), reenact_core::limits::MAX_MESSAGE_BYTES);
    assert!(instance.failure().message().ends_with("… (cut)"));
    instance.assert_replays_from_every_point();
}

#[test]
#[should_panic(expected = "nobody catches it")]
fn without_a_way_to_catch_it_a_panic_passes_through() {
    let code =
        code(async |_: OrchestrationContext, ()| -> Result<(), _> { panic!("nobody catches it") });
    Instance::start(code, ());
}

#[test]
fn code_that_panics_while_it_is_let_go_changes_nothing() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("on the way out");
        }
    }
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _held = PanicsWhenDropped;
        let number = task(&ctx, "a").await?;
        Ok(number)
    });
    let mut terminated = start_catching(code.clone());
    terminated.apply(instance::terminate("enough"));
    assert_eq!(terminated.log()[2..], ["ExecutionTerminated: enough"]);
    terminated.assert_replays_from_every_point();

    let mut failed = start_catching(code);
    failed.complete(1, 1);
    assert_eq!(failed.failure().message(), "on the way out");
    failed.assert_replays_from_every_point();
}

/// A waker of the code's own. It panics when it is woken, and, if it is so set, when it is dropped.
struct Startled {
    clings: bool,
}

impl Wake for Startled {
    fn wake(self: Arc<Self>) {
        panic!("startled");
    }
}

impl Drop for Startled {
    fn drop(&mut self) {
        if self.clings && !std::thread::panicking() {
            panic!("it clings");
        }
    }
}

/// Waits for "Go" with a waker of its own, and for "End" with the execution's.
fn with_own_waker(clings: bool) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let mut go = pin!(ctx.schedule_wait::<()>("Go"));
        let waker = Waker::from(Arc::new(Startled { clings }));
        assert!(go.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        ctx.wait_external::<()>("End").await?;
        Ok(())
    })
}

#[test]
fn a_waker_that_panics_fails_its_execution_the_same_at_replay() {
    let mut instance = start_catching(with_own_waker(false));
    instance.raise("Go", ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Panicked);
    assert_eq!(instance.failure().message(), "startled");
    instance.assert_replays_from_every_point();
}

#[test]
fn wakers_that_panic_when_they_are_dropped_harm_nobody() {
    let mut instance = start_catching(with_own_waker(true));
    instance.raise("End", ());
    instance.assert_replays_from_every_point();
}
