//! Nobody sits without a proof, and nobody's address is believed without one.

use super::*;

#[tokio::test(start_paused = true)]
async fn nobody_sits_without_a_proof() {
    let hub = Hub::new();
    let activator = |token: &str| Identity::Activator { pod: "a".into(), token: token.into() };
    let (_, stale) = hub.dial("10.0.0.7:1").await;
    let mut unknown = queue_proxy(&stale, &KEY);
    if let Identity::QueueProxy { revision_uid, .. } = &mut unknown {
        *revision_uid = "uid-2".into();
    }
    for (identity, reason) in [
        (activator("bad"), "bad-token"),
        (activator("slow"), "unchecked"),
        (activator("broken"), "unchecked"),
        (queue_proxy(&stale, &KEY), "bad-proof"),
        (unknown, "unknown-revision"),
    ] {
        let (mut client, _) = hub.dial("10.0.0.7:1").await;
        client.hello(identity).await;
        assert!(client.is_closed().await, "{reason}");
        let text = prometheus::TextEncoder::new().encode_to_string(&hub.registry.gather()).expect("text");
        assert!(text.contains(&format!(r#"todoapp_hub_rejected_total{{reason="{reason}"}}"#)), "{text}");
    }
    let (mut client, nonce) = hub.dial("10.0.0.7:1").await;
    client.hello(queue_proxy(&nonce, &[8; 32])).await;
    assert!(client.is_closed().await, "another key");
}

#[tokio::test(start_paused = true)]
async fn an_address_of_another_host_waits_for_the_cluster() {
    let hub = Hub::new();
    let mut activator = hub.activator("a").await;
    activator.down().await;
    let mut pod = hub.pod("10.0.0.99:51234").await;
    pod.say(&Up::Ready).await;
    assert!(timeout(Duration::from_secs(3), activator.next::<Down>()).await.is_err());
    hub.cluster.confirms.store(true, Ordering::Relaxed);
    pod.say(&Up::Report { second: 4, loads: Vec::new() }).await;
    assert_eq!(activator.down().await, up());
}
