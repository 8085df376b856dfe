//! What no host can take.
