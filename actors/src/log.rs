//! Reads the logs of executions, and replays them. The only reader of whole logs.

mod copied;
mod decode;
mod recovery;
mod walk;

use std::future::Future;

use reenact_core::{
    Event, EventKey, InstanceId, Machine, MachineConfig, Name, Origin, RecordedTurn, RunDeaths,
    codec,
};
use reenact_providers::{
    HistoryStore, InstanceFilter, InstancePage, InstanceSummary, LoadedInstance, PageRequest,
    ProviderError, StoredTurn, TimerScheduler, TurnPage,
};

use crate::error::ParkReason;
use crate::patience::Patience;
use crate::registry::Registry;
use crate::stalls::Stalls;
use crate::telemetry::Ledger;
pub(crate) use copied::is_copied;
use decode::{decode, no_turns, readable};
use recovery::Recovery;

/// Turns that are read from the store at a time.
const TURNS_PER_READ: usize = 1_024;

/// The logs of a store, read with patience.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    pub(crate) store: &'a dyn HistoryStore,
    pub(crate) clock: &'a dyn TimerScheduler,
    /// Whether several hosts may have the store.
    pub(crate) is_shared: bool,
    /// Watches the code that is replayed, on a host.
    pub(crate) stalls: Option<&'a Stalls>,
}

impl Log<'_> {
    /// What the store knows of an instance.
    pub(crate) async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.patiently(|| self.store.summary(instance)).await
    }

    /// What the store knows of an instance that comes into memory, and the first page of its turns, where
    /// that is not to be read by itself.
    pub(crate) async fn load(
        &self,
        instance: &InstanceId,
    ) -> Result<(Option<InstanceSummary>, Option<TurnPage>), ProviderError> {
        match self.patiently(|| self.store.load(instance, TURNS_PER_READ)).await {
            Ok(Some(LoadedInstance { summary, turns })) => Ok((Some(summary), Some(turns))),
            Ok(None) => Ok((None, None)),
            // It may be that only the turns are damaged: then the instance is parked.
            Err(error) if error.is_unreadable() => Ok((self.summary(instance).await?, None)),
            Err(error) => Err(error),
        }
    }

    /// A page of a list.
    pub(crate) async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        self.patiently(|| self.store.list(filter, page)).await
    }

    /// The machine of an unfinished instance, from the first `turns` turns of its history; or why there
    /// can be none. The log is read and re-enacted a page at a time.
    pub(crate) async fn replay(
        &self,
        of: &InstanceSummary,
        registry: &Registry,
        config: MachineConfig,
        turns: u64,
    ) -> Result<Result<Machine, ParkReason>, ProviderError> {
        let mut no_ledger = None;
        let recovery = Recovery::new(of, registry, config, self.stalls, &mut no_ledger);
        self.recover(recovery, None, turns).await
    }

    /// As [`replay`](Self::replay), of the whole history. The first page may be there already. The ledger,
    /// if there is one, gets what is open at the end.
    pub(crate) async fn replay_all(
        &self,
        of: &InstanceSummary,
        first: Option<TurnPage>,
        registry: &Registry,
        config: MachineConfig,
        ledger: &mut Option<Box<Ledger>>,
    ) -> Result<Result<Machine, ParkReason>, ProviderError> {
        let recovery = Recovery::new(of, registry, config, self.stalls, ledger);
        self.recover(recovery, first, u64::MAX).await
    }

    async fn recover(
        &self,
        mut recovery: Recovery<'_>,
        first: Option<TurnPage>,
        turns: u64,
    ) -> Result<Result<Machine, ParkReason>, ProviderError> {
        let (of, registry) = (recovery.of, recovery.registry);
        // Without the orchestration there is no need to read.
        if let Err(missing) = registry.code(&of.name, None) {
            return Ok(Err(missing.into()));
        }
        let take_in = |page| recovery.take_in(page);
        let mut read = self.each_page_after(first, of, turns, take_in).await?;
        if let (Ok(()), true) = (&read, recovery.is_to_be_read_again()) {
            // What comes before the newest renewal is gone over without code, and a fork has copied its first turns.
            recovery = recovery.again();
            read = self.each_page(of, turns, |page| recovery.take_in(page)).await?;
        }
        Ok(read.and_then(|()| recovery.finish()).and_then(|machine| {
            match self.missing_activity(&machine, registry) {
                None => Ok(machine),
                Some(name) => Err(ParkReason::UnknownActivity { name }),
            }
        }))
    }

    /// How many hosts are known to have died while the code of an instance ran, by its log; or why
    /// it cannot be read.
    pub(crate) async fn deaths(
        &self,
        of: &InstanceSummary,
    ) -> Result<Result<RunDeaths, ParkReason>, ProviderError> {
        let mut deaths = RunDeaths::default();
        let take = |page: Vec<StoredTurn>| {
            let mut turns = page.iter().map(decode);
            turns.try_for_each(|turn| turn.map(|turn| deaths.apply(&turn)))
        };
        let read = self.each_page(of, of.turns, take).await?;
        Ok(read.map(|()| deaths))
    }

    /// An activity that is open, though it be between two attempts, and is not registered, if there is
    /// one: the code must not see a failure that another host would not have had. One with a tag
    /// runs where that is declared, if there may be other hosts.
    fn missing_activity(&self, machine: &Machine, registry: &Registry) -> Option<Name> {
        let open = machine.open_activities(usize::MAX).into_iter();
        let runs_here = open.filter(|open| !self.is_shared || open.tag.is_none());
        runs_here.map(|open| open.name).find(|name| registry.activity(name).is_none())
    }

    /// Who started an instance, if another one did; or why its log cannot be read. The instance is there.
    pub(crate) async fn origin(
        &self,
        instance: &InstanceId,
    ) -> Result<Result<Option<Origin>, ParkReason>, ProviderError> {
        let unknown = || ProviderError::NotFound { instance: instance.clone() };
        let (of, first) = loop {
            let of = self.summary(instance).await?.ok_or_else(unknown)?;
            match self.first_turn(&of).await {
                Err(ProviderError::NotFound { .. }) if self.has_gone_on(&of).await? => {}
                first => break (of, first?),
            }
        };
        Ok(first.map(|turn| match turn.events.get(1) {
            Some(Event::StartedBy { origin }) if !is_copied(&of, &turn) => Some((**origin).clone()),
            _ => None,
        }))
    }

    /// Whether another execution has taken the place of this one since.
    async fn has_gone_on(&self, of: &InstanceSummary) -> Result<bool, ProviderError> {
        let now = self.summary(&of.instance).await?;
        Ok(now.is_some_and(|now| now.execution != of.execution))
    }

    /// The first turn of an execution; or why it cannot be read.
    pub(crate) async fn first_turn(
        &self,
        of: &InstanceSummary,
    ) -> Result<Result<RecordedTurn, ParkReason>, ProviderError> {
        self.turn(of, 0).await
    }

    /// One turn of an execution.
    pub(crate) async fn turn(
        &self,
        of: &InstanceSummary,
        number: u64,
    ) -> Result<Result<RecordedTurn, ParkReason>, ProviderError> {
        let read = self.patiently(|| self.store.read(&of.instance, of.execution, number, 1)).await;
        match readable(read)? {
            Ok(page) => Ok(page.turns.first().map_or_else(|| Err(no_turns()), decode)),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// The number of the turn that set the newest status of an execution, if one did: the last turn says
    /// so. Where that cannot be read, it is what the newest turn says that can.
    pub(crate) async fn status_turn(
        &self,
        of: &InstanceSummary,
    ) -> Result<Option<u64>, ProviderError> {
        if let Ok(page) = readable(self.read(of, of.turns.saturating_sub(1)).await)?
            && let Some(Ok(said)) = page.turns.first().map(|turn| codec::status_turn(&turn.bytes))
        {
            return Ok(said);
        }
        let mut newest = None;
        // What cannot be read is skipped: the instance is parked for it.
        let take = |page: Vec<StoredTurn>| {
            let said = page.iter().rev().find_map(|turn| codec::status_turn(&turn.bytes).ok());
            newest = said.unwrap_or(newest);
            Ok(())
        };
        let _parked_for_it = self.each_page(of, u64::MAX, take).await?;
        Ok(newest)
    }

    /// Whether an event with that key is in the log of an instance; or why the log cannot be read.
    pub(crate) async fn has_event(
        &self,
        instance: &InstanceId,
        key: &EventKey,
    ) -> Result<Result<bool, ParkReason>, ProviderError> {
        let is_it = |event: &Event| match event {
            Event::ExternalRaised { key: Some(known), .. } => known == key,
            Event::EventKeysCarried { keys } | Event::CommandsReceived { keys } => {
                keys.contains(key)
            }
            _ => false,
        };
        let turns = loop {
            let Some(of) = self.summary(instance).await? else { return Ok(Ok(false)) };
            match self.history(&of).await {
                Err(ProviderError::NotFound { .. }) if self.has_gone_on(&of).await? => {}
                turns => break turns?,
            }
        };
        Ok(turns.map(|turns| turns.iter().flat_map(|turn| turn.events.iter()).any(is_it)))
    }

    /// The whole log of an execution; or why it cannot be read, where that is for people to mend.
    pub(crate) async fn history(
        &self,
        of: &InstanceSummary,
    ) -> Result<Result<Vec<RecordedTurn>, ParkReason>, ProviderError> {
        let mut turns = Vec::new();
        let read = self.each(of, |_, turn| turns.push(turn)).await?;
        Ok(read.map(|()| turns))
    }

    /// The last turns of an execution, about a page of them, in order.
    pub(crate) async fn last_page(
        &self,
        of: &InstanceSummary,
    ) -> Result<Vec<StoredTurn>, ProviderError> {
        let mut turns = Vec::new();
        let mut next = Some(of.turns.saturating_sub(TURNS_PER_READ as u64));
        while let Some(from) = next {
            // A store may answer with fewer than it is asked for.
            let page = self.read(of, from).await?;
            turns.extend(page.turns);
            next = page.next;
        }
        Ok(turns)
    }

    /// As [`Log::history`], with the turns as they are stored.
    pub(crate) async fn stored(
        &self,
        of: &InstanceSummary,
    ) -> Result<Result<(Vec<StoredTurn>, Vec<RecordedTurn>), ParkReason>, ProviderError> {
        let (mut stored, mut turns) = (Vec::new(), Vec::new());
        let read = self.each(of, |bytes, turn| {
            stored.push(bytes);
            turns.push(turn);
        });
        Ok(read.await?.map(|()| (stored, turns)))
    }

    /// Reads the turns of an execution, in order.
    pub(crate) async fn each(
        &self,
        of: &InstanceSummary,
        mut take: impl FnMut(StoredTurn, RecordedTurn),
    ) -> Result<Result<(), ParkReason>, ProviderError> {
        let take_page = |page: Vec<StoredTurn>| {
            let mut page = page.into_iter();
            page.try_for_each(|stored| decode(&stored).map(|turn| take(stored, turn)))
        };
        self.each_page(of, u64::MAX, take_page).await
    }

    /// Reads the first `turns` turns of an execution, in order, a page at a time.
    async fn each_page(
        &self,
        of: &InstanceSummary,
        turns: u64,
        take: impl FnMut(Vec<StoredTurn>) -> Result<(), ParkReason>,
    ) -> Result<Result<(), ParkReason>, ProviderError> {
        self.each_page_after(None, of, turns, take).await
    }

    /// As [`each_page`](Self::each_page); the first page may be there already.
    async fn each_page_after(
        &self,
        mut first: Option<TurnPage>,
        of: &InstanceSummary,
        turns: u64,
        mut take: impl FnMut(Vec<StoredTurn>) -> Result<(), ParkReason>,
    ) -> Result<Result<(), ParkReason>, ProviderError> {
        let mut next = Some(0);
        while let Some(from) = next.filter(|from| *from < turns) {
            let page = match first.take() {
                Some(page) => Ok(page),
                None => self.read(of, from).await,
            };
            let page = match readable(page)? {
                Ok(page) => page,
                Err(reason) => return Ok(Err(reason)),
            };
            let mut page_turns = page.turns;
            page_turns.retain(|turn| turn.number < turns);
            if let Err(reason) = take(page_turns) {
                return Ok(Err(reason));
            }
            next = page.next;
        }
        Ok(Ok(()))
    }

    /// Some turns of an execution.
    async fn read(&self, of: &InstanceSummary, from: u64) -> Result<TurnPage, ProviderError> {
        let read = || self.store.read(&of.instance, of.execution, from, TURNS_PER_READ);
        self.patiently(read).await
    }

    async fn patiently<T, F>(&self, mut read: impl FnMut() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let mut patience = Patience::new();
        loop {
            match read().await {
                Ok(found) => return Ok(found),
                Err(error) => patience.wait_after(error, self.clock).await?,
            }
        }
    }
}
