//! Stores on which no host works: they are read, changed, moved and checked.

mod read_only;
mod scene;
