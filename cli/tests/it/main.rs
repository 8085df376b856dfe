//! The command line, run as people and programs run it: on stores with and without a host.

mod support;

mod arguments;
mod changes;
mod forms;
mod reading;
mod terminal;
mod with_host;
