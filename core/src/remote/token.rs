//! The token of an attempt of an activity that is completed from outside.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RemoteRun;
use crate::ids::{CorrelationId, ExecutionId, InstanceId};
use crate::limits::MAX_ACTIVITY_TOKEN_BYTES;
use crate::message::fnv;

/// Names one attempt of an activity, for those who complete it from outside: see
/// [`ActivityError::later`](crate::ActivityError::later). Its text can go anywhere, into a URL too: it has
/// letters, digits and `-._~%` only. Those who have one can make those of
/// other calls of the same run: let only those complete an activity who may.
///
/// ```
/// use reenact_core::{ActivityToken, CorrelationId, ExecutionId, InstanceId, RemoteRun};
///
/// let run = RemoteRun { execution: ExecutionId::FIRST, seed: 0xfeed };
/// let token = ActivityToken::new(InstanceId::new("order-7")?, run, CorrelationId(3), 1);
/// assert_eq!(token.to_string().parse(), Ok(token.clone()));
/// assert_eq!(token.to_string(), "at1-1-feed-3-1-725d859e-order-7");
/// # Ok::<_, reenact_core::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActivityToken {
    instance: InstanceId,
    run: RemoteRun,
    id: CorrelationId,
    attempt: u32,
}

/// Why a text is no token of an activity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no token of an activity: {why}; give the whole text that the activity has passed on"
)]
pub struct InvalidActivityToken {
    /// What is wrong with it.
    pub why: String,
}

/// What each text begins with. The number is that of the form.
const FORM: &str = "at1";

impl ActivityToken {
    /// For runtimes: the token of an attempt.
    pub const fn new(
        instance: InstanceId,
        run: RemoteRun,
        id: CorrelationId,
        attempt: u32,
    ) -> Self {
        Self { instance, run, id, attempt }
    }

    /// The instance that called the activity.
    pub const fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// The run of the instance.
    pub const fn run(&self) -> RemoteRun {
        self.run
    }

    /// The call.
    pub const fn id(&self) -> CorrelationId {
        self.id
    }

    /// The attempt; the first is 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    fn numbers(&self) -> String {
        let Self { run, id, attempt, .. } = self;
        format!("{FORM}-{:x}-{:x}-{:x}-{attempt:x}", run.execution.0, run.seed, id.0)
    }

    /// Against mistakes: a text that was cut, or whose letters were changed.
    fn checksum(&self) -> u32 {
        let hash = fnv(format!("{}-{}", self.numbers(), self.instance).as_bytes());
        (hash ^ (hash >> 32)) as u32
    }
}

impl fmt::Display for ActivityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}-", self.numbers(), self.checksum())?;
        for byte in self.instance.as_str().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(byte))?;
                }
                other => write!(f, "%{other:02x}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for ActivityToken {
    type Err = InvalidActivityToken;

    fn from_str(text: &str) -> Result<Self, InvalidActivityToken> {
        let invalid = |why: &str| InvalidActivityToken { why: why.into() };
        if text.len() > MAX_ACTIVITY_TOKEN_BYTES {
            return Err(invalid("it is too long"));
        }
        let parts: Vec<_> = text.splitn(7, '-').collect();
        let [FORM, execution, seed, id, attempt, checksum, instance] = parts[..] else {
            return Err(invalid("it is not of the form `at1-…`"));
        };
        let number = |text| u64::from_str_radix(text, 16).map_err(|_| invalid("a number is wrong"));
        let small = |text| u32::from_str_radix(text, 16).map_err(|_| invalid("a number is wrong"));
        let instance = decoded(instance).ok_or_else(|| invalid("its end is wrong"))?;
        let instance = InstanceId::new(instance).map_err(|why| invalid(&why.to_string()))?;
        let run = RemoteRun { execution: ExecutionId(small(execution)?), seed: number(seed)? };
        let token = Self::new(instance, run, CorrelationId(number(id)?), small(attempt)?);
        match token.checksum() == small(checksum)? {
            true => Ok(token),
            false => Err(invalid("letters of it were changed, or left out")),
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut left = text.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        left = rest;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, rest) = left.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?);
        left = rest;
    }
    String::from_utf8(bytes).ok()
}

impl TryFrom<String> for ActivityToken {
    type Error = InvalidActivityToken;

    fn try_from(text: String) -> Result<Self, InvalidActivityToken> {
        text.parse()
    }
}

impl From<ActivityToken> for String {
    fn from(token: ActivityToken) -> Self {
        token.to_string()
    }
}

/// What may be given where the token of an activity is wanted: an [`ActivityToken`], or its text as a `&str` or
/// a `String`. References to these will do.
pub trait ToActivityToken {
    /// The token.
    ///
    /// # Errors
    /// [`InvalidActivityToken`] when the text is none.
    fn to_activity_token(&self) -> Result<ActivityToken, InvalidActivityToken>;
}

impl ToActivityToken for ActivityToken {
    fn to_activity_token(&self) -> Result<ActivityToken, InvalidActivityToken> {
        Ok(self.clone())
    }
}

impl ToActivityToken for str {
    fn to_activity_token(&self) -> Result<ActivityToken, InvalidActivityToken> {
        self.parse()
    }
}

impl ToActivityToken for String {
    fn to_activity_token(&self) -> Result<ActivityToken, InvalidActivityToken> {
        self.parse()
    }
}

impl<T: ToActivityToken + ?Sized> ToActivityToken for &T {
    fn to_activity_token(&self) -> Result<ActivityToken, InvalidActivityToken> {
        T::to_activity_token(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(instance: &str) -> ActivityToken {
        let run = RemoteRun { execution: ExecutionId(u32::MAX), seed: u64::MAX };
        let instance = InstanceId::new(instance).unwrap();
        ActivityToken::new(instance, run, CorrelationId(u64::MAX), u32::MAX)
    }

    #[test]
    fn a_text_comes_back_whatever_the_id_of_the_instance() {
        for instance in ["order-7", "a/b 100%", "größer~1.2_3", &"ü".repeat(128)] {
            let (token, text) = (token(instance), token(instance).to_string());
            assert_eq!(text.parse(), Ok(token), "{text}");
            assert!(text.len() <= MAX_ACTIVITY_TOKEN_BYTES, "{}", text.len());
            assert!(
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte))
            );
        }
    }

    #[test]
    fn a_text_that_was_cut_or_changed_is_refused() {
        let text = token("order-7").to_string();
        for end in 0..text.len() {
            text[..end].parse::<ActivityToken>().expect_err("it is not whole");
        }
        for place in 0..text.len() {
            for letter in ["0", "-", "z", "%"] {
                let mut changed = text.clone();
                changed.replace_range(place..=place, letter);
                if changed != text {
                    changed.parse::<ActivityToken>().expect_err("a letter is another");
                }
            }
        }
        "x".repeat(100_000).parse::<ActivityToken>().expect_err("it is too long");
        for other in
            ["", "at1", "at2-1-1-1-1-00000000-i", "at1-1-1-1-1--i", "at1-1-1-1-1-00000000-%f"]
        {
            other.parse::<ActivityToken>().expect_err("it is none");
        }
    }
}
