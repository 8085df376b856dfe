//! The id of an instance whose first turns were copied from the log of another one.

use super::State;
use crate::ids::InstanceId;

impl State {
    /// Of an execution whose first turns were copied from the log of this instance: the code sees its id there.
    pub(crate) fn begin_as(&mut self, instance: InstanceId) {
        self.outbox.begin_as(instance.clone());
        self.instance = instance;
    }

    /// From here on the log is that of a fork. What others have asked is answered by the instance whose log was copied.
    pub(crate) fn begin_fork(&mut self, instance: &InstanceId) {
        self.instance = instance.clone();
        self.buffer.forget_requesters();
        self.updates.forget_requesters();
    }
}
