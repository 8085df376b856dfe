//! The names that the service takes.

use super::connection::InvalidConnection;

/// How long the name of a container or queue may be, in characters.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=63;

/// The container's name, if the service takes it.
pub(crate) fn container(name: &str) -> Result<&str, InvalidConnection> {
    match fault(name) {
        None => Ok(name),
        Some(reason) => Err(InvalidConnection::Name { what: "container", reason }),
    }
}

/// Whether the service takes such a name for a queue.
pub(crate) fn is_queue(name: &str) -> bool {
    fault(name).is_none()
}

/// Containers and queues have the same rules.
fn fault(name: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !NAME_CHARS.contains(&name.len()) {
        Some("it must have 3 to 63 characters")
    } else if !name.bytes().all(allowed) {
        Some("it must consist of lowercase letters, digits and hyphens")
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        Some("each hyphen must stand between a letter or digit and another")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_the_service_takes_them() {
        for name in ["hub", "a1-b2-c3", &"x".repeat(63)] {
            assert!(container(name).is_ok(), "{name}");
            assert!(is_queue(name), "{name}");
        }
        for name in ["", "ab", "Hub", "a_b", "-ab", "ab-", "a--b", "a/b", "../x", &"x".repeat(64)] {
            assert!(container(name).is_err(), "{name}");
            assert!(!is_queue(name), "{name}");
        }
    }
}
