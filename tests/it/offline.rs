//! Stores on which no host works: they are read, changed, moved and checked.

mod beside;
mod doctor;
mod dormant;
mod family;
mod file;
mod moved;
mod parts;
mod read_only;
mod round_trip;
mod scene;
mod verify;
