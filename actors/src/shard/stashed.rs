//! Messages that wait for an instance whose actor takes no more.

use ractor::ActorRef;
use tokio::sync::oneshot;

use crate::admission::Place;
use crate::in_flight::InFlight;
use crate::message::{Begin, InstanceMessage};

/// How an instance comes into memory.
pub(super) struct Entering {
    pub(super) begin: Begin,
    pub(super) place: Option<Place>,
    pub(super) coming: Option<InFlight>,
    /// Whether it is loaded because its log says so, and for no message.
    pub(super) is_due: bool,
}

pub(super) enum Stashed {
    Message(InstanceMessage),
    Locate(oneshot::Sender<crate::Result<ActorRef<InstanceMessage>>>),
}

impl Stashed {
    pub(super) fn take_place(&mut self) -> Option<Place> {
        match self {
            Self::Message(message) => message.place()?.take(),
            Self::Locate(_) => None,
        }
    }
}
