//! A world of several hosts and clients on one thread, in virtual time, in which everything follows from a seed.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_actors::{Access, HostOptions};
use reenact_providers::InMemory;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::dice::{Dice, Fault, FaultKind, mixed};
use super::faulty::Faulty;
use super::points::Points;
use super::queues::Queues;
use super::site::{Crashes, Site};
use super::steps::Stepper;
use super::trace::Trace;
use crate::testing::VirtualClock;
use crate::{Client, Host, HostBuilder};

/// How often the world looks whether something of its hosts goes wrong.
const ROUNDS: u64 = 20;

/// The longest time between two of these looks, in milliseconds.
const ROUND_MS: u64 = 2_000;

/// The longest that a machine is away, in milliseconds.
const AWAY_MS: u64 = 25_000;

/// The furthest that a clock is set forward or back, in milliseconds.
const JUMP_MS: u64 = 30_000;

/// The most that a clock goes wrong, in millionths.
const DRIFT_PPM: u64 = 100_000;

/// The time between two tries to start a host.
const START_AGAIN: Duration = Duration::from_millis(500);

/// What a run is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything follows from.
    pub seed: u64,
    /// The faults that may happen; all of them when it is `None`.
    pub only: Option<BTreeSet<Fault>>,
    /// The number of hosts.
    pub hosts: usize,
    /// The number of shards.
    pub shards: u32,
    /// Whether the lines of the trace are kept.
    pub keeps_lines: bool,
    /// Where hosts crash, instead of where chance says.
    pub points: Option<Points>,
}

impl Plan {
    /// A run with all faults, and as many hosts and shards as its seed says.
    pub fn new(seed: u64) -> Self {
        let hosts = 1 + (mixed((seed, "hosts")) % 3) as usize;
        let shards = 1 + (mixed((seed, "shards")) % 4) as u32;
        Self { seed, only: None, hosts, shards, keeps_lines: false, points: None }
    }
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Simulated<T> {
    /// What it was for.
    pub result: T,
    /// A digest over all calls of the store: equal for equal runs.
    pub digest: u64,
    /// The number of calls of the store.
    pub calls: u64,
    /// The faults that have happened, in order.
    pub fired: Vec<Fault>,
    /// The lines of the trace, if they were to be kept.
    pub lines: Vec<String>,
    /// How long it took, in virtual time.
    pub took: Duration,
}

type Build = Box<dyn Fn(&Dice) -> HostBuilder + Send + Sync>;

/// Hosts and clients, their store, and what goes wrong. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    dice: Dice,
    trace: Trace,
    seed: u64,
    store: InMemory,
    clock: VirtualClock,
    build: Build,
    machines: Mutex<Vec<Machine>>,
    sites: AtomicU64,
    crashes: Crashes,
    began: Instant,
    client: Mutex<Option<Client>>,
}

/// A place where one host runs at a time.
struct Machine {
    clock: VirtualClock,
    running: Option<Running>,
    /// Whether a task starts a host on it.
    is_starting: bool,
    /// The host that is just starting.
    starting: Option<Arc<Site>>,
}

struct Running {
    host: Host,
    site: Arc<Site>,
    queues: Arc<Queues>,
}

/// Runs a world by a plan: with hosts as `build` makes them, and clients as `drive` plays them. The faults end after
/// a while by themselves.
///
/// # Panics
/// When the system gives no runtime, and when `drive` panics.
pub fn simulate<T, F>(
    plan: &Plan,
    build: impl Fn(&Dice) -> HostBuilder + Send + Sync + 'static,
    drive: impl FnOnce(World) -> F,
) -> Simulated<T>
where
    F: Future<Output = T>,
{
    let stepper = Stepper::new(plan.points.is_some()).expect("the system gives a runtime");
    let (dice, trace) = (Dice::new(plan.seed, plan.only.clone()), Trace::new(plan.keeps_lines));
    let entered = stepper.runtime().enter();
    let began = Instant::now();
    let (world, crashes) = World::begin(plan, dice.clone(), trace.clone(), Box::new(build));
    let of_steps = world.clone();
    let run = async {
        let chaos = tokio::spawn(world.clone().go_wrong());
        let crashing = tokio::spawn(world.clone().crash_as_asked(crashes));
        let result = drive(world).await;
        chaos.abort();
        crashing.abort();
        result
    };
    let result = match plan.points {
        Some(_) => stepper.block_on(run, || of_steps.poll_has_ended()),
        None => stepper.runtime().block_on(run),
    };
    let took = began.elapsed();
    drop((of_steps, entered));
    // What is left of the hosts ends with it.
    drop(stepper);
    Simulated {
        result,
        digest: trace.digest(),
        calls: trace.entries(),
        fired: dice.fired(),
        lines: trace.lines(),
        took,
    }
}

impl World {
    fn begin(
        plan: &Plan,
        dice: Dice,
        trace: Trace,
        build: Build,
    ) -> (Self, mpsc::UnboundedReceiver<u64>) {
        let clock = VirtualClock::new();
        let store = InMemory::new().with_shards(plan.shards).with_clock(clock.clone()).shared();
        let (crash, crashes) = mpsc::unbounded_channel();
        let machine = |_| Machine {
            clock: VirtualClock::new(),
            running: None,
            is_starting: false,
            starting: None,
        };
        let machines = Mutex::new((0..plan.hosts.max(1)).map(machine).collect());
        let inner = Inner {
            dice,
            trace,
            seed: plan.seed,
            store,
            clock,
            build,
            machines,
            sites: AtomicU64::new(0),
            crashes: Crashes { asked: crash, points: plan.points.clone() },
            began: Instant::now(),
            client: Mutex::default(),
        };
        let world = Self(Arc::new(inner));
        for machine in 0..plan.hosts.max(1) {
            world.start(machine, Duration::ZERO);
        }
        (world, crashes)
    }

    /// The chance of this run.
    pub fn dice(&self) -> &Dice {
        &self.0.dice
    }

    /// The store itself, without faults.
    pub fn store(&self) -> &InMemory {
        &self.0.store
    }

    /// The clock of the store, which is right.
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// A client: of one of the hosts, or without a host.
    pub fn client(&self) -> Client {
        let machines = self.machines();
        let clients = machines.iter().filter_map(|machine| machine.running.as_ref());
        let mut clients: Vec<Client> = clients.map(|it| it.host.client().clone()).collect();
        drop(machines);
        let chosen = self.0.dice.below("client", clients.len() as u64 + 1) as usize;
        if chosen < clients.len() { clients.swap_remove(chosen) } else { self.without_host() }
    }

    /// Ends all faults: hosts that are down start again, clocks go right, and what was cut off is back.
    pub async fn heal(&self) {
        self.0.dice.calm();
        let cut_off: Vec<_> = {
            let machines = self.machines();
            machines.iter().for_each(|machine| machine.clock.drift(0));
            machines.iter().filter_map(|it| it.running.as_ref()).map(|it| it.site.clone()).collect()
        };
        cut_off.iter().for_each(|site| site.cut_off(false));
        let machines = self.machines().len();
        for machine in 0..machines {
            self.start(machine, Duration::ZERO);
        }
    }

    fn without_host(&self) -> Client {
        let mut client = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        let made = client.get_or_insert_with(|| {
            let (provider, site, _) = self.provider(self.0.clock.clone(), None);
            let access = Access::connect_reproducibly(&provider, self.seed_of(&site));
            Client::new(access.expect("the store is shared"))
        });
        made.clone()
    }

    fn provider(
        &self,
        clock: VirtualClock,
        crashes: Option<Crashes>,
    ) -> (Faulty, Arc<Site>, Arc<Queues>) {
        let number = self.0.sites.fetch_add(1, Ordering::SeqCst);
        let (dice, trace) = (self.0.dice.clone(), self.0.trace.clone());
        let site = Arc::new(Site::new(number, dice, trace, crashes, self.0.began));
        let queues = Queues::new(&self.0.store, site.clone()).expect("the store is shared");
        let store = self.0.store.clone();
        let faulty = Faulty { store, site: site.clone(), clock, queues: queues.clone() };
        (faulty, site, queues)
    }

    /// What a host or a client draws at random follows from it.
    fn seed_of(&self, site: &Site) -> u64 {
        mixed((self.0.seed, "site", site.number))
    }

    /// Starts a host on a machine that has none, and tries until it runs.
    fn start(&self, machine: usize, after: Duration) {
        {
            let mut machines = self.machines();
            let of = &mut machines[machine];
            if of.is_starting || of.running.is_some() {
                return;
            }
            of.is_starting = true;
        }
        let this = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            loop {
                let clock = this.machines()[machine].clock.clone();
                let (provider, site, queues) = this.provider(clock, Some(this.0.crashes.clone()));
                this.machines()[machine].starting = Some(site.clone());
                let options = this.options(machine).reproducible(this.seed_of(&site));
                let builder = (this.0.build)(&this.0.dice).options(options).provider(provider);
                match builder.start().await {
                    Ok(host) if site.is_alive() => {
                        let mut machines = this.machines();
                        machines[machine].running = Some(Running { host, site, queues });
                        machines[machine].is_starting = false;
                        machines[machine].starting = None;
                        return;
                    }
                    Ok(host) => drop(host),
                    // It is tried again, whatever it was.
                    Err(_) => {}
                }
                site.die();
                queues.lose_membership();
                sleep(START_AGAIN).await;
            }
        });
    }

    fn options(&self, machine: usize) -> HostOptions {
        let idle = [100, 1_000, 30_000][self.0.dice.below("passivate", 3) as usize];
        HostOptions::new()
            .host_name(format!("host-{machine}"))
            .passivate_after(Duration::from_millis(idle))
            .strict_replay(true)
            .max_host_deaths(1_000_000)
    }

    /// The host of a machine is gone from one moment to the next.
    fn crash(&self, machine: usize) {
        let (running, starting) = {
            let of = &mut self.machines()[machine];
            (of.running.take(), of.starting.take())
        };
        // Its start fails, and is tried again.
        starting.iter().for_each(|site| site.die());
        let Some(running) = running else { return };
        running.site.die();
        running.queues.lose_membership();
        drop(running.host);
        self.start_later(machine);
    }

    fn start_later(&self, machine: usize) {
        let away = self.0.dice.below("away", AWAY_MS);
        self.start(machine, Duration::from_millis(away));
    }

    async fn crash_as_asked(self, mut crashes: mpsc::UnboundedReceiver<u64>) {
        while let Some(site) = crashes.recv().await {
            let is_it = |it: &Machine| it.running.as_ref().is_some_and(|it| it.site.number == site);
            let found = self.machines().iter().position(is_it);
            if let Some(machine) = found {
                self.crash(machine);
            }
        }
    }

    /// A task has been polled: a host that is up may crash now.
    fn poll_has_ended(&self) {
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
    async fn go_wrong(self) {
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
        if dice.fault(FaultKind::Shutdown) {
            let running = self.machines()[machine].running.take();
            if let Some(running) = running {
                // Its errors are those of what it cannot reach.
                let _ = running.host.shutdown().await;
                running.site.die();
                running.queues.lose_membership();
                // Threads of the runtime had to do with its end: now all of them have caught up.
                sleep(Duration::from_millis(1)).await;
                self.start_later(machine);
            }
        }
    }

    /// A host does not reach the store for a while, and the others take it for dead.
    fn cut_off(&self, machine: usize) {
        let machines = self.machines();
        let Some(running) = &machines[machine].running else { return };
        let (site, queues) = (running.site.clone(), running.queues.clone());
        drop(machines);
        site.cut_off(true);
        queues.lose_membership();
        let away = Duration::from_millis(self.0.dice.below("cut off", 2 * AWAY_MS));
        tokio::spawn(async move {
            sleep(away).await;
            site.cut_off(false);
            // One that has died meanwhile comes back as another.
            if site.is_alive() {
                let _ = queues.rejoin(&format!("host-{machine}")).await;
            }
        });
    }

    fn machines(&self) -> MutexGuard<'_, Vec<Machine>> {
        self.0.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
