//! What goes wrong with hosts, their machines and their clocks.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{AWAY_MS, Machine, Running, World};
use crate::testing::scenario::dice::FaultKind;
use crate::testing::scenario::store::Crash;

/// How often the world looks whether something of its hosts goes wrong.
const ROUNDS: u64 = 20;

/// The longest time between two of these looks, in milliseconds.
const ROUND_MS: u64 = 2_000;

/// The furthest that a clock is set forward or back, in milliseconds.
const JUMP_MS: u64 = 30_000;

/// The shortest and the longest time for which a host reads nothing, in milliseconds.
const READ_OUTAGE_MS: [u64; 2] = [8_000, 20_000];

/// The most that a clock goes wrong, in millionths.
const DRIFT_PPM: u64 = 100_000;

impl World {
    pub(super) async fn crash_as_asked(self, mut crashes: mpsc::UnboundedReceiver<Crash>) {
        while let Some(crash) = crashes.recv().await {
            let Crash::Site(site) = crash else {
                self.lose_power();
                continue;
            };
            let is_it = |it: &Machine| it.running.as_ref().is_some_and(|it| it.site.number == site);
            let found = self.machines().iter().position(is_it);
            if let Some(machine) = found {
                self.crash(machine);
            }
        }
    }

    /// A task has been polled: a host that is up may crash now.
    pub(super) fn poll_has_ended(&self) {
        let Some(points) = &self.0.crashes.points else { return };
        let is_up: Vec<bool> = {
            let machines = self.machines();
            machines.iter().map(|it| it.running.is_some() || it.starting.is_some()).collect()
        };
        if !is_up.contains(&true) {
            return;
        }
        let Some((number, true)) = points.poll() else { return };
        let count = is_up.len();
        let mut in_turn = (0..count).map(|next| (number as usize + next) % count);
        if let Some(machine) = in_turn.find(|machine| is_up[*machine]) {
            self.crash(machine);
        }
    }

    /// All that goes wrong with hosts and their clocks.
    pub(super) async fn go_wrong(self) {
        if self.0.crashes.points.is_some() {
            return;
        }
        for _ in 0..ROUNDS {
            sleep(Duration::from_millis(self.0.dice.below("round", ROUND_MS))).await;
            for _ in 0..self.0.dice.below("turns of the runtime", 12) {
                tokio::task::yield_now().await;
            }
            let machines = self.machines().len();
            for machine in 0..machines {
                self.go_wrong_on(machine).await;
            }
            if self.0.store.is_on_a_disk() {
                self.go_wrong_with_the_disk();
            }
        }
    }

    fn go_wrong_with_the_disk(&self) {
        if self.0.dice.fault(FaultKind::DiskFull) {
            self.0.store.fill_up();
        }
        if self.0.dice.fault(FaultKind::PowerLoss) {
            self.lose_power();
        }
    }

    async fn go_wrong_on(&self, machine: usize) {
        let dice = &self.0.dice;
        let clock = self.machines()[machine].clock.clone();
        let jump = |what| Duration::from_millis(dice.below(what, JUMP_MS));
        if dice.fault(FaultKind::ClockForward) {
            clock.jump(jump("forward"));
        }
        if dice.fault(FaultKind::ClockBack) {
            clock.jump_back(jump("back"));
        }
        if dice.fault(FaultKind::Drift) {
            clock.drift(dice.below("drift", 2 * DRIFT_PPM) as i32 - DRIFT_PPM as i32);
        }
        if dice.fault(FaultKind::Crash) {
            self.crash(machine);
        }
        if dice.fault(FaultKind::Partition) {
            self.cut_off(machine);
        }
        if dice.fault(FaultKind::ReadOutage) {
            self.stop_reading(machine);
        }
        if dice.fault(FaultKind::Shutdown) && self.shut_down(machine).await {
            self.start_later(machine);
        }
    }

    /// A host does not reach the store for a while, and the others take it for dead.
    fn cut_off(&self, machine: usize) {
        let machines = self.machines();
        let Some(running) = &machines[machine].running else { return };
        let (site, queues) = (running.site.clone(), running.queues.clone());
        drop(machines);
        site.cut_off(true);
        if let Some(queues) = &queues {
            queues.lose_membership();
        }
        let away = Duration::from_millis(self.0.dice.below("cut off", 2 * AWAY_MS));
        tokio::spawn(async move {
            sleep(away).await;
            site.cut_off(false);
            // One that has died meanwhile comes back as another.
            if let Some(queues) = queues.filter(|_| site.is_alive()) {
                let _ = queues.rejoin(&format!("host-{machine}")).await;
            }
        });
    }

    /// A host can write to the store for a while, and not read.
    fn stop_reading(&self, machine: usize) {
        let machines = self.machines();
        let Some(running) = &machines[machine].running else { return };
        let [least, most] = READ_OUTAGE_MS;
        let time = least + self.0.dice.below("read outage", most - least);
        running.site.stop_reading(Duration::from_millis(time));
    }

    /// The machine with the disk is off from one moment to the next, and so are all hosts on it.
    fn lose_power(&self) {
        let machines = self.machines().len();
        self.machines().iter().filter_map(|it| it.running.as_ref()).for_each(Running::end);
        self.0.store.lose_power();
        for machine in 0..machines {
            self.crash(machine);
        }
    }
}
