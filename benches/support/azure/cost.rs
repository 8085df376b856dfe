//! What a million instances cost.

pub(crate) fn print() {}
