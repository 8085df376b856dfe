//! Workers: they are sent work, and answer it.

use std::pin::Pin;

use futures_util::{Stream, stream};
use tonic::Status;

use super::Hub;
use crate::decision::{Decision, given};
use crate::entities::{EntityAction, EntityDone, EntityStart};
use crate::events::timestamp_of;
use crate::failure::Failure;
use crate::limits::PING_EVERY;
use crate::proto::{
    self, OperationActionOperationActionType as SentAction, OperationResultResultType as Operated,
};
use crate::text::Text;
use crate::workers::{Answer, RefusedPart, SentWork, UnknownWork};

type Items = Pin<Box<dyn Stream<Item = Result<SentWork, Status>> + Send>>;

impl Hub {
    /// Sends work for as long as the stream is open, and signs of life where there is none.
    pub(super) async fn get_work_items(
        self,
        request: proto::GetWorkItemsRequest,
    ) -> Result<Items, Status> {
        let connected = self.shared.workers.connect(request);
        let (worker, work) =
            connected.map_err(|why| Status::resource_exhausted(why.to_string()))?;
        // The worker is gone when the stream is dropped.
        let items = stream::unfold((worker, work), |(worker, mut work)| async move {
            let item = match tokio::time::timeout(PING_EVERY, work.recv()).await {
                Ok(item) => item?,
                Err(_) => SentWork::ping(),
            };
            Some((Ok(item), (worker, work)))
        });
        Ok(Box::pin(items))
    }

    pub(super) async fn complete_activity(
        self,
        response: proto::ActivityResponse,
    ) -> Result<proto::CompleteTaskResponse, Status> {
        let answer = match response.failure_details {
            Some(failure) => Answer::Failed(failure.into()),
            None => Answer::Acted(Text::new(response.result)),
        };
        let workers = &self.shared.workers;
        let answered = match response.completion_token.is_empty() {
            true => workers.answer_call(&response.instance_id, response.task_id, answer),
            false => workers.answer(&response.completion_token, answer),
        };
        completed(answered)
    }

    /// An answer may come in parts. One that makes no sense fails its instance, so that it is seen.
    pub(super) async fn complete_orchestrator(
        self,
        response: proto::OrchestratorResponse,
    ) -> Result<proto::CompleteTaskResponse, Status> {
        let workers = &self.shared.workers;
        let token = match response.completion_token.is_empty() {
            true => workers.token_of_question(&response.instance_id),
            false => Some(response.completion_token.clone()),
        };
        let token = token.ok_or(UnknownWork).map_err(unknown)?;
        let whole = match response.is_partial || response.chunk_index.is_some() {
            false => response,
            true => match workers.gather(&token, response) {
                Ok(Some(whole)) => whole,
                Ok(None) => return Ok(proto::CompleteTaskResponse {}),
                Err(RefusedPart::Unknown(error)) => return Err(unknown(error)),
                Err(why @ RefusedPart::TooMuch) => {
                    self.fail(&token, why.to_string())?;
                    return Err(Status::resource_exhausted(why.to_string()));
                }
            },
        };
        match Decision::try_from(whole) {
            Ok(decision) => completed(workers.answer(&token, Answer::Decided(decision))),
            Err(why) => {
                self.fail(&token, why.to_string())?;
                Err(Status::invalid_argument(why.to_string()))
            }
        }
    }

    /// The instance fails, as its worker would answer the same again.
    fn fail(&self, token: &str, why: String) -> Result<(), Status> {
        let failure = Failure::new("InvalidDecision", why);
        self.shared.workers.answer(token, Answer::Failed(failure)).map_err(unknown)
    }

    pub(super) async fn complete_entity(
        self,
        result: proto::EntityBatchResult,
    ) -> Result<proto::CompleteTaskResponse, Status> {
        let token = result.completion_token.clone();
        completed(self.shared.workers.answer(&token, done_of(result)))
    }

    pub(super) async fn abandon_activity(
        self,
        request: proto::AbandonActivityTaskRequest,
    ) -> Result<proto::AbandonActivityTaskResponse, Status> {
        self.shared.workers.abandon(&request.completion_token).map_err(unknown)?;
        Ok(proto::AbandonActivityTaskResponse {})
    }

    pub(super) async fn abandon_orchestrator(
        self,
        request: proto::AbandonOrchestrationTaskRequest,
    ) -> Result<proto::AbandonOrchestrationTaskResponse, Status> {
        self.shared.workers.abandon(&request.completion_token).map_err(unknown)?;
        Ok(proto::AbandonOrchestrationTaskResponse {})
    }

    pub(super) async fn abandon_entity(
        self,
        request: proto::AbandonEntityTaskRequest,
    ) -> Result<proto::AbandonEntityTaskResponse, Status> {
        self.shared.workers.abandon(&request.completion_token).map_err(unknown)?;
        Ok(proto::AbandonEntityTaskResponse {})
    }
}

fn completed(answered: Result<(), UnknownWork>) -> Result<proto::CompleteTaskResponse, Status> {
    answered.map(|()| proto::CompleteTaskResponse {}).map_err(unknown)
}

fn unknown(error: UnknownWork) -> Status {
    Status::not_found(error.to_string())
}

fn done_of(result: proto::EntityBatchResult) -> Answer {
    if let Some(failure) = result.failure_details {
        return Answer::Failed(failure.into());
    }
    let first = result.results.into_iter().next().and_then(|result| result.result_type);
    let (returned, failure) = match first {
        Some(Operated::Success(success)) => (given(success.result), None),
        Some(Operated::Failure(failed)) => {
            let failure = failed.failure_details.map(Failure::from);
            let unnamed = || Failure::new("EntityOperationFailed", "the worker does not say why");
            (None, Some(failure.unwrap_or_else(unnamed)))
        }
        None => {
            let why = "the worker has not said what became of the operation";
            return Answer::Failed(Failure::new("InvalidAnswer", why));
        }
    };
    let actions = result.actions.into_iter().filter_map(|action| action.operation_action_type);
    Answer::Operated(EntityDone {
        result: returned,
        failure,
        state: given(result.entity_state.filter(|state| !state.is_empty())),
        actions: actions.map(action_of).collect(),
    })
}

fn action_of(action: SentAction) -> EntityAction {
    match action {
        SentAction::SendSignal(signal) => EntityAction::Signal {
            entity: signal.instance_id,
            name: signal.name,
            input: given(signal.input),
            at: signal.scheduled_time.as_ref().map(timestamp_of),
        },
        SentAction::StartNewOrchestration(start) => EntityAction::Start(EntityStart {
            instance: start.instance_id,
            name: start.name,
            version: start.version,
            input: given(start.input),
            at: start.scheduled_time.as_ref().map(timestamp_of),
        }),
    }
}
