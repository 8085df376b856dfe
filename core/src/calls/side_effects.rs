//! The call that computes a value once, and records it.

use alloc::string::ToString;
use core::future::pending;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::payload::Payload;
use crate::state::Mode;
use crate::zoo::{self, Bug};

impl OrchestrationContext {
    /// Computes a value once and records it; at replay the recorded value is given, and the closure
    /// does not run. For something quick that is not deterministic and needs no retry; everything
    /// else is an activity. After a crash before the turn is durable, it is computed again.
    ///
    /// The closure must not use the context: what it draws or schedules there is not repeated.
    ///
    /// What is given is what is recorded, the first time as well: the value encoded and decoded again.
    /// A field that is skipped has its default, for instance.
    ///
    /// A value that does not encode, or that does not decode again (a `f64` that is not a number),
    /// fails the instance with [`InvalidValue`](crate::OrchestrationErrorKind::InvalidValue); one that
    /// is over [`MAX_PAYLOAD_BYTES`](crate::limits::MAX_PAYLOAD_BYTES), with
    /// [`LimitExceeded`](crate::OrchestrationErrorKind::LimitExceeded). Nothing is recorded of it.
    pub async fn side_effect<T, F>(&self, compute: F) -> T
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> T,
    {
        let mut state = self.shared().lock();
        match state.mode {
            // Nothing that the code does from here on counts.
            _ if state.halt.is_some() => drop(state),
            Mode::Live => {
                drop(state);
                let computed = compute();
                if let Some(recorded) = self.record_value(&computed) {
                    return match zoo::planted(Bug::LiveValueNotAsRecorded) {
                        true => computed,
                        false => recorded,
                    };
                }
            }
            Mode::Replay(_) => {
                let replayed = state.replayed_value();
                drop(state);
                if let Some(value) = replayed.and_then(|value| self.decode_value(value)) {
                    return value;
                }
            }
            Mode::Between | Mode::Closed => drop(state),
        }
        // The turn is over for the code: it left its history, or failed.
        pending().await
    }

    /// Records a value; gives it as replay will give it.
    fn record_value<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        let encoded = Payload::encode_large_checked(value);
        let mut state = self.shared().lock();
        let within_limit = |(value, read)| Ok((state.within_limit(value)?, read));
        match encoded.and_then(within_limit) {
            Ok((value, read)) => state.record_value(value).then_some(read),
            Err(why) => {
                let what = "a side effect's value cannot be recorded";
                state.refuse_value(what, &why);
                None
            }
        }
    }

    fn decode_value<T: DeserializeOwned>(&self, value: Payload) -> Option<T> {
        let decoded = value.decode();
        decoded.map_err(|why| self.shared().lock().diverge_by_type(value, why.to_string())).ok()
    }
}
