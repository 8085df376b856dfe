//! The JSON API, asked as programs ask it: over the router, and over a socket where that matters.

mod asking;
mod bulk;
mod changing;
mod guarding;
mod hostile;
mod inspecting;
mod metrics;
mod reading;
mod serving;
mod watching;
