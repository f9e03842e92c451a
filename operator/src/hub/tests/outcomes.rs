//! What activators say that revisions did for users.

use rollout::Tally;
use wire::Outcome;

use super::*;

fn outcomes(replay: bool, requests: u64) -> Up {
    let tally = Tally { requests, ..Tally::default() };
    Up::Outcomes { replay, outcomes: vec![Outcome { revision_uid: UID.into(), count: 1, tally }] }
}

#[tokio::test(start_paused = true)]
async fn activators_are_heard_and_added() {
    let hub = Hub::new();
    let (mut first, mut second) = (hub.activator("a").await, hub.activator("b").await);
    first.say(&outcomes(false, 3)).await;
    second.say(&outcomes(true, 100)).await;
    second.say(&outcomes(false, 104)).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(hub.outcomes.of(UID).requests, 7);
    // The stream breaks; on the next one all is said again.
    drop(first);
    let mut first = hub.activator("a").await;
    first.say(&outcomes(true, 5)).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(hub.outcomes.of(UID).requests, 9);
    assert_eq!(hub.outcomes.of("another"), Tally::default());
    assert!(hub.scaled().is_empty(), "nothing is scaled by it");
}

#[tokio::test(start_paused = true)]
async fn a_queue_proxy_may_not_speak_of_users() {
    let hub = Hub::new();
    let mut pod = hub.pod("10.0.0.7:1").await;
    pod.say(&outcomes(false, 3)).await;
    assert!(pod.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="violation"} 1"#));
    assert_eq!(hub.outcomes.of(UID), Tally::default());
}
