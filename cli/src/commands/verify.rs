//! `verify`: exported histories against the code of a program.

use std::process::Stdio;

use tokio::process::Command;

use super::transfer;
use crate::arguments::secrets::hidden;
use crate::arguments::stores::Verify;
use crate::failure::{Code, Done, Failure};
use crate::tool::Tool;

/// What a program with `reenact::verify::main()` ends with when a history does not fit its code.
const DOES_NOT_FIT: i32 = 1;

pub(crate) async fn verify(given: Verify, tool: &mut Tool) -> Done {
    // A damaged file is no matter of the program's.
    let header = transfer::check(&given.file, tool)?;
    let Some((program, arguments)) = given.command.split_first() else {
        let instances = header.instances;
        if tool.out.is_for_people() {
            tool.out.line(format_args!("the file is whole: {instances} instances"))?;
            tool.remark(
                "to replay them, add `-- COMMAND` of a program with `reenact::verify::main()`",
            );
            return Ok(());
        }
        return tool.out.value(&serde_json::json!({ "instances": instances }));
    };
    let shown = hidden(&program.to_string_lossy());
    let mut command = Command::new(program);
    command.args(arguments).arg(&given.file).stdin(Stdio::null()).kill_on_drop(true);
    let status = command.status().await.map_err(|error| {
        Failure::misused(format_args!("`{shown}` cannot be run: {error}"))
            .remedy("give the program and its arguments after `--`")
    })?;
    match status.code() {
        Some(0) => Ok(()),
        // It has said which do not fit.
        Some(DOES_NOT_FIT) => Err(Failure::Said(Code::Failed)),
        _ => Err(Failure::unreachable(format_args!(
            "`{shown}` could not check the histories ({status})"
        ))
        .remedy("it must call `reenact::verify::main()`; what it says is above")),
    }
}
