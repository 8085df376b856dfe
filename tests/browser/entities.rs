//! Somebody looks for an entity, calls an operation of it, and sees who holds its lock.

use crate::scene::{Account, Scene};

#[tokio::test]
async fn an_entity_is_found_called_and_watched() {
    let scene = Scene::begin().await;
    let account = |key: &str| scene.host.entity::<Account>(key);
    account("ada").deposit(500, "salary".to_owned()).await.unwrap();
    account("<i>bo").deposit(7, "<script>alert(1)</script>".to_owned()).await.unwrap();

    scene.open("").await;
    scene.click("nav[aria-label=Main] a[href=entities]").await;
    scene.click("#types [data-row=account] a").await;
    scene.until_text("#entities", "<i>bo").await;
    scene.click("#entities [data-row='@account@ada'] a").await;
    scene.until_text("#state", "500").await;

    scene.click("a[data-do=call]").await;
    scene.write("#operation", "deposit").await;
    scene.write("#arguments", "[250, \"a gift\"]").await;
    scene.click("#ask-form button.primary").await;
    scene.until_text("#answer", "750").await;
    scene.until_text("#state", "a gift").await;

    // While the page is open, an orchestration takes the lock, and what comes waits.
    scene.open("entity?type=account&key=ada").await;
    scene.until_text("#facts", "free").await;
    let keys = ["ada", "<i>bo"].map(str::to_owned);
    scene.host.start_new_by_name::<u64>("holds", keys).id("audit").await.unwrap();
    scene.until_text("#facts", "held by audit").await;
    account("ada").signal().deposit(1, "later".to_owned()).await.unwrap();
    scene.until_text("#waiting", "deposit").await;
    scene.click("#facts a[data-id=audit]").await;
    scene.until_text("#why", "It holds the lock of @account@<i>bo and @account@ada.").await;
    scene.until_text("#open", "held, got it").await;
    scene.host.raise_event("audit", "Go", 1).await.unwrap();
    scene.open("entity?type=account&key=ada").await;
    scene.until_text("#state", "later").await;
    scene.until_text("#facts", "free").await;
    scene.end().await;
}
