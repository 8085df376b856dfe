//! Whatever is asked, in whatever order, and wherever hosts die: each update is answered once, with what is durable, and
//! nobody waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::{Future, IntoFuture};

use futures::future::join_all;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use reenact::core::codec;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Event, PageRequest, UpdateError, limits};
use tokio::task::JoinHandle;

use super::{ADD, DO, counter};
use crate::kit::{Faulty, guard, options, store};

/// What the sum may be at most: see [`counter`].
const MOST: u64 = 100;

/// The check of [`counter`] refuses it.
const TOO_MUCH: u64 = 2_000;

/// What is asked of the instance, or happens to its host.
#[derive(Clone, Debug)]
enum Asked {
    Add(u64),
    /// The same, with a start for the case that the instance is not there.
    AddOrStart(u64),
    /// So many at the same time.
    AddEach(u8),
    Refused,
    Drop,
    /// It is answered after an activity.
    Later,
    /// It waits for the next [`Answer`](Self::Answer).
    Hold,
    Answer,
    Renew,
    /// What was asked before, with its key, by two at the same time.
    Again(Index),
    Crash,
    /// The host dies before one of its next appends.
    CrashBefore(u8),
}

/// An answer, as a text.
type Answer = String;

/// What is to become of it all.
#[derive(Default)]
struct Model {
    sum: u64,
    answers: BTreeMap<usize, Answer>,
    held: Vec<usize>,
}

impl Model {
    fn add(&mut self, number: u64) -> Answer {
        if self.sum + number > MOST {
            return format!("refused: {} are left", MOST - self.sum);
        }
        self.sum += number;
        self.sum.to_string()
    }

    /// The answer to a request, if it has one at once.
    fn answer(&mut self, number: usize, asked: &Asked) -> Option<Answer> {
        let answer = match asked {
            Asked::Add(number) | Asked::AddOrStart(number) => self.add(*number),
            Asked::Drop => "dropped".to_string(),
            Asked::Later => format!("{:?}", format!("later, {}", self.sum)),
            Asked::Renew => format!("{:?}", "renewed"),
            Asked::Answer => {
                for held in std::mem::take(&mut self.held) {
                    let answer = format!("{:?}", format!("hold {held}, {}", self.sum));
                    self.answers.insert(held, answer);
                }
                format!("{:?}", "done")
            }
            Asked::Hold => {
                self.held.push(number);
                return None;
            }
            Asked::AddEach(_)
            | Asked::Refused
            | Asked::Again(_)
            | Asked::Crash
            | Asked::CrashBefore(_) => return None,
        };
        self.answers.insert(number, answer.clone());
        Some(answer)
    }
}

/// A store, the host on it, and those who wait.
struct Scene {
    memory: InMemory,
    faulty: Faulty,
    /// There is one but for the moment of a crash.
    host: Option<Host>,
    waiting: BTreeMap<usize, JoinHandle<Option<Answer>>>,
    /// The host is about to die: it does not take another order to.
    is_dying: bool,
}

impl Scene {
    async fn new() -> Self {
        let memory = store().0;
        let faulty = Faulty::new(memory.clone());
        let host = Some(host_on(&faulty).await);
        Self { memory, faulty, host, waiting: BTreeMap::new(), is_dying: false }
    }

    /// The host dies, and another one takes up its instances. Those who waited ask again.
    async fn crash(&mut self) {
        guard(self.host.take().expect("there is one").abort()).await;
        self.faulty = Faulty::new(self.memory.clone());
        self.is_dying = false;
        self.host = Some(host_on(&self.faulty).await);
        for (number, waiting) in std::mem::take(&mut self.waiting) {
            guard(waiting).await.expect("it ends with its host");
            self.hold(number);
        }
    }

    fn host(&self) -> &Host {
        self.host.as_ref().expect("there is one")
    }

    fn hold(&mut self, number: usize) {
        let held = ask(self.host(), number, &Asked::Hold);
        self.waiting.insert(number, tokio::spawn(held));
    }

    /// Returns when all that is held is in the log, after as many crashes as it takes.
    async fn until_held(&mut self) {
        loop {
            let is_held = guard(async {
                tokio::select! {
                    biased;
                    () = self.faulty.stopped() => false,
                    () = self.until_in_the_log() => true,
                }
            });
            if is_held.await {
                return;
            }
            self.crash().await;
        }
    }

    async fn until_in_the_log(&self) {
        loop {
            let raised = raised(&self.memory).await;
            if self.waiting.keys().all(|number| raised.contains(&key(*number))) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What several ask at the same time, by hosts that die until one does not.
    async fn asked(&mut self, asked: &[(usize, Asked)]) -> Vec<Answer> {
        loop {
            let all = asked.iter().map(|(number, asked)| ask(self.host(), *number, asked));
            let answers = guard(async {
                tokio::select! {
                    biased;
                    answers = join_all(all) => Some(answers),
                    () = self.faulty.stopped() => None,
                }
            })
            .await;
            match answers {
                Some(answers) => {
                    return answers.into_iter().map(|a| a.expect("an answer")).collect();
                }
                None => self.crash().await,
            }
        }
    }

    /// Everything that is held is answered.
    async fn all_answered(&mut self, model: &Model) {
        for (number, waiting) in std::mem::take(&mut self.waiting) {
            let answer = guard(waiting).await.unwrap();
            assert_eq!(answer.as_ref(), model.answers.get(&number), "held as {number}");
        }
    }
}

async fn host_on(faulty: &Faulty) -> Host {
    // So many hosts die here that the code could be taken for what kills them, and be parked.
    let options = options().max_host_deaths(u32::MAX);
    let host = Host::builder().provider(faulty.clone()).options(options).orchestration(counter);
    let work = |_: ActivityContext, (): ()| async { Ok(()) };
    let host = guard(host.register_activity("work", work).start()).await.unwrap();
    guard(host.start_new(counter, 0).id("i").or_attach()).await.unwrap();
    host
}

/// The keys of the requests that are in the log of the newest execution.
async fn raised(memory: &InMemory) -> BTreeSet<String> {
    let store = memory.histories();
    let listed = store.list(&Default::default(), &PageRequest::new()).await.unwrap();
    let Some(summary) = listed.instances.first() else { return BTreeSet::new() };
    let read = store.read(&summary.instance, summary.execution, 0, usize::MAX).await;
    // It may have continued as new meanwhile.
    let turns = read.map(|page| page.turns).unwrap_or_default();
    let turns = turns.iter().map(|turn| codec::decode_turn(&turn.bytes).expect("a turn"));
    let keys = turns.flat_map(|turn| turn.events.to_vec()).filter_map(|event| match event {
        Event::ExternalRaised { key, .. } => key.map(String::from),
        _ => None,
    });
    keys.collect()
}

fn key(number: usize) -> String {
    format!("k-{number}")
}

/// Asks for something with the key of its number.
fn ask(
    host: &Host,
    number: usize,
    asked: &Asked,
) -> impl Future<Output = Option<Answer>> + Send + 'static {
    let key = key(number);
    let add = |n: u64| shown(host.update("i", ADD, n).key(&key).into_future());
    let order = |what: String| shown(host.update("i", DO, what).key(&key).into_future());
    let asked: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = match asked {
        Asked::Add(n) => Box::pin(add(*n)),
        Asked::AddOrStart(n) => {
            let start = host.start_new(counter, 0).id("i").and_update(ADD, *n).key(&key);
            Box::pin(shown(async move { start.await.map(|(_, sum)| sum) }))
        }
        Asked::Refused => Box::pin(add(TOO_MUCH)),
        Asked::Drop => Box::pin(order("drop".into())),
        Asked::Later => Box::pin(order("later".into())),
        Asked::Hold => Box::pin(order(format!("hold {number}"))),
        Asked::Answer => Box::pin(order("answer".into())),
        Asked::Renew => Box::pin(order("renew".into())),
        Asked::AddEach(_) | Asked::Again(_) | Asked::Crash | Asked::CrashBefore(_) => {
            unreachable!("it is no request")
        }
    };
    asked
}

/// `None` when it has no answer.
async fn shown<A: Debug>(
    answer: impl Future<Output = Result<A, UpdateError<String>>>,
) -> Option<Answer> {
    match answer.await {
        Ok(answer) => Some(format!("{answer:?}")),
        Err(UpdateError::Refused(why)) => Some(format!("refused: {why}")),
        Err(UpdateError::Dropped { .. }) => Some("dropped".to_string()),
        Err(_) => None,
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        4 => (0..30_u64).prop_map(Asked::Add),
        2 => (0..30_u64).prop_map(Asked::AddOrStart),
        2 => (1..6_u8).prop_map(Asked::AddEach),
        1 => Just(Asked::Refused),
        1 => Just(Asked::Drop),
        2 => Just(Asked::Later),
        3 => Just(Asked::Hold),
        2 => Just(Asked::Answer),
        2 => Just(Asked::Renew),
        4 => any::<Index>().prop_map(Asked::Again),
        1 => Just(Asked::Crash),
        3 => (0..6_u8).prop_map(Asked::CrashBefore),
    ]
}

/// Numbers that no step of a script has, for the answers to `AddEach`.
fn part(number: usize, each: u8) -> usize {
    1_000 * (number + 1) + usize::from(each)
}

async fn converse(script: &[Asked]) {
    let (mut scene, mut model) = (Scene::new().await, Model::default());
    for (number, asked) in script.iter().enumerate() {
        match asked {
            Asked::Crash => scene.crash().await,
            // What waits for the append before which it dies would not be seen any more.
            Asked::CrashBefore(_) if scene.is_dying => {}
            Asked::CrashBefore(append) => {
                scene.is_dying = true;
                scene.faulty.stop_at(scene.faulty.appended() + usize::from(*append));
            }
            Asked::Hold => {
                model.answer(number, asked);
                scene.hold(number);
            }
            Asked::Refused => {
                let refused = format!("refused: {TOO_MUCH} after {}", model.sum);
                assert_eq!(scene.asked(&[(number, asked.clone())]).await, [refused]);
            }
            Asked::AddEach(many) => {
                let each = |each| (part(number, each), Asked::Add(1));
                let mut answers = scene.asked(&(0..*many).map(each).collect::<Vec<_>>()).await;
                let mut expected: Vec<_> = (0..*many).map(|_| model.add(1)).collect();
                answers.sort_unstable();
                expected.sort_unstable();
                assert_eq!(answers, expected, "each counts once");
            }
            Asked::Again(which) => {
                let number = which.index(number.max(1));
                let Some(answer) = model.answers.get(&number) else { continue };
                let again = (number, script[number].clone());
                let answers = scene.asked(&[again.clone(), again]).await;
                assert!(answers.iter().all(|again| again == answer), "{answers:?}, not {answer}");
            }
            Asked::Answer => {
                scene.until_held().await;
                let answer = model.answer(number, asked).expect("it is answered at once");
                assert_eq!(scene.asked(&[(number, asked.clone())]).await, [answer]);
                scene.all_answered(&model).await;
            }
            asked => {
                let answer = model.answer(number, asked).expect("it is answered at once");
                assert_eq!(scene.asked(&[(number, asked.clone())]).await, [answer]);
            }
        }
    }
    end(scene, model, script).await;
}

/// All that is known is known after another crash, and after the end.
async fn end(mut scene: Scene, mut model: Model, script: &[Asked]) {
    let last = script.len();
    scene.until_held().await;
    model.answer(last, &Asked::Answer);
    scene.asked(&[(last, Asked::Answer)]).await;
    scene.all_answered(&model).await;
    scene.crash().await;
    let instance = scene.host().instance::<u64>("i");
    let end = guard(instance.update(DO, "end".to_string())).await;
    assert!(end.is_err(), "it ends without an answer");
    assert_eq!(guard(instance.result()).await.unwrap(), model.sum, "each has counted once");
    assert!(model.answers.len() < limits::MAX_KEPT_ANSWERS);
    for (number, answer) in &model.answers {
        let asked = script.get(*number).unwrap_or(&Asked::Answer).clone();
        let again = scene.asked(&[(*number, asked)]).await;
        assert_eq!(again, std::slice::from_ref(answer), "after the end");
    }
}

/// The same cases in each run, unless others are asked for by `PROPTEST_RNG_SEED`.
fn cases(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    match config.rng_seed {
        RngSeed::Random => ProptestConfig { rng_seed: RngSeed::Fixed(7), ..config },
        RngSeed::Fixed(_) => config,
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn each_is_answered_once_with_what_is_durable_and_nobody_waits_for_ever(
        script in proptest::collection::vec(asked(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(converse(&script));
    }
}
