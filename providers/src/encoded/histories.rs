//! The logs of a store in which turns are encoded.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{Attributes, ExecutionId, InstanceId, Receipt, ShardId};

use crate::codec::{self, Codec, EncodedThing};
use crate::limits::check_batch;
use crate::{
    Batch, Finding, HistoryStore, InstanceCounts, InstanceFilter, InstancePage, InstanceSummary,
    Lease, LoadedInstance, PageRequest, Place, ProviderError, StoredTurn, TimeOrder, TurnPage,
    TurnRecord,
};

pub(super) struct EncodedHistories {
    histories: Arc<dyn HistoryStore>,
    codec: Arc<dyn Codec>,
    shows_attributes: bool,
}

impl EncodedHistories {
    pub(super) fn new(
        histories: Arc<dyn HistoryStore>,
        codec: Arc<dyn Codec>,
        shows_attributes: bool,
    ) -> Self {
        Self { histories, codec, shows_attributes }
    }

    fn encode(&self, turn: &TurnRecord) -> Result<TurnRecord, ProviderError> {
        let InstanceSummary { instance, execution, .. } = &turn.summary;
        let thing = EncodedThing::Turn { instance, execution: *execution, number: turn.number };
        let encoded = codec::encode(&*self.codec, &turn.bytes, thing);
        let encoded = encoded.map_err(|error| ProviderError::Unavailable {
            reason: format!("turn {} of instance {instance} cannot be encoded", turn.number),
            source: Some(Box::new(error)),
        })?;
        let bytes = encoded.map_or_else(|| turn.bytes.clone(), Arc::from);
        let mut encoded = TurnRecord { bytes, ..turn.clone() };
        if !self.shows_attributes {
            encoded.summary.attributes = Attributes::default();
        }
        Ok(encoded)
    }

    /// A store that lists instances without their attributes would find none.
    fn may_ask(&self, filter: &InstanceFilter) -> Result<(), ProviderError> {
        let is_allowed = self.shows_attributes() || filter.attributes.is_empty();
        if is_allowed { Ok(()) } else { Err(ProviderError::NoAttributes) }
    }

    fn decode_page(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        page: TurnPage,
    ) -> Result<TurnPage, ProviderError> {
        let decode = |turn| self.decode(instance, execution, turn);
        let turns = page.turns.into_iter().map(decode).collect::<Result<_, _>>()?;
        Ok(TurnPage { turns, next: page.next })
    }

    fn decode(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        turn: StoredTurn,
    ) -> Result<StoredTurn, ProviderError> {
        let number = turn.number;
        let thing = EncodedThing::Turn { instance, execution, number };
        let decoded = codec::decode(&*self.codec, &turn.bytes, thing);
        let decoded = decoded.map_err(|error| ProviderError::Undecodable {
            place: Place(format!("turn {number} of execution {execution} of {instance}")),
            reason: error.to_string(),
        })?;
        Ok(match decoded {
            Some(bytes) => StoredTurn { number, bytes: bytes.into() },
            None => turn,
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl HistoryStore for EncodedHistories {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        // The limit is for what a reader gets.
        check_batch(&batch, self.takes_large_payloads())?;
        let turns = batch.turns.iter().map(|turn| self.encode(turn)).collect::<Result<_, _>>()?;
        let encoded = Batch { shard: batch.shard, epoch: batch.epoch, turns };
        self.histories.append(Arc::new(encoded)).await
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        let page = self.histories.read(instance, execution, from, limit).await?;
        self.decode_page(instance, execution, page)
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.histories.summary(instance).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.histories.executions(instance).await
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        let Some(loaded) = self.histories.load(instance, limit).await? else { return Ok(None) };
        let turns = self.decode_page(instance, loaded.summary.execution, loaded.turns)?;
        Ok(Some(LoadedInstance { turns, ..loaded }))
    }

    fn unload(&self, instance: &InstanceId) {
        self.histories.unload(instance);
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        self.histories.unarchived_bytes()
    }

    async fn check(&self, shard: ShardId) -> Result<Vec<Finding>, ProviderError> {
        self.histories.check(shard).await
    }

    fn shows_attributes(&self) -> bool {
        self.shows_attributes && self.histories.shows_attributes()
    }

    fn takes_large_payloads(&self) -> bool {
        self.histories.takes_large_payloads()
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        self.may_ask(filter)?;
        self.histories.list(filter, page).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.may_ask(filter)?;
        self.histories.count(filter).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.may_ask(filter)?;
        self.histories.list_by_time(filter, order, limit).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.may_ask(filter)?;
        self.histories.counts(filter).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        self.histories.purge(instances, lease).await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.histories.recover(lease).await
    }
}
