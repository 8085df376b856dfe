//! `TraceContext`: the place in a distributed trace from which something was asked for, by W3C Trace Context.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_TRACE_STATE_BYTES;

/// A span of a distributed trace, as [W3C Trace Context](https://www.w3.org/TR/trace-context/) hands it on: the
/// headers `traceparent` and `tracestate`. Stored in the log, so that a trace goes on through restarts.
///
/// ```
/// use reenact_core::TraceContext;
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context = TraceContext::from_traceparent(header).unwrap();
/// assert!(context.is_sampled());
/// assert_eq!(context.traceparent(), header);
/// assert!(TraceContext::from_traceparent("00-abc").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
    state: String,
}

/// What the received context is to an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TraceRelation {
    /// The caller's: the execution belongs to its trace.
    Caller,
    /// That of an execution which has continued as this one: the trace of this one is new, and linked to it.
    Predecessor,
}

/// A context that an execution begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedTrace {
    /// The context.
    pub context: TraceContext,
    /// What it is to the execution.
    pub relation: TraceRelation,
}

impl ReceivedTrace {
    /// A context of the caller.
    pub const fn of_caller(context: TraceContext) -> Self {
        Self { context, relation: TraceRelation::Caller }
    }

    /// A context of the execution that continues as this one.
    pub const fn of_predecessor(context: TraceContext) -> Self {
        Self { context, relation: TraceRelation::Predecessor }
    }

    /// Bytes of it that differ in length.
    pub(crate) const fn stored_bytes(&self) -> usize {
        self.context.state.len()
    }
}

/// Why a text is not a trace context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTraceContext {
    /// It is not of the form of a `traceparent`.
    #[error(
        "`{0}` is no traceparent: 00, 32, 16 and 2 hexadecimal digits, in small letters, with `-` between them"
    )]
    Form(String),
    /// An id has zeros only.
    #[error("the id of a trace or a span must not be zero")]
    Zero,
    /// The `tracestate` is too long.
    #[error("a tracestate of {bytes} bytes is over {MAX_TRACE_STATE_BYTES}")]
    StateTooLong {
        /// Its length.
        bytes: usize,
    },
}

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// The longest part of a wrong text that an error shows.
const SHOWN: usize = 64;

impl TraceContext {
    /// The span of these ids. `flags` are those of a `traceparent`: 1 for a trace that is recorded.
    ///
    /// # Errors
    /// [`InvalidTraceContext::Zero`].
    pub fn new(
        trace_id: [u8; 16],
        span_id: [u8; 8],
        flags: u8,
    ) -> Result<Self, InvalidTraceContext> {
        if trace_id == [0; 16] || span_id == [0; 8] {
            return Err(InvalidTraceContext::Zero);
        }
        Ok(Self { trace_id, span_id, flags, state: String::new() })
    }

    /// As the header `traceparent` has it. Versions after 00 may say more at the end, which is left out.
    ///
    /// # Errors
    /// [`InvalidTraceContext::Form`], [`InvalidTraceContext::Zero`].
    pub fn from_traceparent(text: &str) -> Result<Self, InvalidTraceContext> {
        let wrong = || InvalidTraceContext::Form(text.chars().take(SHOWN).collect());
        let mut parts = text.trim().split('-');
        let mut next = || parts.next().unwrap_or_default();
        let (version, trace_id, span_id, flags) = (next(), next(), next(), next());
        let version = hex::<1>(version).ok_or_else(wrong)?;
        if version == [0xff] || (version == [0] && parts.next().is_some()) {
            return Err(wrong());
        }
        let trace_id = hex(trace_id).ok_or_else(wrong)?;
        let span_id = hex(span_id).ok_or_else(wrong)?;
        let [flags] = hex(flags).ok_or_else(wrong)?;
        Self::new(trace_id, span_id, flags)
    }

    /// With the header `tracestate`, at most [`MAX_TRACE_STATE_BYTES`] bytes.
    ///
    /// # Errors
    /// [`InvalidTraceContext::StateTooLong`].
    pub fn with_state(mut self, state: &str) -> Result<Self, InvalidTraceContext> {
        if state.len() > MAX_TRACE_STATE_BYTES {
            return Err(InvalidTraceContext::StateTooLong { bytes: state.len() });
        }
        self.state = state.to_string();
        Ok(self)
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn with_span(&self, span_id: [u8; 8]) -> Self {
        Self { span_id, ..self.clone() }
    }

    /// The id of the trace.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The id of the span.
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// The flags of the `traceparent`.
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The `tracestate`; empty when there is none.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The header `traceparent`.
    pub fn traceparent(&self) -> String {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        format!("00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

/// The bytes of a text of hexadecimal digits in small letters, of exactly that length.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_another_form_is_refused() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for wrong in [
            String::new(),
            format!("00-{id}-00f067aa0ba902b7"),
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{id}-0000000000000000-01"),
        ] {
            assert!(TraceContext::from_traceparent(&wrong).is_err(), "{wrong}");
        }
        let later = format!("01-{id}-00f067aa0ba902b7-01-more");
        assert!(TraceContext::from_traceparent(&later).is_ok(), "a later version may say more");
    }

    #[test]
    fn a_state_is_bounded() {
        let context = TraceContext::new([1; 16], [2; 8], 1).expect("ids");
        let long = "x".repeat(MAX_TRACE_STATE_BYTES + 1);
        assert!(context.clone().with_state(&long).is_err());
        assert!(context.with_state(&long[1..]).is_ok());
    }
}
