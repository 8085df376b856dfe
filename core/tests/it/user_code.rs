//! Code of users runs in more places than their `async fn`: in `Serialize` and `Deserialize`, in wakers
//! and in destructors. Wherever it runs it may use the context, and may panic.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::support::instance::{self, Instance, code, start, task};
use reenact_core::{
    ActivityCatalog, MachineConfig, Name, OrchestrationCode, OrchestrationContext,
    OrchestrationErrorKind, OrchestrationRefusal, Payload, Refusal, Version,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that asks the context for the time while it is encoded.
struct Stamped(OrchestrationContext);

impl Serialize for Stamped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.now().to_string())
    }
}

thread_local! {
    /// The context that is asked for the time while a value is decoded.
    static CONTEXT: RefCell<Option<OrchestrationContext>> = const { RefCell::new(None) };
}

struct Looking;

impl<'de> Deserialize<'de> for Looking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?;
        CONTEXT.with_borrow(|context| context.as_ref().map(OrchestrationContext::now));
        Ok(Self)
    }
}

impl Serialize for Looking {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("looking")
    }
}

/// Knows everything by name, and all inputs as [`Looking`].
struct Everything;

impl ActivityCatalog for Everything {
    fn check(&self, _: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        input.map(Payload::decode::<Looking>).transpose().expect("a text");
        Ok(())
    }

    fn check_orchestration(
        &self,
        _: &Name,
        _: Option<&Version>,
        input: Option<&Payload>,
    ) -> Result<(), OrchestrationRefusal> {
        input.map(Payload::decode::<Looking>).transpose().expect("a text");
        Ok(())
    }
}

#[test]
fn a_value_may_use_the_context_while_it_is_encoded_and_decoded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        CONTEXT.set(Some(ctx.clone()));
        let stamped = Stamped(ctx.clone());
        ctx.set_status(&stamped);
        let _: Looking = ctx.side_effect(|| Looking).await;
        let _activity = ctx.schedule_activity_by_name::<_, Looking>("a", &stamped);
        let _child = ctx.schedule_orchestration_by_name::<_, Looking>("child", &stamped);
        let _start = ctx.start_orchestration_by_name("detached", &stamped);
        let _event = ctx.raise_event("other", "Go", &stamped);
        let _: Looking = ctx.wait_external("Go").await?;
        ctx.continue_as_new_untyped::<_, ()>(&stamped)
    });
    let config =
        MachineConfig { activities: Some(Arc::new(Everything)), ..MachineConfig::default() };
    let mut instance = Instance::start_with(code, config, start(()));
    instance.raise("Go", "go");
    instance.assert_replays();
    CONTEXT.set(None);
}

fn catching() -> MachineConfig {
    MachineConfig {
        catch_panic: |poll| {
            catch_unwind(AssertUnwindSafe(poll)).map_err(|panic| {
                panic.downcast_ref::<&str>().map_or_else(String::new, ToString::to_string)
            })
        },
        ..MachineConfig::default()
    }
}

fn start_catching(code: OrchestrationCode, input: impl Serialize) -> Instance {
    Instance::start_with(code, catching(), start(input))
}

/// What panics when it is decoded from `false`.
#[derive(Serialize)]
struct Odd(bool);

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fine = bool::deserialize(deserializer)?;
        assert!(fine, "odd");
        Ok(Self(fine))
    }
}

#[test]
fn a_deserialize_that_panics_at_a_continuation_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, _: Odd| {
        ctx.continue_as_new_untyped::<_, ()>(&Odd(false))
    });
    let instance = start_catching(code, true);
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidInput);
    assert_eq!(
        instance.failure().message(),
        "the next execution's input is not valid: decoding it panicked: odd"
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn a_deserialize_that_panics_anywhere_else_is_a_panic_of_the_orchestration() {
    let by_side_effect = code(async |ctx: OrchestrationContext, ()| {
        ctx.side_effect(|| Odd(false)).await;
        Ok(())
    });
    let by_event =
        code(async |ctx: OrchestrationContext, ()| Ok(ctx.wait_external::<Odd>("Go").await?.0));
    for code in [by_side_effect, by_event] {
        let mut instance = start_catching(code, ());
        if instance.machine.outcome().is_none() {
            instance.raise("Go", false);
        }
        assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Panicked);
        assert_eq!(instance.failure().message(), "odd");
    }
    let by_input = code(async |_: OrchestrationContext, _: Odd| Ok(()));
    assert_eq!(start_catching(by_input, false).failure().message(), "odd");
}

/// Panics when it is woken.
struct Explosive;

impl Wake for Explosive {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[test]
fn a_waker_that_panics_is_a_panic_of_the_orchestration() {
    for come in ["complete", "raise", "cancel"] {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let (activity, event) = (task(&ctx, "a"), ctx.wait_external::<()>("Go"));
            let mut both = pin!(async { (activity.await.is_ok(), event.await.is_ok()) });
            let explosive = Waker::from(Arc::new(Explosive));
            let mut second = pin!(ctx.wait_external::<()>("Go"));
            poll_fn(|cx| {
                let _ = both.as_mut().poll(&mut Context::from_waker(&explosive));
                let _ = second.as_mut().poll(&mut Context::from_waker(&explosive));
                // The machine has to know of something that is awaited.
                let mut timer = pin!(ctx.cancelled());
                let _ = timer.as_mut().poll(cx);
                Poll::<()>::Pending
            })
            .await;
            Ok(())
        });
        let mut instance = start_catching(code, ());
        match come {
            "complete" => drop(instance.complete(1, 1)),
            "raise" => {
                instance.raise("Go", ());
                if instance.machine.outcome().is_none() {
                    instance.raise("Go", ());
                }
            }
            _ => drop(instance.apply(instance::cancel("enough"))),
        }
        assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Panicked, "{come}");
        assert_eq!(instance.failure().message(), "woken");
        instance.assert_replays();
    }
}
