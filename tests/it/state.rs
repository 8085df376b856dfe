//! What activities share: state that a host is given once, and structs whose methods are activities.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kit::{guard, options, store};
use reenact::prelude::*;
use reenact::testing::TestCall;
use reenact::{Error, HostBuilder};

/// Stands for a pool of connections: clones share what it counts.
#[derive(Clone, Default)]
struct Pool(Arc<AtomicU32>);

struct Currency(&'static str);

#[activity]
async fn count(
    _ctx: ActivityContext,
    State(pool): State<Pool>,
    by: u32,
) -> Result<u32, ActivityError> {
    Ok(pool.0.fetch_add(by, Ordering::SeqCst) + by)
}

#[activity]
async fn currency(ctx: ActivityContext) -> Result<String, ActivityError> {
    Ok(ctx.state::<Currency>()?.0.to_string())
}

#[activity]
async fn both(
    _ctx: ActivityContext,
    pool: State<Pool>,
    State(factor): State<u32>,
) -> Result<u32, ActivityError> {
    Ok(pool.0.0.load(Ordering::SeqCst) * factor)
}

#[orchestration]
async fn counting(ctx: OrchestrationContext) -> Result<(u32, u32), OrchestrationError> {
    let counted = ctx.call_activity(count, 3).await?;
    Ok((counted, ctx.call_activity(both, ()).await?))
}

#[orchestration]
async fn naming(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    Ok(ctx.call_activity(currency, ()).await?)
}

/// A struct with activities.
struct Payments {
    charged: AtomicU32,
    fee: u32,
}

#[activities]
impl Payments {
    /// Charges cents, and the fee.
    #[activity]
    pub(crate) async fn charge(
        &self,
        ctx: ActivityContext,
        cents: u32,
    ) -> Result<u32, ActivityError> {
        assert_eq!(ctx.activity_name().as_str(), "Payments::charge");
        self.charged.fetch_add(self.with_fee(cents), Ordering::SeqCst);
        Ok(self.with_fee(cents))
    }

    #[activity(name = "payments.total")]
    async fn total(self: Arc<Self>, _ctx: ActivityContext) -> Result<u32, ActivityError> {
        Ok(self.charged.load(Ordering::SeqCst))
    }

    #[activity]
    async fn pooled(
        &self,
        _ctx: ActivityContext,
        State(pool): State<Pool>,
        by: u32,
    ) -> Result<u32, String> {
        Ok(pool.0.load(Ordering::SeqCst) + by + self.fee)
    }

    #[activity]
    async fn nothing(_ctx: ActivityContext) -> Result<(), ActivityError> {
        Ok(())
    }

    fn with_fee(&self, cents: u32) -> u32 {
        cents + self.fee
    }
}

#[orchestration]
async fn paying(ctx: OrchestrationContext, cents: u32) -> Result<[u32; 4], OrchestrationError> {
    let retried = Payments::charge.with(ActivityOptions::new().retry(RetryPolicy::new(2)));
    let first = ctx.call_activity(Payments::charge, cents).await?;
    let second = ctx.call_activity(retried, cents).await?;
    ctx.call_activity(Payments::nothing, ()).await?;
    let pooled = ctx.call_activity(Payments::pooled, 0).await?;
    Ok([first, second, pooled, ctx.call_activity(Payments::total, ()).await?])
}

fn builder() -> HostBuilder {
    Host::builder().provider(store().0).options(options())
}

fn payments() -> Payments {
    Payments { charged: AtomicU32::new(0), fee: 20 }
}

#[tokio::test]
async fn an_activity_takes_what_the_host_was_given() {
    let pool = Pool::default();
    // The order of calls of a builder does not matter.
    let host = builder().state(pool.clone()).orchestration(counting);
    let host = host.activity(count).activity(both).state(7_u32).start().await.unwrap();
    for (counted, times_seven) in [(3, 21), (6, 42)] {
        let instance = host.start_new(counting, ()).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), (counted, times_seven));
    }
    assert_eq!(pool.0.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn an_activity_asks_its_context_for_what_the_host_was_given() {
    let host = builder().orchestration(naming).activity(currency).state(Currency("cents"));
    let host = host.start().await.unwrap();
    let instance = host.start_new(naming, ()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "cents");
}

#[tokio::test]
async fn what_an_activity_asks_for_in_vain_fails_it_for_good_and_is_named() {
    let host = builder().orchestration(naming).activity(currency).start().await.unwrap();
    let instance = host.start_new(naming, ()).await.unwrap();
    let failed = guard(instance.result()).await.unwrap_err().to_string();
    assert!(failed.contains("activity `currency` needs a `it::state::Currency`"), "{failed}");
}

#[tokio::test]
async fn a_host_without_a_state_that_an_activity_takes_does_not_start() {
    let missing = builder().activity(both).state(Pool::default()).start().await.unwrap_err();
    let Error::MissingState(missing) = missing else { panic!("{missing}") };
    assert_eq!((missing.activity.as_str(), missing.state), ("both", "u32"));
    let missing = builder().activity(Payments::charge).start().await.unwrap_err();
    let Error::MissingState(missing) = missing else { panic!("{missing}") };
    assert_eq!(missing.activity.as_str(), "Payments::charge");
    assert!(missing.state.ends_with("Payments"), "{missing}");
    let missing = builder().activities(payments()).start().await.unwrap_err().to_string();
    assert!(missing.contains("activity `Payments::pooled` needs a `it::state::Pool`"), "{missing}");
}

#[tokio::test]
async fn two_states_of_one_type_are_refused() {
    let twice = builder().state(1_u32).state(2_u32).start().await.unwrap_err();
    assert!(matches!(twice, Error::StateGivenTwice { state: "u32" }), "{twice}");
    let twice = builder().activities(payments()).activities(payments()).start().await;
    assert!(matches!(twice, Err(Error::StateGivenTwice { .. })));
}

#[tokio::test]
async fn methods_of_a_struct_are_activities_that_share_it() {
    let host = builder().orchestration(paying).activities(payments()).state(Pool::default());
    let host = host.start().await.unwrap();
    let instance = host.start_new(paying, 500).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), [520, 520, 20, 1_040]);
    let history = instance.history().await.unwrap().to_string();
    for called in ["TaskScheduled #1 `Payments::charge`", "`payments.total`"] {
        assert!(history.contains(called), "{history}");
    }
}

#[tokio::test]
async fn activities_run_in_a_unit_test_without_a_host() {
    let pool = Pool::default();
    let call = TestCall::new().state(pool.clone());
    assert_eq!(count::run(call.context(), 3).await, Ok(3));
    assert_eq!(count::run(call.context(), 3).await, Ok(6));
    let payments = payments();
    let charge = TestCall::new().activity("Payments::charge").unwrap();
    assert_eq!(Payments::charge.call(&payments, charge.context(), 500).await, Ok(520));
    assert_eq!(Payments::pooled.call(&payments, call.context(), 1).await, Ok(27));
    assert_eq!(Payments::total.call(Arc::new(payments), call.context()).await, Ok(520));
    let missing = Payments::nothing.call(TestCall::new().context()).await;
    assert_eq!(missing, Ok(()));
}
