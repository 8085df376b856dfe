//! The JSON API, asked as programs ask it: over the router, without a socket.

mod asking;
mod guarding;
mod reading;
