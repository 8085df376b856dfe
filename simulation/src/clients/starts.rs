//! How an instance begins: by one client, or by several that want it to be there and race to be the first.

use std::time::Duration;

use reenact::{Client, Error, ErrorKind, StartNew, UpdateError};

use super::Playing;
use super::call::{insist, insist_for};
use super::player::{Ended, Player, key, stopped};
use crate::durable::Ask;
use crate::marks;
use crate::workload::{ASK, Answer, Answered, EVENTS, Out, run_program};

/// How a client starts an instance.
#[derive(Clone, Copy, Debug)]
enum How {
    /// It must not be there yet, unless by an earlier try.
    Alone,
    /// One that is there is taken for it.
    Attach,
    /// Together with the first event of a name, which one that is there gets.
    Raise(usize),
}

/// The longest delay of a start, in milliseconds.
const MAX_DELAY: u64 = 15_000;

impl Player {
    /// Starts the instance: alone, or together with its first event or its first update. Gives the client that waits for
    /// the answer to that.
    pub(super) async fn start(&self) -> Result<Option<Playing<Answered>>, String> {
        if self.asks > 0 && self.run.world.dice().below("starts with an update", 4) == 0 {
            return self.start_with_update().await.map(Some);
        }
        self.start_with_event().await.map(|()| None)
    }

    async fn start_with_update(&self) -> Result<Playing<Answered>, String> {
        let is_first = !self.has_begun()?;
        let player = self.clone();
        let asking = tokio::spawn(async move { player.ask_as(0, true).await });
        self.until_there(&self.id).await?;
        self.run.look(|durable| {
            if is_first {
                durable.mark(marks::STARTED_BY_UPDATE)?;
            }
            durable.check_asked(&self.id, Ask::Start)
        })?;
        Ok(asking)
    }

    /// Asks for an update, together with a start that the instance need not be there for.
    pub(super) async fn ask_with_start(
        &self,
        client: &Client,
        number: u64,
        key: String,
    ) -> Result<Answer, UpdateError<Answer>> {
        let start = self.to_start(client).and_update(ASK, number).key(key);
        start.await.map(|(_, answer)| answer)
    }

    /// A start of the instance, sometimes with a delay.
    fn to_start(&self, client: &Client) -> StartNew<Vec<Out>> {
        let start = client.start_new(run_program, self.program.clone()).id(self.id.as_str());
        let dice = self.run.world.dice();
        if dice.below("starts later", 4) > 0 {
            return start;
        }
        start.delay(Duration::from_millis(1 + dice.below("delay", MAX_DELAY)))
    }

    async fn start_with_event(&self) -> Result<(), String> {
        let together = self.run.world.dice().below("starts with", 3) == 0;
        let event = self.first_event().filter(|_| together);
        self.start_as(event.map_or(How::Alone, How::Raise)).await
    }

    /// Other clients that start the instance at the same time, and wait for its end.
    pub(super) fn rivals(&self) -> Vec<Playing<Ended>> {
        let dice = self.run.world.dice();
        let rivals =
            if dice.below("start races", 6) == 0 { 1 + dice.below("rivals", 2) } else { 0 };
        (0..rivals).map(|_| tokio::spawn(self.clone().start_too())).collect()
    }

    async fn start_too(self) -> Result<Ended, String> {
        self.run.pause("rival after", 400).await;
        let is_first = !self.has_begun()?;
        let raises = self.run.world.dice().below("rival raises", 2) == 0;
        let event = self.first_event().filter(|_| raises);
        self.start_as(event.map_or(How::Attach, How::Raise)).await?;
        if is_first {
            self.run.look(|durable| durable.mark(marks::STARTS_RACED))?;
        }
        self.result().await
    }

    /// What rivals have heard is what this client has heard.
    pub(super) fn check_rival(&self, heard: &Ended, out: Option<&Vec<Out>>) -> Result<(), String> {
        match heard {
            Ended::Completed(heard) if Some(heard) != out => Err(format!(
                "a client that started it too has heard {heard:?}, another one {out:?}"
            )),
            Ended::Stopped if out.is_some() => {
                Err("a client that started it too has heard that it was stopped".to_owned())
            }
            // One that has failed may have been mended since.
            _ => Ok(()),
        }
    }

    /// Starts it when it has ended: nothing begins again, and its result is what it was.
    pub(super) async fn start_late(&self, out: Option<&Vec<Out>>) -> Result<(), String> {
        let dice = self.run.world.dice();
        if dice.below("starts late", 6) > 0 {
            return Ok(());
        }
        let event = self.first_event().filter(|_| dice.below("late raises", 2) == 0);
        self.start_as(event.map_or(How::Attach, How::Raise)).await?;
        self.run.look(|durable| durable.mark(marks::STARTED_LATE))?;
        self.check_rival(&self.result().await?, out)
    }

    /// Starts it, and looks whether what was acknowledged is durable.
    async fn start_as(&self, how: How) -> Result<(), String> {
        let is_there = self.has_begun()?;
        let start = |client: Client| {
            let start = self.to_start(&client);
            async move {
                let start = match how {
                    How::Alone => start,
                    How::Attach => start.or_attach(),
                    How::Raise(event) => start.and_raise(EVENTS[event], 0).event_key(key(event, 0)),
                };
                start.await.map(|_| ())
            }
        };
        let How::Raise(event) = how else {
            let is_done = |error: &Error| {
                matches!(how, How::Alone) && error.kind() == ErrorKind::AlreadyExists
            };
            insist(&self.run, "start", start, is_done).await?;
            return self.run.look(|durable| durable.check_asked(&self.id, Ask::Start));
        };
        // The instance may have taken it, and ended, before the answer was lost.
        let start = |client: Client| {
            let starting = start(client);
            async { stopped(starting.await, ErrorKind::Finished) }
        };
        let raised = insist_for(&self.run, "start", start).await?;
        let key = key(event, 0).parse().map_err(|why| format!("{why:?}"))?;
        self.run.look(|durable| {
            if raised.is_some() {
                durable.place_of(&self.id, &key)?;
            }
            if raised.is_some() && is_there {
                durable.mark(marks::RAISED_BY_START)?;
            }
            durable.check_asked(&self.id, Ask::Start)
        })
    }

    fn first_event(&self) -> Option<usize> {
        (0..EVENTS.len()).find(|event| self.program.takes(*event) > 0)
    }

    /// Whether it is in the store, as far as that is known.
    fn has_begun(&self) -> Result<bool, String> {
        self.run.look(|durable| Ok(durable.times_begun(&self.id) > 0))
    }
}
