//! What the scenarios have in common.

pub(crate) mod instance;
pub(crate) mod messages;
pub(crate) mod view;
