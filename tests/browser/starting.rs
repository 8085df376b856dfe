//! Somebody starts an instance by the form of the console.

use reenact::InstanceState;
use thirtyfour::components::SelectElement;

use crate::scene::Scene;

#[tokio::test]
async fn an_instance_is_started_by_the_form_once_what_was_wrong_is_mended() {
    let scene = Scene::begin().await;
    scene.open("instances").await;
    // A list without instances leads there as well.
    scene.click("#list a[href=start]").await;
    scene.find("#start-form").await;
    scene.open("instances").await;
    scene.click("main a[data-action=start]").await;
    scene.write("#orchestration", "wait").await;
    scene.write("#id", "order").await;
    scene.write("#input", "{\"what\": ").await;
    scene.click("#start-form button[type=submit]").await;
    scene.until_text("#input-wrong", "not JSON").await;
    scene.until_text("#orchestration-wrong", "wait").await;
    // What is wrong stands beside its field, and what was written is still there.
    assert_eq!(scene.find("#id").await.value().await.unwrap().as_deref(), Some("order"));
    scene.write("#orchestration", "waits").await;
    scene.write("#input", "{\"what\": \"a desk\"}").await;
    scene.click("#start-form button[type=submit]").await;
    scene.until_text("#ask-title", "What it will do").await;
    scene.host.get_status("order").await.expect_err("it only asks");
    // Back, as it is to begin later.
    scene.click("#ask-form button[value=edit]").await;
    scene.write("#delay", "2").await;
    let unit = scene.find("select[name=unit]").await;
    SelectElement::new(&unit).await.unwrap().select_by_value("hours").await.unwrap();
    scene.click("#start-form button[type=submit]").await;
    scene.until_text("#ask", "after 2 h").await;
    scene.click("#ask-form button[value=start]").await;
    scene.until_text("#instance-id", "order").await;
    scene.until_text("#why", "waits for its start").await;
    assert_eq!(scene.host.get_status("order").await.unwrap().state, InstanceState::Running);
    scene.end().await;
}
