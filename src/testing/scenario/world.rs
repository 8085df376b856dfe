//! A world of several hosts and clients on one thread, in virtual time, in which everything follows from a seed.

mod chaos;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_actors::metrics::HostMetrics;
use reenact_actors::{Access, HostOptions};
use reenact_providers::{InMemory, OpenError, Provider};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::dice::{Dice, mixed};
use super::directory::LyingDirectory;
use super::faulty::Faulty;
use super::plan::{Plan, ScenarioStore, Simulated};
use super::queues::Queues;
use super::site::{Call, Crashes, Site};
use super::steps::Stepper;
use super::store::{Crash, Ground, Memory, View, WorldStore};
use super::trace::Trace;
use super::witness::Witness;
use crate::testing::VirtualClock;
use crate::{Client, Host, HostBuilder};

/// The longest that a machine is away, in milliseconds.
const AWAY_MS: u64 = 25_000;

/// The time between two tries to start a host.
const START_AGAIN: Duration = Duration::from_millis(500);

type Build = Box<dyn Fn(&Dice) -> HostBuilder + Send + Sync>;

/// Hosts and clients, their store, and what goes wrong. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    dice: Dice,
    trace: Trace,
    witness: Witness,
    seed: u64,
    tags: Vec<String>,
    store: Arc<dyn WorldStore>,
    clock: VirtualClock,
    build: Build,
    machines: Mutex<Vec<Machine>>,
    sites: AtomicU64,
    crashes: Crashes,
    began: Instant,
    client: Mutex<Option<Client>>,
    damage: Mutex<Option<String>>,
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
    queues: Option<Arc<Queues>>,
}

impl Running {
    /// Nothing of it has an effect any more.
    fn end(&self) {
        end(&self.site, self.queues.as_deref());
    }
}

fn end(site: &Site, queues: Option<&Queues>) {
    site.die();
    if let Some(queues) = queues {
        queues.lose_membership();
    }
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
    let store = plan.store;
    let make = |ground: &Ground| match store {
        ScenarioStore::Memory => Arc::new(Memory::new(ground)) as Arc<dyn WorldStore>,
        ScenarioStore::Directory => Arc::new(LyingDirectory::new(ground)),
    };
    simulate_on(plan, make, build, drive)
}

/// The same on a store of the caller's.
///
/// # Panics
/// As [`simulate`].
pub fn simulate_on<T, F>(
    plan: &Plan,
    make: impl FnOnce(&Ground) -> Arc<dyn WorldStore>,
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
    let (world, crashes) = World::begin(plan, make, dice.clone(), trace.clone(), Box::new(build));
    let of_steps = world.clone();
    let run = async {
        world.start_hosts().await;
        let chaos = tokio::spawn(world.clone().go_wrong());
        let crashing = tokio::spawn(world.clone().crash_as_asked(crashes));
        let result = drive(world.clone()).await;
        chaos.abort();
        crashing.abort();
        (result, world.damage().clone())
    };
    let (result, damage) = match plan.points {
        Some(_) => stepper.block_on(run, || of_steps.poll_has_ended()),
        None => stepper.runtime().block_on(run),
    };
    let took = began.elapsed();
    drop((world, of_steps, entered));
    // What is left of the hosts ends with it.
    drop(stepper);
    Simulated {
        result,
        digest: trace.digest(),
        calls: trace.entries(),
        fired: dice.fired(),
        damage,
        lines: trace.lines(),
        took,
    }
}

impl World {
    fn begin(
        plan: &Plan,
        make: impl FnOnce(&Ground) -> Arc<dyn WorldStore>,
        dice: Dice,
        trace: Trace,
        build: Build,
    ) -> (Self, mpsc::UnboundedReceiver<Crash>) {
        let clock = VirtualClock::on_paused_time();
        let (crash, crashes) = mpsc::unbounded_channel();
        let (shards, crashes_of) = (plan.shards, crash.clone());
        let (chance, right) = (dice.clone(), clock.clone());
        let ground =
            Ground { seed: plan.seed, shards, dice: chance, clock: right, crashes: crashes_of };
        let store = make(&ground);
        let machine = |_| Machine {
            clock: VirtualClock::on_paused_time(),
            running: None,
            is_starting: false,
            starting: None,
        };
        let machines = Mutex::new((0..plan.hosts.max(1)).map(machine).collect());
        let inner = Inner {
            dice,
            trace,
            witness: Witness::default(),
            seed: plan.seed,
            tags: plan.tags.clone(),
            store,
            clock,
            build,
            machines,
            sites: AtomicU64::new(0),
            crashes: Crashes { asked: crash, points: plan.points.clone() },
            began: Instant::now(),
            client: Mutex::default(),
            damage: Mutex::default(),
        };
        (Self(Arc::new(inner)), crashes)
    }

    async fn start_hosts(&self) {
        self.0.store.begin(&|| self.site(None)).await;
        let machines = self.machines().len();
        for machine in 0..machines {
            self.start(machine, Duration::ZERO);
        }
    }

    /// The chance of this run.
    pub fn dice(&self) -> &Dice {
        &self.0.dice
    }

    /// The store itself, without faults. While nobody has it open, it cannot be reached.
    pub fn store(&self) -> View {
        View(self.0.store.look().unwrap_or_else(|| Arc::new(self.unreachable())))
    }

    /// The same as of now, by somebody who has not looked at it before.
    pub async fn store_anew(&self) -> View {
        match self.0.store.look_anew().await {
            Some(store) => View(store),
            None => self.store(),
        }
    }

    /// What the store did for hosts and clients.
    pub fn witness(&self) -> &Witness {
        &self.0.witness
    }

    /// What the hosts that run say of themselves.
    pub fn metrics(&self) -> Vec<HostMetrics> {
        let machines = self.machines();
        let running = machines.iter().filter_map(|machine| machine.running.as_ref());
        running.map(|it| it.host.metrics()).collect()
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
        let others = u64::from(self.0.store.connect().is_some());
        let chosen = self.0.dice.below("client", clients.len() as u64 + others) as usize;
        if chosen < clients.len() {
            return clients.swap_remove(chosen);
        }
        self.without_host().unwrap_or_else(|| self.cut_off_client())
    }

    /// Ends all faults: hosts that are down start again, clocks go right, and what was cut off is back. Returns
    /// when the store is open.
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
        self.until_it_is_open().await;
    }

    async fn until_it_is_open(&self) {
        while self.0.store.look().is_none() && self.damage().is_none() {
            sleep(START_AGAIN).await;
        }
    }

    /// Shuts all hosts down, one after the other, and starts each again: with the code that hosts have now.
    pub async fn restart(&self) {
        let machines = self.machines().len();
        for machine in 0..machines {
            while self.machines()[machine].is_starting && !self.is_in_use_by_another() {
                sleep(START_AGAIN).await;
            }
            self.shut_down(machine).await;
            self.start(machine, Duration::ZERO);
        }
        self.until_it_is_open().await;
    }

    /// Whether a host runs on a store that no other can open meanwhile: one that is starting waits for it, and has its code
    /// when that has ended.
    fn is_in_use_by_another(&self) -> bool {
        let is_running = self.machines().iter().any(|machine| machine.running.is_some());
        is_running && self.0.store.connect().is_none()
    }

    /// Whether there was a host to shut down.
    async fn shut_down(&self, machine: usize) -> bool {
        let Some(running) = self.machines()[machine].running.take() else { return false };
        // Its errors are those of what it cannot reach.
        let _ = running.host.shutdown().await;
        end(&running.site, running.queues.as_deref());
        // Threads of the runtime had to do with its end: now all of them have caught up.
        sleep(Duration::from_millis(1)).await;
        true
    }

    fn without_host(&self) -> Option<Client> {
        let mut client = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        if client.is_none() {
            let store = self.0.store.connect()?;
            let site = self.site(None);
            let (provider, _) = self.faulty(&*store, &site, self.0.clock.clone());
            let access = Access::connect_reproducibly(&provider, self.seed_of(&site));
            *client = Some(Client::new(access.expect("the store is shared")));
        }
        client.clone()
    }

    /// A client that reaches nobody, as there is no host.
    fn cut_off_client(&self) -> Client {
        let access = Access::connect_reproducibly(&self.unreachable(), self.0.seed);
        Client::new(access.expect("the store is shared"))
    }

    /// A store that is away.
    fn unreachable(&self) -> Faulty {
        let (dice, notes) = (self.0.dice.clone(), (self.0.trace.clone(), self.0.witness.clone()));
        let site = Arc::new(Site::new(u64::MAX, dice, notes, None, self.0.began));
        site.die();
        self.faulty(&InMemory::new().shared(), &site, self.0.clock.clone()).0
    }

    fn site(&self, crashes: Option<Crashes>) -> Arc<Site> {
        let number = self.0.sites.fetch_add(1, Ordering::SeqCst);
        let (dice, notes) = (self.0.dice.clone(), (self.0.trace.clone(), self.0.witness.clone()));
        Arc::new(Site::new(number, dice, notes, crashes, self.0.began))
    }

    /// A store as it is reached from a site, and the membership that the world must take from it.
    fn faulty(
        &self,
        store: &dyn Provider,
        site: &Arc<Site>,
        clock: VirtualClock,
    ) -> (Faulty, Option<Arc<Queues>>) {
        let queues = Queues::new(store, site.clone());
        let faulty = Faulty::new(store, site.clone(), clock, queues.clone());
        (faulty, queues.filter(|_| !self.0.store.buries_its_dead()))
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
            while !this.try_to_start(machine).await {
                sleep(START_AGAIN).await;
            }
        });
    }

    /// Starts a host. Whatever may be the reason why it does not start, it is tried again.
    async fn try_to_start(&self, machine: usize) -> bool {
        let clock = self.machines()[machine].clock.clone();
        let site = self.site(Some(self.0.crashes.clone()));
        self.machines()[machine].starting = Some(site.clone());
        let Some(store) = self.open(&site, &clock).await else {
            site.die();
            return false;
        };
        let (provider, queues) = self.faulty(&*store, &site, clock);
        drop(store);
        let options = self.options(machine).reproducible(self.seed_of(&site));
        let builder = (self.0.build)(&self.0.dice).options(options).provider(provider);
        match builder.start().await {
            Ok(host) if site.is_alive() => {
                let mut machines = self.machines();
                machines[machine].running = Some(Running { host, site, queues });
                machines[machine].is_starting = false;
                machines[machine].starting = None;
                return true;
            }
            Ok(host) => drop(host),
            Err(_) => {}
        }
        end(&site, queues.as_deref());
        false
    }

    async fn open(&self, site: &Arc<Site>, clock: &VirtualClock) -> Option<Arc<dyn Provider>> {
        let opened = self.0.store.open(site, clock).await;
        let outcome = match &opened {
            Ok(_) => "ok",
            Err(OpenError::InUse { .. }) => "in use",
            Err(OpenError::Refused { .. } | OpenError::NoRoom { .. }) => "refused",
            Err(error) => {
                self.damage().get_or_insert_with(|| error.to_string());
                "damaged"
            }
        };
        site.note(Call::Open, 0, outcome);
        opened.ok()
    }

    fn damage(&self) -> MutexGuard<'_, Option<String>> {
        self.0.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self, machine: usize) -> HostOptions {
        let idle = [100, 1_000, 30_000][self.0.dice.below("passivate", 3) as usize];
        let tags = if machine == 0 { &*self.0.tags } else { &[] };
        HostOptions::new()
            .host_name(format!("host-{machine}"))
            .tags(tags.iter().map(String::as_str))
            .passivate_after(Duration::from_millis(idle))
            .strict_replay(true)
            .max_host_deaths(1_000_000)
    }

    /// Whether a host declares a tag, or has the store for itself and runs everything.
    pub(super) fn declares(&self, tag: &str) -> bool {
        self.store().sharing().is_none() || self.0.tags.iter().any(|declared| declared == tag)
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
        running.end();
        drop(running.host);
        self.start_later(machine);
    }

    fn start_later(&self, machine: usize) {
        let away = self.0.dice.below("away", AWAY_MS);
        self.start(machine, Duration::from_millis(away));
    }

    fn machines(&self) -> MutexGuard<'_, Vec<Machine>> {
        self.0.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
