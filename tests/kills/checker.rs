//! The process that kills, remembers and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::worker::{self, EVENTS, Order, STEPS};

/// Instances that one worker may start.
const NUMBERS: u64 = 1_000_000;

pub(crate) struct Checker {
    directory: PathBuf,
    /// Instances whose start was acknowledged.
    started: BTreeSet<u64>,
    /// Events that were acknowledged.
    raised: BTreeSet<(u64, u64)>,
    /// How instances ended.
    ended: BTreeMap<u64, String>,
    counted: Option<u64>,
    /// How long the last worker took from opening the store to a host that is up.
    recovery: Duration,
    killed_in_recovery: u32,
}

impl Checker {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            started: BTreeSet::new(),
            raised: BTreeSet::new(),
            ended: BTreeMap::new(),
            counted: None,
            recovery: Duration::ZERO,
            killed_in_recovery: 0,
        }
    }

    /// Lets a worker work, and kills it after a number of acknowledgements that differs from kill
    /// to kill; every third already while it opens the store and recovers.
    pub(crate) fn run_and_kill(&mut self, kill: u32) {
        let first = u64::from(kill) * NUMBERS;
        let mut worker = self.spawn(Some(first));
        let lines = BufReader::new(worker.stdout.take().expect("it is piped")).lines();
        let in_recovery = kill % 3 == 2;
        // Not always a multiple of anything that a worker does.
        let enough = [1, 7, 40, 101, 222][kill as usize % 5] + u64::from(kill * 37 % 19);
        let (mut heard, mut opening, mut is_ready) = (0, Instant::now(), false);
        for line in lines {
            // What it said before its death counts.
            let Ok(line) = line else { break };
            // The first line has what the test harness says before it.
            let is_opening = line.ends_with("opening");
            match &*line {
                _ if is_opening => opening = Instant::now(),
                "ready" => {
                    is_ready = true;
                    self.recovery = opening.elapsed();
                }
                _ => heard += u64::from(self.hear(&line)),
            }
            if is_opening && in_recovery {
                // Somewhere within what it took the last time.
                let moment = self.recovery.mul_f64(f64::from(kill * 61 % 97) / 97.0);
                while opening.elapsed() < moment {
                    std::hint::spin_loop();
                }
                worker.kill().expect("it can be killed");
            } else if heard >= enough {
                worker.kill().expect("it can be killed");
            }
        }
        self.killed_in_recovery += u32::from(!is_ready);
        self.bury(worker);
    }

    fn bury(&self, mut worker: Child) {
        let status = worker.wait().expect("it has ended");
        let by = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(by, Some(9), "it ends by a kill and by nothing else: {status}");
    }

    /// Lets a worker bring everything to its end.
    pub(crate) fn run_to_the_end(&mut self) {
        Order::tell_raised(&self.directory, self.raised.iter().copied());
        let mut worker = self.spawn(None);
        for line in BufReader::new(worker.stdout.take().expect("it is piped")).lines() {
            self.hear(&line.expect("it says a text"));
        }
        assert!(worker.wait().expect("it has ended").success());
    }

    fn spawn(&self, first: Option<u64>) -> Child {
        let program = std::env::current_exe().expect("this program is somewhere");
        let mut command = Command::new(program);
        command.args(["--nocapture", "--test-threads", "1"]).stdout(Stdio::piped());
        Order::give(&mut command, &self.directory, first);
        command.spawn().expect("a worker can be started")
    }

    /// Whether it was an acknowledgement.
    fn hear(&mut self, line: &str) -> bool {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        if let Some(rest) = line.strip_prefix("ended ") {
            let (number, result) = rest.split_once(' ').expect("a number and a result");
            let number = number.parse().expect("a number");
            let before = self.ended.insert(number, result.to_owned());
            assert_eq!(before, None, "each ends once");
            return false;
        }
        let _verb = number();
        match (line.split(' ').next(), number(), number()) {
            (Some("started"), Some(instance), _) => self.started.insert(instance),
            (Some("raised"), Some(instance), Some(event)) => self.raised.insert((instance, event)),
            (Some("counted"), Some(count), _) => {
                self.counted = Some(count);
                false
            }
            // Of the test harness.
            _ => false,
        }
    }

    pub(crate) fn check(&self) {
        assert!(self.started.len() > 500, "only {} were started", self.started.len());
        for number in &self.started {
            assert!(self.ended.contains_key(number), "instance {number} was lost");
        }
        assert!(self.killed_in_recovery >= 10, "{} in recovery", self.killed_in_recovery);
        for (number, result) in &self.ended {
            assert_eq!(*result, worker::expected(*number), "instance {number}");
        }
        assert_eq!(self.counted, Some(self.ended.len() as u64), "nothing is listed twice");
        self.check_side_effects();
    }

    /// Each activity ran at least once; by its key, each counts once.
    fn check_side_effects(&self) {
        let done = Ledger::read(&self.directory);
        let mut by_instance: BTreeMap<&str, u32> = BTreeMap::new();
        for (what, _) in done.values() {
            *by_instance.entry(what).or_default() += 1;
        }
        for number in self.ended.keys() {
            for step in 0..STEPS {
                let what = format!("{number}/{step}");
                assert_eq!(by_instance.get(&*what), Some(&1), "{what}: under one key");
            }
        }
        let again: u32 = done.values().map(|(_, times)| times - 1).sum();
        println!(
            "{} kills in recovery; {} instances, {} events and {} activities; {again} of them ran again",
            self.killed_in_recovery,
            self.ended.len(),
            self.ended.len() as u64 * EVENTS,
            done.len(),
        );
    }
}
