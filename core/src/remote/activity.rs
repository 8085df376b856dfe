//! The call of an activity on its way to a host that declares its tag.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use super::RemoteRun;
use crate::action::AttemptTerms;
use crate::ids::{CorrelationId, Name};
use crate::payload::Payload;
use crate::time::Timestamp;
use crate::trace_context::ReceivedTrace;

/// One attempt of an activity with a tag, in the queue of that tag. It is all that a host needs to run
/// it, besides the instance, to which the message is addressed. What becomes of it goes back as
/// [`CompleteTask`](super::RemoteCommand::CompleteTask) and
/// [`RecordHeartbeat`](super::RemoteCommand::RecordHeartbeat).
///
/// Stored as [`encode_activity`](crate::codec::encode_activity) has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteActivity {
    /// The run that calls it.
    pub run: RemoteRun,
    /// Of the call.
    pub id: CorrelationId,
    /// The activity.
    pub name: Name,
    /// Its input.
    pub input: Payload,
    /// Which attempt; the first is 1.
    pub attempt: u32,
    /// What the attempt has to keep to, and what it is given.
    pub terms: Option<Box<AttemptTerms>>,
    /// When all attempts must be over: nobody waits for it then.
    pub deadline: Option<Timestamp>,
    /// The trace that the run has received. The second format has it, and is written where there is one.
    #[serde(skip)]
    pub trace: Option<Box<ReceivedTrace>>,
}
