//! The example `shop`, tested as a program of yours would be: its orders, with doubles of the bank.

use std::path::Path;

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::testing::{self, Double, TestHost};
use reenact::transfer::{self, ExportOptions};
use reenact::{Access, Error, assert_history};

use crate::DAY;
use crate::orders::{DECISION, Decision, Order, order, ship};
use crate::world::{Payment, Payments, Warehouse, print_label, reserve, restock};

/// What the shop registers.
fn builder() -> HostBuilder {
    Host::builder()
        .orchestration(order)
        .orchestration(ship)
        .activity(reserve)
        .activity(restock)
        .activity(print_label)
        .activities(Payments { account: 4711 })
        .state(Warehouse::stocked())
}

fn lamp() -> Order {
    Order { customer: "ada".into(), item: "lamp".into(), quantity: 2, cents: 9_800 }
}

fn piano() -> Order {
    Order { customer: "clara".into(), item: "piano".into(), quantity: 1, cents: 480_000 }
}

#[test]
fn an_order_is_paid_and_shipped_while_the_bank_is_busy() {
    testing::run(async {
        let charged = Double::of(Payments::charge)
            .takes(Duration::from_secs(1))
            .fail(2, ActivityError::retryable("the bank is busy"))
            .then(|(customer, cents)| {
                Ok(Payment { number: format!("payment of {customer}"), cents })
            });
        let host = TestHost::of(builder()).double(charged).start().await.unwrap();
        let placed = host.start_new(order, lamp()).id("order-lamp").await.unwrap();
        let receipt = placed.result().await.unwrap();
        assert_eq!(receipt.payment, "payment of ada");
        assert_eq!(receipt.parcel, "parcel of order-lamp, for ada");
        assert_eq!(host.calls(Payments::charge).len(), 3);
        assert_history!(host.history("order-lamp").await, "golden/order-lamp.txt");
    });
}

#[test]
fn a_large_order_about_which_nobody_decides_gives_back_what_it_took() {
    testing::run(async {
        let host = TestHost::of(builder()).mock(restock, |_| Ok(())).start().await.unwrap();
        let placed = host.start_new(order, piano()).id("order-piano").await.unwrap();
        let error = placed.result().await.unwrap_err();
        assert!(error.to_string().contains("nobody decided in time"), "{error}");
        assert_eq!(host.elapsed(), DAY);
        assert_eq!(host.calls(restock), [("piano".to_owned(), 1)]);
        assert_history!(host.history("order-piano").await, "golden/order-piano.txt");
    });
}

#[test]
fn a_decision_counts_also_when_the_shop_crashes_before_and_after_it() {
    testing::run(async {
        let paid = |(customer, cents)| Ok(Payment { number: customer, cents });
        let parcel = |_| Ok("parcel".to_owned());
        let host = TestHost::of(builder()).mock(Payments::charge, paid).mock_child(ship, parcel);
        let mut host = host.start().await.unwrap();
        host.start_new(order, piano()).id("order-piano").await.unwrap();
        host.pass(DAY / 2).await;
        host.crash_and_restart().await.unwrap();
        let yes = Decision { by: "grace".into(), approved: true };
        host.raise_event("order-piano", DECISION, yes).await.unwrap();
        host.crash_and_restart().await.unwrap();
        let placed = host.instance::<crate::orders::Receipt>("order-piano");
        assert_eq!(placed.result().await.unwrap().parcel, "parcel");
        assert_eq!(host.child_calls(ship).len(), 1);
    });
}

#[test]
fn a_cancelled_order_is_cancelled_after_it_has_given_back_what_it_took() {
    testing::run(async {
        let host = TestHost::of(builder()).start().await.unwrap();
        let placed = host.start_new(order, piano()).await.unwrap();
        host.pass(Duration::from_secs(60)).await;
        placed.cancel("the customer has changed her mind").await.unwrap();
        let error = placed.result().await.unwrap_err();
        assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    });
}

/// They were exported by a shop as [`exported`] does it.
#[test]
fn the_recorded_orders_of_the_shop_still_fit() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testing/histories");
    assert_eq!(testing::verify_exported(&builder(), recorded).unwrap(), 3);
}

#[test]
fn what_the_shop_does_today_fits_as_well() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported/shop");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("lamp.jsonl"), exported(lamp())).unwrap();
    std::fs::write(place.join("piano.jsonl"), exported(piano())).unwrap();
    assert_eq!(testing::verify_exported(&builder(), place).unwrap(), 3);
}

/// The export of a shop with one order that has come to its end: with its parcel, if it has one.
fn exported(wanted: Order) -> Vec<u8> {
    testing::run(async {
        let host = TestHost::of(builder()).start().await.unwrap();
        let id = format!("order-{}", wanted.item);
        let _ = host.start_new(order, wanted).id(id).await.unwrap().result().await;
        let store = host.store().clone();
        host.shutdown().await.unwrap();
        let (from, mut export) = (Access::read_only(&store), Vec::new());
        let all = Default::default();
        transfer::export(&from, &all, ExportOptions::new(), &mut export, |_| {}).await.unwrap();
        export
    })
}
