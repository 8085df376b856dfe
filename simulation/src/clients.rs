//! The clients of a run: they start programs, raise events, ask for updates, suspend and resume, and look at what comes
//! out.

mod call;
mod clerk;
mod idle;
mod launched;
mod left;
mod player;
mod reader;
mod repair;
mod rest;
mod starts;
mod teller;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reenact::testing::simulation::{World, replay_all};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::player::Player;
use self::teller::Teller;
use crate::Store;
use crate::durable::Durable;
use crate::marks::{self, Marks};
use crate::workload::{
    Entries, Hosts, Out, Program, check_messages, check_patches, check_requests, host, programs,
};

/// How long the faults last, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// After this time without faults, no message comes a second time.
const QUEUES_REST: Duration = Duration::from_secs(120);

/// How long after its first time a message comes again at most.
const REPEATED: Duration = Duration::from_secs(25);

/// How long everything may take to come to rest without faults, in virtual time.
const REST: Duration = Duration::from_secs(900);

/// How long a run takes at most, in virtual time: most are over after three minutes.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

/// Plays all clients of a run, and gives what it has seen. An error says what is wrong.
pub(crate) async fn play(world: World, hosts: Hosts, store: Store) -> Result<Marks, String> {
    let playing = play_all(world.clone(), hosts, store);
    match timeout(LONGEST, playing).await {
        Ok(played) => played,
        Err(_) => {
            rest::until_all_rest(&world).await?;
            let hours = LONGEST.as_secs() / 3_600;
            Err(format!("the run has not ended after {hours} hours, and all instances are at rest"))
        }
    }
}

async fn play_all(world: World, hosts: Hosts, store: Store) -> Result<Marks, String> {
    let durable = Arc::new(Mutex::new(Durable::of_store(store)));
    let run = Run { world, hosts, durable, is_healed: Arc::default() };
    let mut next = 0;
    let programs = programs(run.world.dice(), &mut next);
    let players: Vec<_> =
        (0..).zip(&programs).map(|(number, played)| Player::new(&run, number, played)).collect();
    let clients: Vec<_> =
        players.iter().map(|player| tokio::spawn(player.clone().play())).collect();
    let tellers = Teller::all(&run, &mut next);
    let tellers: Vec<_> = tellers.into_iter().map(|teller| tokio::spawn(teller.play())).collect();
    let clerk = tokio::spawn(clerk::complete_all(run.clone()));
    let upgrading = run.world.dice().below("upgrade after", FAULTS_LAST.as_millis() as u64);
    let upgrading = Duration::from_millis(upgrading);
    sleep(upgrading).await;
    let was_old = run.hosts.may_be_old();
    run.hosts.upgrade();
    sleep(FAULTS_LAST - upgrading).await;
    run.world.heal().await;
    if was_old {
        run.world.restart().await;
    }
    run.is_healed.store(true, Ordering::Relaxed);
    // What comes twice comes in this time.
    let repeated = sleep(REPEATED);
    let (mut entries, mut outs) = (Entries::default(), Vec::new());
    for (player, playing) in players.iter().zip(clients) {
        let out = player.check(playing).await.map_err(|wrong| player.names(&wrong))?;
        entries.add_all(player.steps(), out.as_deref());
        outs.push(out);
    }
    let senders: Vec<&Program> = programs.iter().map(|played| &played.program).collect();
    for (number, (player, out)) in players.iter().zip(&outs).enumerate() {
        if let Some(out) = out {
            let checked = check_messages(number, out, &senders)
                .and_then(|()| check_requests(senders[number], out, &outs));
            checked.map_err(|wrong| player.names(&wrong))?;
        }
    }
    for teller in tellers {
        let (entry, place) = joined(teller).await?;
        entries.add(entry, place);
    }
    rest::until_all_rest(&run.world).await?;
    for (player, out) in players.iter().zip(&outs) {
        launched::check_launched(&run, player, out.is_some(), &mut entries).await?;
        left::check_left(&run, player, out.is_some(), &mut entries).await?;
        player.check_undone(out.is_some()).map_err(|wrong| player.names(&wrong))?;
    }
    if clerk.is_finished() {
        joined(clerk).await?;
    } else {
        clerk.abort();
    }
    repeated.await;
    rest::check_ledgers(&run, &entries).await?;
    check_keys(&run.hosts)?;
    idle::until_hosts_hold_nothing(&run.world).await?;
    replay_all(&host(run.world.dice(), &run.hosts), &run.world.store()).await?;
    patches(&run, outs.iter().flatten())?;
    let ids: Vec<&str> = players.iter().map(Player::id).collect();
    run.finish(&ids).await
}

/// Each call of an activity has run under one key.
fn check_keys(hosts: &Hosts) -> Result<(), String> {
    let mut numbers = BTreeMap::new();
    for (key, (number, _)) in hosts.done() {
        if let Some(other) = numbers.insert(number, key.clone()) {
            return Err(format!("activity {number} has run under two keys: {other} and {key}"));
        }
    }
    Ok(())
}

/// What has come out at patches, of which activities have run at none that was answered with what is new.
fn patches<'a>(run: &Run, outs: impl Iterator<Item = &'a Vec<Out>>) -> Result<(), String> {
    let ran: BTreeSet<u64> = run.hosts.done().into_values().map(|(number, _)| number).collect();
    for out in outs {
        check_patches(out, &|number| ran.contains(&number))?;
    }
    Ok(())
}

/// A run, and what the store has confirmed in it. Clones are the same.
#[derive(Clone)]
struct Run {
    world: World,
    hosts: Hosts,
    durable: Arc<Mutex<Durable>>,
    /// There are no faults any more.
    is_healed: Arc<AtomicBool>,
}

impl Run {
    /// Looks at what is durable at this moment.
    fn look<T>(&self, at: impl FnOnce(&mut Durable) -> Result<T, String>) -> Result<T, String> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        durable.read(&self.world)?;
        at(&mut durable)
    }

    fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::Relaxed)
    }

    /// How many turns are durable.
    fn turns(&self) -> Result<usize, String> {
        self.look(|durable| Ok(durable.turns()))
    }

    /// A number below `longest`, in milliseconds, to wait.
    async fn pause(&self, what: &'static str, longest: u64) {
        sleep(Duration::from_millis(self.world.dice().below(what, longest))).await;
    }

    async fn finish(self, ids: &[&str]) -> Result<Marks, String> {
        let mut durable = self.look(|durable| Ok(std::mem::take(durable)))?;
        let store = self.world.store_anew().await;
        durable.settle(&store).await?;
        ids.iter().try_for_each(|id| durable.check_begun(id, 1))?;
        durable.check_stored(&store).await?;
        Ok(durable.marks)
    }
}

type Playing<T> = JoinHandle<Result<T, String>>;

async fn joined<T>(task: Playing<T>) -> Result<T, String> {
    task.await.map_err(|panic| format!("a client has panicked: {panic}"))?
}
