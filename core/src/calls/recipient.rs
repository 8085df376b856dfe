//! `Recipient`: the instance that a request goes to, and what is started where it is absent.

use alloc::boxed::Box;
use alloc::string::ToString;

use serde::Serialize;

use crate::catalog::OrchestrationRefusal;
use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::{CallUpdateError, ChildError, InvalidStartInput, SendError};
use crate::event::{Event, RequestEvent};
use crate::ids::{CorrelationId, InstanceId, InvalidName, Name, ToInstanceId};
use crate::message::OrStart;
use crate::options::OrchestrationByName;
use crate::output::DurableOutput;
use crate::payload::{Payload, PayloadError};
use crate::state::{Halt, Mode, Recorded, State};
use crate::version::Version;

/// The instance that an update or an event goes to. An id alone will do where it exists; a recipient with
/// [`or_start`](Self::or_start) is started where no instance has the id.
///
/// ```
/// # use reenact_core::{OrchestrationContext, OrchestrationError, Recipient};
/// async fn count(ctx: OrchestrationContext, page: String) -> Result<u64, OrchestrationError> {
///     let counter = Recipient::new(format!("visits of {page}")).or_start_by_name("counter", &0);
///     let visits: u64 = ctx.call_update::<_, _, String>(counter, "add", &1).await?;
///     Ok(visits)
/// }
/// # let _ = count;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until something is sent to it"]
pub struct Recipient {
    instance: Result<InstanceId, InvalidName>,
    or_start: Option<Result<Box<OrStart>, InvalidStart>>,
}

impl Recipient {
    /// The instance of that id.
    pub fn new(instance: impl ToInstanceId) -> Self {
        Self { instance: instance.to_instance_id(), or_start: None }
    }

    /// If no instance has the id when the request comes, this orchestration is started under it, in one step with
    /// the request: both are stored, or neither. An instance that has finished has its id until it is purged.
    ///
    /// An input that is not what the orchestration takes is an error of the request, such as
    /// [`CallUpdateError::InvalidInput`]: nothing is sent.
    pub fn or_start<O: Orchestration>(self, orchestration: O, input: &O::Input) -> Self {
        let options = orchestration.options();
        self.or_start_by_name(OrchestrationByName::new(O::NAME, options), input)
    }

    /// As [`or_start`](Self::or_start), for an orchestration that is known by name only. Of its options, the version
    /// counts.
    pub fn or_start_by_name<I: Serialize + ?Sized>(
        mut self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> Self {
        self.or_start = Some(start_of(orchestration.into(), input).map(Box::new));
        self
    }
}

fn start_of<I: Serialize + ?Sized>(
    orchestration: OrchestrationByName,
    input: &I,
) -> Result<OrStart, InvalidStart> {
    let name = Name::new(&orchestration.name)?;
    // It is no version: no host has it.
    let version = orchestration.options.version.transpose().map_err(|why| {
        InvalidStart::Input(PayloadError::Encode(alloc::format!("its version is not valid: {why}")))
    })?;
    Ok(OrStart { name, version, input: Payload::write_large(input)? })
}

impl OrStart {
    /// Itself, if the execution that sends it may record its input.
    pub(super) fn within_limit_of(
        mut self: Box<Self>,
        state: &State,
    ) -> Result<Box<Self>, PayloadError> {
        self.input = state.within_limit(self.input)?;
        Ok(self)
    }
}

/// Why nothing can be started.
#[derive(Clone, Debug)]
pub enum InvalidStart {
    /// No orchestration can have the name.
    Name(InvalidName),
    /// The input does not encode.
    Input(PayloadError),
}

impl From<InvalidName> for InvalidStart {
    fn from(why: InvalidName) -> Self {
        Self::Name(why)
    }
}

impl From<PayloadError> for InvalidStart {
    fn from(why: PayloadError) -> Self {
        Self::Input(why)
    }
}

impl<E> From<InvalidStart> for CallUpdateError<E> {
    fn from(why: InvalidStart) -> Self {
        match why {
            InvalidStart::Name(why) => Self::InvalidName(why),
            InvalidStart::Input(why) => Self::InvalidRequest(why),
        }
    }
}

impl From<InvalidStart> for SendError {
    fn from(why: InvalidStart) -> Self {
        match why {
            InvalidStart::Name(why) => Self::InvalidName(why),
            InvalidStart::Input(why) => Self::InvalidData(why),
        }
    }
}

/// Whom a request is for, as far as that is valid.
pub struct Addressed {
    pub(super) instance: Result<InstanceId, InvalidName>,
    pub(super) or_start: Option<Result<Box<OrStart>, InvalidStart>>,
}

/// What may be given as the recipient of an update or an event: an id, as everywhere, or a [`Recipient`].
pub trait ToRecipient {
    /// Whom it is for.
    #[doc(hidden)]
    fn addressed(&self) -> Addressed;
}

impl<I: ToInstanceId> ToRecipient for I {
    fn addressed(&self) -> Addressed {
        Addressed { instance: self.to_instance_id(), or_start: None }
    }
}

impl ToRecipient for Recipient {
    fn addressed(&self) -> Addressed {
        Addressed { instance: self.instance.clone(), or_start: self.or_start.clone() }
    }
}

impl ToRecipient for &Recipient {
    fn addressed(&self) -> Addressed {
        (*self).addressed()
    }
}

/// Why something cannot be started with a request.
pub(super) enum Unstartable {
    /// It is not registered: the code must not go on.
    Unregistered(Name, Option<Version>),
    /// Its input is not what it takes: the code gets the error.
    Input(Name, PayloadError),
}

/// What became of a request.
pub(super) enum Requested {
    /// Nothing: the code must not go on.
    Halted,
    /// It is in the log.
    Recorded,
    /// That it cannot be is in the log, and nothing is sent.
    Refused(InvalidStartInput),
}

impl OrchestrationContext {
    /// Why what is to be started with a request cannot be. Asked when live only: the log knows the rest.
    pub(super) fn refusal_to_start(&self, to: &Addressed) -> Option<Unstartable> {
        let Some(Ok(start)) = &to.or_start else { return None };
        self.refusal_of_start(start)
    }

    /// As [`refusal_to_start`](Self::refusal_to_start).
    pub(super) fn refusal_of_start(&self, start: &OrStart) -> Option<Unstartable> {
        let state = self.shared().lock();
        if !matches!(state.mode, Mode::Live) {
            return None;
        }
        let catalog = state.catalog().cloned()?;
        drop(state);
        let OrStart { name, version, input } = start;
        match catalog.check_orchestration(name, version.as_ref(), Some(input)) {
            Ok(()) => None,
            Err(OrchestrationRefusal::Unregistered) => {
                Some(Unstartable::Unregistered(name.clone(), version.clone()))
            }
            Err(OrchestrationRefusal::InvalidInput(why)) => {
                Some(Unstartable::Input(name.clone(), why))
            }
        }
    }
}

impl State {
    /// Records a request of the code, or that what it is to start does not take its input.
    pub(super) fn record_request(
        &mut self,
        id: CorrelationId,
        asked: RequestEvent,
        refusal: Option<Unstartable>,
    ) -> Requested {
        let (event, refused) = match refusal {
            None => (Event::Request(asked), None),
            Some(Unstartable::Unregistered(name, version)) => {
                self.halt(Halt::UnregisteredOrchestration(name, version));
                return Requested::Halted;
            }
            Some(Unstartable::Input(name, why)) => {
                let (orchestration, why) = (name.to_string(), why.to_string());
                let error = Box::new(ChildError::InvalidInput { orchestration, why });
                let event = Event::CallRefused { id, name: name.clone(), error: error.clone() };
                (event, Some((name, error)))
            }
        };
        let refused = match self.record(event) {
            Recorded::Halted => return Requested::Halted,
            Recorded::Before(Event::CallRefused { name, error, .. }) => Some((name, error)),
            Recorded::Before(_) => None,
            Recorded::Now => refused,
        };
        let Some((name, error)) = refused else { return Requested::Recorded };
        if let ChildError::InvalidInput { orchestration, why } = *error {
            return Requested::Refused(InvalidStartInput { orchestration, why });
        }
        // Nothing else is recorded of a request.
        let (orchestration, why) = (name.to_string(), error.to_string());
        Requested::Refused(InvalidStartInput { orchestration, why })
    }

    /// The code gets that of a request that was refused.
    pub(super) fn refuse_request(&mut self, id: CorrelationId, output: DurableOutput) {
        self.buffer.schedule_refused(id, self.written.position, output);
    }
}
