//! Doubles of activities and children: what they answer, when, and what they were called with.

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::testing::{self, Double, TestHost};

use crate::MINUTE;

struct Payments;

#[activities]
impl Payments {
    #[activity]
    async fn charge(
        &self,
        _ctx: ActivityContext,
        (customer, cents): (String, u64),
    ) -> Result<String, ActivityError> {
        Err(ActivityError::fatal(format!("{customer} does not pay {cents} in a test")))
    }
}

#[orchestration]
async fn ship(_ctx: OrchestrationContext, item: String) -> Result<String, OrchestrationError> {
    Err(OrchestrationError::new(format!("{item} is not shipped in a test")))
}

#[orchestration]
async fn order(
    ctx: OrchestrationContext,
    (customer, cents): (String, u64),
) -> Result<String, OrchestrationError> {
    let often = RetryPolicy::new(4).first_delay(MINUTE).factor(1.0);
    let options = ActivityOptions::new().retry(often).start_to_close(MINUTE * 10);
    let paid = ctx.call_activity(Payments::charge.with(options), (customer, cents)).await?;
    let parcel = ctx.call_orchestration(ship, "desk".to_owned()).await?;
    Ok(format!("{paid}, {parcel}"))
}

fn builder() -> HostBuilder {
    Host::builder().orchestration(order).orchestration(ship).activities(Payments)
}

fn name_of<A: ActivityDefinition>(_: A) -> &'static str {
    A::NAME
}

fn ada() -> (String, u64) {
    ("ada".to_owned(), 1_200)
}

#[test]
fn a_double_answers_in_the_place_of_an_activity_and_of_a_child() {
    testing::run(async {
        let host = TestHost::of(builder())
            .mock(Payments::charge, |(customer, cents)| Ok(format!("{customer} paid {cents}")))
            .mock_child(ship, |item| Ok(format!("parcel with a {item}")))
            .start()
            .await
            .unwrap();
        let done = host.start_new(order, ada()).await.unwrap().result().await.unwrap();
        assert_eq!(done, "ada paid 1200, parcel with a desk");
        assert_eq!(host.calls(Payments::charge), [ada()]);
        assert_eq!(host.child_calls(ship), ["desk"]);
    });
}

#[test]
fn a_double_is_known_by_its_name_as_well() {
    testing::run(async {
        let host = TestHost::of(builder())
            .mock_named(name_of(Payments::charge), |(customer, cents): (String, u64)| {
                Ok(format!("{customer} paid {cents}"))
            })
            .double(Double::child_named("ship").then(|item: String| Ok(item)))
            .start()
            .await
            .unwrap();
        let done = host.start_new_by_name::<String>("order", &ada()).await.unwrap();
        assert_eq!(done.result().await.unwrap(), "ada paid 1200, desk");
        assert_eq!(host.calls_named::<(String, u64)>(name_of(Payments::charge)), [ada()]);
        assert_eq!(host.child_calls_named::<String>("ship"), ["desk"]);
    });
}

#[test]
fn children_without_a_double_are_real() {
    testing::run(async {
        let host = TestHost::of(builder()).mock(Payments::charge, |_| Ok("paid".to_owned()));
        let host = host.start().await.unwrap();
        let failed = host.start_new(order, ada()).await.unwrap().result().await.unwrap_err();
        assert!(failed.to_string().contains("desk is not shipped in a test"), "{failed}");
    });
}

#[test]
fn a_script_fails_times_out_never_answers_and_then_does_in_virtual_time() {
    testing::run(async {
        let charge = Double::of(Payments::charge)
            .takes(Duration::from_secs(30))
            .fail(1, ActivityError::retryable("the bank is busy"))
            .time_out(1)
            .never(1)
            .then(|_| Ok("paid".to_owned()));
        let host = TestHost::of(builder()).double(charge).mock_child(ship, Ok);
        let host = host.start().await.unwrap();
        let done = host.start_new(order, ada()).await.unwrap().result().await.unwrap();
        assert_eq!(done, "paid, desk");
        assert_eq!(host.calls(Payments::charge).len(), 4);
        // Two short failures, one that uses its time up, one success, and a minute before each new attempt.
        assert_eq!(host.elapsed(), Duration::from_secs(30) * 3 + MINUTE * 10 + MINUTE * 3);
    });
}

#[test]
fn a_script_that_has_ended_says_so() {
    testing::run(async {
        let charge = Double::of(Payments::charge).answer(1, |_| Ok("paid".to_owned()));
        let host = TestHost::of(builder()).double(charge).mock_child(ship, Ok);
        let host = host.start().await.unwrap();
        host.start_new(order, ada()).await.unwrap().result().await.unwrap();
        let failed = host.start_new(order, ada()).await.unwrap().result().await.unwrap_err();
        let text = "has no answer to call 2: end its script with `then`";
        assert!(failed.to_string().contains(text), "{failed}");
    });
}

#[test]
fn a_double_of_a_child_fails_takes_its_time_and_is_not_asked_again_at_replay() {
    testing::run(async {
        let shipped = Double::of_child(ship)
            .takes(MINUTE)
            .fail(1, OrchestrationError::new("no courier").with_details(&7))
            .then(Ok);
        let host = TestHost::of(builder()).double(shipped);
        let host = host.mock(Payments::charge, |_| Ok("paid".to_owned()));
        let mut host = host.start().await.unwrap();
        let failed = host.start_new(order, ada()).await.unwrap().result().await.unwrap_err();
        assert!(failed.to_string().contains("no courier"), "{failed}");
        assert_eq!(host.elapsed(), MINUTE);

        host.start_new(order, ada()).id("second").await.unwrap();
        host.pass(Duration::from_secs(30)).await;
        host.crash_and_restart().await.unwrap();
        let done = host.instance::<String>("second").result().await.unwrap();
        assert_eq!((&*done, host.elapsed()), ("paid, desk", MINUTE * 2));
        assert_eq!(host.child_calls(ship).len(), 2);
    });
}
