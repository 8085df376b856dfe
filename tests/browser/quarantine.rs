//! Somebody looks at messages that no host could accept, and discards one.

use std::time::SystemTime;

use reenact::Timestamp;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Provider, Quarantined, QueueOf};

use crate::scene::{Scene, host};

/// Something that is no message, held back by this reason.
fn held(reason: &str) -> Quarantined {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Quarantined {
        queue: QueueOf::Shard(ShardId(1)),
        message: None,
        raw: b"<script>no message</script>".to_vec(),
        reason: reason.to_owned(),
        details: String::new(),
        attempts: 5,
        at: Timestamp::EPOCH + (now - Duration::from_secs(7_200)),
    }
}

#[tokio::test]
async fn a_message_of_the_quarantine_is_discarded_once_its_question_is_answered() {
    let store = InMemory::new().shared();
    let sharing = store.sharing().unwrap();
    for reason in ["it is <b>no</b> message", "its form is of a version that nobody knows"] {
        sharing.quarantine(held(reason)).await.unwrap();
    }
    let scene = Scene::on(host(store).await).await;
    scene.open("quarantine").await;
    scene.until_text("#quarantined", "it is <b>no</b> message").await;
    scene.click("#quarantined tbody tr:first-child a[data-action=discard]").await;
    scene.find("#ask-form").await;
    assert_eq!(sharing.quarantined(None, 9).await.unwrap().len(), 2, "it only asks");
    scene.click("#ask-form button.primary").await;
    scene.until_text("main", "The message is discarded.").await;
    assert_eq!(sharing.quarantined(None, 9).await.unwrap().len(), 1);
    scene.end().await;
}
