//! Two sidecars on one hub, in an emulator of Azure Storage, each with a worker of its own.

use reenact::providers::azure::emulator::Emulator;

use crate::kills::{ORDERS, STEPS_BETWEEN, Worker, orders};
use crate::sidecar::Sidecar;
use crate::suites::passes;

#[test]
fn orders_end_right_though_one_of_two_sidecars_on_a_hub_is_killed() {
    let runtime = tokio::runtime::Runtime::new().expect("the system gives a runtime");
    let emulator = runtime.block_on(Emulator::start()).expect("the emulator starts");
    let connection = emulator.connection_string();
    let first = Sidecar::on_hub(&connection, "orders");
    let second = Sidecar::on_hub(&connection, "orders");
    passes(&mut orders(&first, &["start", ORDERS, "orders"]));

    // Orders wait where no worker is: so these are in shards that have moved to the second, and there are others in those
    // that have not.
    let mut of_second = Worker::start(&second);
    of_second.runs(STEPS_BETWEEN);
    let mut of_first = Worker::start(&first);
    of_first.runs(STEPS_BETWEEN);
    drop(first);
    of_first.kill();

    passes(&mut orders(&second, &["check", ORDERS, "orders"]));
    second.stop();
}
