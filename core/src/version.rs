//! Versions of orchestrations.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::InvalidName;
use crate::limits::MAX_VERSION_BYTES;

/// The version of an orchestration: a [semantic version](https://semver.org) of at most
/// [`MAX_VERSION_BYTES`] bytes, such as `1.2.0` or `2.0.0-beta.1`. Stored as that text.
///
/// Versions are ordered as semantic versions are: a pre-release is older than its release. Two that
/// differ in their build metadata only are two versions, ordered by that.
///
/// ```
/// use reenact_core::Version;
///
/// let version = |text| Version::new(text).unwrap();
/// assert!(version("1.10.0") > version("1.9.0"));
/// assert!(version("2.0.0-beta.1") < version("2.0.0"));
/// assert!(Version::new("1.2").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Version(semver::Version);

impl Version {
    /// That of an orchestration for which none is given: `0.0.0`, older than all others but its own
    /// pre-releases.
    pub const NONE: Self = Self(semver::Version::new(0, 0, 0));

    /// Checks and takes over a text.
    ///
    /// # Errors
    /// [`InvalidVersion`] when it is no semantic version, or too long.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidVersion> {
        let text = text.as_ref();
        if text.len() > MAX_VERSION_BYTES {
            return Err(InvalidVersion::TooLong { bytes: text.len(), limit: MAX_VERSION_BYTES });
        }
        match semver::Version::parse(text) {
            Ok(version) => Ok(Self(version)),
            Err(why) => {
                Err(InvalidVersion::NotSemantic { text: text.into(), why: why.to_string() })
            }
        }
    }

    /// Whether none was given.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// Why a text cannot be a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVersion {
    /// It is no semantic version.
    #[error("`{text}` is not a version: {why}; give three numbers, such as `1.2.0`")]
    NotSemantic {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is too long.
    #[error("the version has {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Why a typed orchestration cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDefinition {
    /// The name is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The version is invalid.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;
    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Version {
    type Error = InvalidVersion;
    fn try_from(text: &str) -> Result<Self, InvalidVersion> {
        Self::new(text)
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;
    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        Self::new(text)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn what_is_no_version_is_refused_with_the_reason() {
        for text in ["", "1", "1.2", "01.2.3", "1.2.x", "v1.2.3", " 1.2.3", "1.2.3-"] {
            let refused = Version::new(text).unwrap_err();
            assert!(matches!(&refused, InvalidVersion::NotSemantic { .. }), "{refused}");
        }
        assert_eq!(
            Version::new("1.2").unwrap_err().to_string(),
            "`1.2` is not a version: unexpected end of input while parsing minor version number; give \
             three numbers, such as `1.2.0`"
        );
        let long = format!("1.0.0-{}", "x".repeat(MAX_VERSION_BYTES));
        assert_eq!(
            Version::new(long),
            Err(InvalidVersion::TooLong { bytes: 6 + MAX_VERSION_BYTES, limit: MAX_VERSION_BYTES })
        );
    }

    #[test]
    fn the_order_is_that_of_semantic_versions() {
        let texts =
            ["0.0.0", "0.9.0", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0", "1.0.0+b", "1.10.0"];
        let versions = texts.map(|text| Version::new(text).unwrap());
        assert!(versions.is_sorted());
        assert!(versions[0].is_none());
        assert_eq!(versions.map(|version| version.to_string()), texts);
    }
}
