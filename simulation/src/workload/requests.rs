//! Updates that programs ask of each other.

use reenact::prelude::*;
use reenact::{CallUpdateError, Recipient};

use super::code::run_program;
use super::program::{Program, Request, Step};
use super::{ASK, Answer, Out};

/// Asks other programs for updates. Those that are to be started are, if they have not begun.
pub(super) async fn ask_others(
    ctx: &OrchestrationContext,
    requests: Vec<Request>,
) -> Result<Out, OrchestrationError> {
    let asked = requests.into_iter().map(|Request { to, number, starts }| {
        let recipient = Recipient::new(format!("program-{to}"));
        let recipient = match starts {
            Some(program) => recipient.or_start(run_program, &program),
            None => recipient,
        };
        ctx.call_update(recipient, ASK, &number)
    });
    let mut answers = Vec::new();
    for answer in ctx.when_all(asked.collect::<Vec<_>>()).await {
        answers.push(match answer {
            Ok(answer) | Err(CallUpdateError::Refused(answer)) => Some(answer),
            // It was stopped before it had one.
            Err(
                CallUpdateError::Finished { .. }
                | CallUpdateError::NoAnswer { .. }
                | CallUpdateError::Dropped { .. },
            ) => None,
            Err(error) => return Err(error.into()),
        });
    }
    Ok(Out::Answered(answers))
}

/// Whether what a program has heard is what the other ones have answered, of which this came out if they have completed.
pub(crate) fn check_requests(
    program: &Program,
    out: &[Out],
    outs: &[Option<Vec<Out>>],
) -> Result<(), String> {
    for (step, heard) in program.with_result().zip(out) {
        let (Step::Request(requests), Out::Answered(answers)) = (step, heard) else { continue };
        for (request, answer) in requests.iter().zip(answers) {
            let (to, number, given) = (request.to, request.number, &outs[request.to]);
            if !is_answer(number, *answer, given.as_deref()) {
                return Err(format!(
                    "update {number} of program {to} has the answer {answer:?}; what came out there is {given:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Only one that was stopped gives no answer.
fn is_answer(number: u64, answer: Option<Answer>, given: Option<&[Out]>) -> bool {
    let Some(answer) = answer else { return given.is_none() };
    let is_given = given.is_none_or(|given| match given.get(answer.place) {
        Some(Out::Asked { number: asked, .. }) => *asked == number,
        _ => false,
    });
    answer.number == number && is_given
}
