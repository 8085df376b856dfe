//! Why a text cannot be an id, a name or a key.

/// Why a text cannot be an id, a name or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It has no characters.
    #[error("{what} is empty; give it at least one character")]
    Empty {
        /// What was to be named.
        what: &'static str,
    },
    /// It is too long.
    #[error("{what} has {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It holds a control character.
    #[error("{what} has the control character {character:?} at byte {at}; leave it out")]
    ControlCharacter {
        /// What was to be named.
        what: &'static str,
        /// The character.
        character: char,
        /// Its place, in bytes from the start.
        at: usize,
    },
}

/// Whether a text can be one, with a limit in bytes.
pub(super) fn check(what: &'static str, text: &str, limit: usize) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty { what });
    }
    if text.len() > limit {
        return Err(InvalidName::TooLong { what, bytes: text.len(), limit });
    }
    if is_plain(text) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, character)) => Err(InvalidName::ControlCharacter { what, character, at }),
        None => Ok(()),
    }
}

/// Whether it has only printable characters of ASCII, as nearly all have. Looks at all bytes, many at a time: texts
/// are checked whenever a turn is read.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn each_control_character_is_refused_at_its_place_and_nothing_else() {
        for character in '\0'..='\u{2ff}' {
            let checked = check("the name", &format!("order-{character}7"), 255);
            let refused = InvalidName::ControlCharacter { what: "the name", character, at: 6 };
            let expected = if character.is_control() { Err(refused) } else { Ok(()) };
            assert_eq!(checked, expected, "{character:?}");
        }
    }
}
