//! A test for each recorded history of the example `shop`: a target without a harness, as a program of yours has one.

#[allow(dead_code)]
#[path = "../examples/shop/orders.rs"]
mod orders;
#[allow(dead_code)]
#[path = "../examples/shop/world.rs"]
mod world;

use std::process::ExitCode;

use reenact::prelude::*;

fn main() -> ExitCode {
    let builder = || Host::builder().orchestration(orders::order).orchestration(orders::ship);
    reenact::testing::verify_main(builder, "tests/testing/histories")
}
