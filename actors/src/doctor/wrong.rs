//! What is wrong with one instance.

/// What is wrong with an instance, and what to do.
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) advice: &'static str,
}

impl Wrong {
    /// What to do about a history that cannot be read.
    pub(super) const ROT: &str =
        "put back a good copy of the store; or terminate and purge the instance";

    /// Something that only a good copy mends.
    pub(super) fn rot(what: String) -> Self {
        Self { what, advice: Self::ROT }
    }
}
