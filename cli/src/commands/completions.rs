//! `completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::arguments::stores::Completions;
use crate::failure::Done;
use crate::tool::Tool;

pub(crate) fn completions(arguments: &Completions, tool: &mut Tool) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "reenact", &mut script);
    tool.out.raw(&script)
}
