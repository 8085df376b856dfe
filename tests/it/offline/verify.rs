//! A program of the user's that checks exported histories against its code.

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::verify::{self, DOES_NOT_FIT, FITS, NOT_CHECKED};

use super::scene::{Scratch, exported, host};
use crate::kit::guard;

const ORDER: &str = "order";

/// Asks before it charges.
async fn changed(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let go: String = ctx.wait_external("Go").await?;
    let charged: u64 = ctx.call_activity_by_name("charge", &cents).await?;
    Ok(format!("{charged} {go}"))
}

/// A file with an order that waits and one that has ended.
async fn file(scratch: &Scratch) -> String {
    let store = crate::kit::store().0;
    let running = guard(host(store.clone()).start()).await.unwrap();
    for id in ["done", "waits"] {
        running.start_new(super::scene::order, 5).id(id).await.unwrap();
    }
    running.raise_event("done", "Go", "now").await.unwrap();
    guard(running.instance::<String>("done").result()).await.unwrap();
    guard(async {
        while running.history("waits").await.unwrap().len() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(running.shutdown()).await.unwrap();
    std::fs::create_dir(scratch.store()).unwrap();
    let path = scratch.store().join("histories.jsonl");
    std::fs::write(&path, exported(&store).await.0).unwrap();
    path.display().to_string()
}

/// The exit code, and what was said on each output.
async fn run(builder: HostBuilder, arguments: &[&str]) -> (u8, String, String) {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    // It makes a runtime of its own.
    tokio::task::spawn_blocking(move || {
        let (mut out, mut complaints) = (Vec::new(), Vec::new());
        let code = verify::run(&builder, &arguments, &mut out, &mut complaints);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(out), text(complaints))
    })
    .await
    .unwrap()
}

fn code() -> HostBuilder {
    host(InMemory::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_fits_is_said_to_fit() {
    let scratch = Scratch::new();
    let file = file(&scratch).await;
    let (code_of_exit, out, complaints) = run(code(), &[&file]).await;
    assert_eq!((code_of_exit, &*complaints), (FITS, ""), "{out}");
    assert_eq!(out, "fits   done  order\nfits   waits  order\nall of 2 histories fit\n");
    let (_, out, _) = run(code(), &["--quiet", &file, &file]).await;
    assert_eq!(out, "all of 4 histories fit\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_has_changed_is_found_with_expected_found_and_position() {
    let scratch = Scratch::new();
    let file = file(&scratch).await;
    let builder = Host::builder().register_orchestration(ORDER, changed);
    let (code, out, complaints) = run(builder, &[&file]).await;
    assert_eq!((code, &*complaints), (DOES_NOT_FIT, ""));
    for id in ["done", "waits"] {
        let line = format!(
            "unfit  {id}  order  nondeterministic at event 1: expected TaskScheduled #1 `charge`"
        );
        assert!(out.contains(&line), "{out}");
    }
    assert!(out.ends_with("2 of 2 histories do not fit\n"), "{out}");

    let (code, out, _) = run(Host::builder(), &[&file]).await;
    assert_eq!(code, DOES_NOT_FIT);
    assert!(out.contains("orchestration `order` is not registered"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_clear_and_has_an_exit_code_of_its_own() {
    let scratch = Scratch::new();
    let file = file(&scratch).await;
    let cut = scratch.store().join("cut.jsonl");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let cut = cut.display().to_string();
    let absent = scratch.store().join("absent").display().to_string();
    for (arguments, said) in [
        (&[&*absent][..], "absent"),
        (&[&*cut], "is not whole"),
        (&["--loud"], "unknown argument \"--loud\""),
        (&["Cargo.toml"], "no export of reenact"),
    ] {
        let (code_of_exit, _, complaints) = run(code(), arguments).await;
        assert_eq!(code_of_exit, NOT_CHECKED, "{arguments:?}");
        assert!(complaints.starts_with("error: ") && complaints.contains(said), "{complaints}");
    }
    let twice = Host::builder()
        .register_orchestration(ORDER, changed)
        .register_orchestration(ORDER, changed);
    let (code_of_exit, _, complaints) = run(twice, &[&file]).await;
    assert_eq!(code_of_exit, NOT_CHECKED);
    assert!(complaints.contains("registered twice"), "{complaints}");
    let (code_of_exit, out, _) = run(code(), &["--help"]).await;
    assert_eq!(code_of_exit, FITS);
    assert!(out.contains("exit code"), "{out}");
}
