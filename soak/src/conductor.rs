//! Starts hosts, kills them, and holds what they say against what they have said before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::Plan;
use crate::fill::Ballast;
use crate::host;
use crate::load::{Kind, Operation};
use crate::report;
use crate::samples::{self, Sample};

/// Acknowledged operations that the next host is asked for.
const ASKED: usize = 500;

/// How long a host may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the disk stays full once something was refused.
const FULL_FOR: Duration = Duration::from_secs(3);

/// How long it stays full where nothing is refused: what is written goes where room was reserved before.
const FULL_AT_MOST: Duration = Duration::from_secs(60);

pub(crate) struct Conductor {
    plan: Plan,
    ledger: Ledger,
    samples: Vec<Sample>,
    faults: Vec<String>,
    kills: u64,
    fills: u64,
    /// Operations that were refused while the disk was full.
    refused_when_full: u64,
}

/// A disk that is full.
struct Full {
    _ballast: Ballast,
    since: Instant,
    /// When something was first refused.
    refused: Option<Instant>,
}

impl Full {
    fn is_over(&self) -> bool {
        self.refused.is_some_and(|refused| refused.elapsed() >= FULL_FOR)
            || self.since.elapsed() >= FULL_AT_MOST
    }
}

/// What was acknowledged.
#[derive(Default)]
struct Ledger {
    done: u64,
    /// All operations below it are acknowledged, but for those that are missing.
    next: u64,
    missing: BTreeSet<u64>,
    newest: VecDeque<u64>,
    /// Calls of each entity.
    calls: BTreeMap<u64, u64>,
}

impl Ledger {
    fn acknowledge(&mut self, number: u64) -> Result<(), String> {
        if number >= self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
        } else if !self.missing.remove(&number) {
            return Err(format!("operation {number} was acknowledged twice"));
        }
        self.done += 1;
        self.newest.push_back(number);
        if self.newest.len() > ASKED {
            self.newest.pop_front();
        }
        if Operation(number).kind() == Kind::Entity {
            *self.calls.entry(Operation(number).entity()).or_default() += 1;
        }
        Ok(())
    }
}

/// A host that runs.
struct Running {
    process: Child,
    lines: Receiver<String>,
}

/// Whatever comes of it, no process stays.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Conductor {
    pub(crate) fn new(plan: Plan) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", plan.dir.display());
        fs::create_dir_all(&plan.dir).map_err(failed)?;
        if fs::read_dir(&plan.dir).map_err(failed)?.next().is_some() {
            return Err(format!("{} is not empty", plan.dir.display()));
        }
        let (ledger, samples, faults) = (Ledger::default(), Vec::new(), Vec::new());
        Ok(Self { plan, ledger, samples, faults, kills: 0, fills: 0, refused_when_full: 0 })
    }

    /// Whether all was well.
    pub(crate) fn run(mut self) -> Result<bool, String> {
        let end = Instant::now() + self.plan.time;
        while self.faults.is_empty() && self.life(end)? {}
        let grown = report::show(&self.samples);
        println!(
            "\n{} operations were acknowledged in {} s; hosts were killed {} times",
            self.ledger.done,
            self.samples.len(),
            self.kills
        );
        self.faults.extend(grown);
        if self.fills > 0 {
            println!(
                "the disk was full {} times, and {} operations were refused meanwhile",
                self.fills, self.refused_when_full
            );
            if self.refused_when_full == 0 {
                self.faults.push("no full disk was felt: give each host more seconds".to_owned());
            }
        }
        self.faults.iter().for_each(|fault| println!("FAULT: {fault}"));
        Ok(self.faults.is_empty())
    }

    /// A host, from its beginning to its kill; to its end by itself where the time is over, or enough were killed. Whether
    /// another one follows.
    fn life(&mut self, end: Instant) -> Result<bool, String> {
        let mut running = self.start()?;
        let until = (Instant::now() + self.plan.kill_every).min(end);
        let fill_at = Instant::now() + self.plan.kill_every / 4;
        let mut full: Option<Full> = None;
        let mut has_filled = !self.plan.fill;
        self.second(&running, true)?;
        while Instant::now() < until && self.faults.is_empty() {
            if !has_filled && Instant::now() >= fill_at {
                has_filled = true;
                full = Some(self.fill()?);
            }
            full = full.filter(|full| !full.is_over());
            let refused = self.second(&running, full.is_some())?;
            if let Some(full) = full.as_mut().filter(|_| refused > 0) {
                self.refused_when_full += refused;
                full.refused.get_or_insert_with(Instant::now);
            }
        }
        drop(full);
        let is_last = until >= end || self.plan.kills.is_some_and(|kills| self.kills >= kills);
        if !is_last {
            self.kills += 1;
            let _ = running.process.kill();
            let _ = running.process.wait();
            // What it had said before counts.
            while let Ok(line) = running.lines.recv() {
                self.hear(&line, &mut Heard::default());
            }
            return Ok(true);
        }
        self.finish(running)?;
        Ok(false)
    }

    fn fill(&mut self) -> Result<Full, String> {
        self.fills += 1;
        let ballast = Ballast::in_place_of(&self.plan.dir)?;
        Ok(Full { _ballast: ballast, since: Instant::now(), refused: None })
    }

    /// Returns when the host has answered for what was acknowledged.
    fn start(&mut self) -> Result<Running, String> {
        let joined = |numbers: &mut dyn Iterator<Item = &u64>| {
            numbers.map(u64::to_string).collect::<Vec<_>>().join(",")
        };
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut process = Command::new(program)
            .arg(host::ARGUMENT)
            .arg(&self.plan.dir)
            .arg(self.ledger.next.to_string())
            .arg(joined(&mut self.ledger.missing.iter()))
            .arg(joined(&mut self.ledger.newest.iter()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let out = process.stdout.take().ok_or("the host has no output")?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.for_each(|line| drop(send.send(line)));
        });
        let running = Running { process, lines };
        loop {
            match running.lines.recv_timeout(PATIENCE) {
                Ok(line) if line == "ready" => return Ok(running),
                Ok(line) => self.hear(&line, &mut Heard::default()),
                Err(_) => return Err(format!("a host has not begun: {:?}", self.faults)),
            }
        }
    }

    /// Listens for a second, and takes a sample. Returns how many operations were refused.
    fn second(&mut self, running: &Running, is_disturbed: bool) -> Result<u64, String> {
        let end = Instant::now() + Duration::from_secs(1);
        let mut heard = Heard::default();
        loop {
            match running.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.hear(&line, &mut heard),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("a host has ended by itself: {:?}", self.faults));
                }
            }
        }
        let process = running.process.id();
        heard.latencies.sort_unstable();
        self.samples.push(Sample {
            done: heard.done,
            refused: heard.refused,
            p99: heard.latencies.get(heard.latencies.len() * 99 / 100).copied().unwrap_or_default(),
            memory: samples::memory(process).unwrap_or_default(),
            files: samples::files(process).unwrap_or_default(),
            disk: samples::disk(&self.plan.dir),
            is_disturbed: is_disturbed || heard.refused > 0,
        });
        Ok(heard.refused)
    }

    /// Lets a host end by itself, and compares what its entities have counted.
    fn finish(&mut self, mut running: Running) -> Result<(), String> {
        drop(running.process.stdin.take());
        let mut sums = Vec::new();
        loop {
            let line = running.lines.recv_timeout(PATIENCE);
            let line = line.map_err(|_| "a host has not come to its end".to_owned())?;
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["sum", entity, sum] => sums.push((entity.parse::<u64>(), sum.parse::<u64>())),
                ["end"] => break,
                _ => self.hear(&line, &mut Heard::default()),
            }
        }
        for sum in sums {
            let (Ok(entity), Ok(counted)) = sum else {
                return Err("a sum is no number".to_owned());
            };
            let called = self.ledger.calls.get(&entity).copied().unwrap_or_default();
            if called != counted {
                self.faults.push(format!(
                    "entity {entity} was called {called} times, and has counted {counted}"
                ));
            }
        }
        if !self.ledger.missing.is_empty() {
            self.faults.push(format!("never acknowledged: {:?}", self.ledger.missing));
        }
        Ok(())
    }

    fn hear(&mut self, line: &str, heard: &mut Heard) {
        let mut words = line.splitn(3, ' ');
        let (what, number, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
        let number = number.and_then(|number| number.parse::<u64>().ok());
        match (what, number) {
            (Some("done"), Some(number)) => {
                heard.done += 1;
                if Operation(number).kind() != Kind::Timer {
                    heard.latencies.extend(rest.parse::<u64>().ok());
                }
                if let Err(fault) = self.ledger.acknowledge(number) {
                    self.faults.push(fault);
                }
            }
            (Some("refused"), Some(number)) => {
                heard.refused += 1;
                if rest.starts_with("WRONG") {
                    self.faults.push(format!("operation {number}: {rest}"));
                }
            }
            // A line that the kill has cut says nothing.
            (Some("done" | "refused" | "sum"), _) => {}
            _ => self.faults.push(line.to_owned()),
        }
    }
}

/// What was heard within a second.
#[derive(Default)]
struct Heard {
    done: u64,
    refused: u64,
    latencies: Vec<u64>,
}
