//! Streams that are silent, stuck or full of nonsense end, and disturb no other.

use super::super::STREAMS_MAX;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_or_nonsense_is_closed() {
    let hub = Hub::new();
    let (mut silent, _) = hub.dial("10.0.0.7:1").await;
    assert!(silent.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_rejected_total{reason="slow"} 1"#));

    let (mut nonsense, _) = hub.dial("10.0.0.7:1").await;
    nonsense.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(nonsense.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_rejected_total{reason="malformed"} 1"#));

    let (mut other, _) = hub.dial("10.0.0.7:1").await;
    other.say(&Hello { version: VERSION + 1, epoch: 1, identity: queue_proxy(&[0; 32], &KEY) }).await;
    assert!(other.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_rejected_total{reason="version"} 1"#));

    let mut pod = hub.pod("10.0.0.7:1").await;
    assert!(pod.is_closed().await, "no report for long");
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="silent"} 1"#));
    assert!(hub.metric(r#"todoapp_hub_connections{kind="queue-proxy"} 0"#));

    let mut pod = hub.pod("10.0.0.7:1").await;
    pod.say(&demand(99)).await;
    assert!(pod.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="violation"} 1"#));
    assert!(hub.cluster.scaled.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_closed_and_holds_up_nobody() {
    let hub = Hub::new();
    let (mut stuck, _) = hub.dial_with("10.0.0.1:1", 512).await;
    stuck.hello(Identity::Activator { pod: "stuck".into(), token: "good".into() }).await;
    sleep(Duration::from_millis(1)).await;
    let mut activator = hub.activator("a").await;
    activator.down().await;
    let mut pod = hub.pod("10.0.0.7:51234").await;
    for _ in 0..STREAMS_MAX / 2 + 1000 {
        pod.say(&Up::Ready).await;
        assert!(matches!(activator.down().await, Down::EndpointUp { .. }));
        pod.say(&Up::Draining).await;
        assert!(matches!(activator.down().await, Down::EndpointDown(_)));
    }
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="overflow"} 1"#));
    assert!(hub.metric(r#"todoapp_hub_connections{kind="activator"} 1"#));
    assert!(stuck.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_end_closes_the_stream() {
    let hub = Hub::new();
    let (mut stuck, _) = hub.dial_with("10.0.0.1:1", 512).await;
    stuck.hello(Identity::Activator { pod: "stuck".into(), token: "good".into() }).await;
    let mut pod = hub.pod("10.0.0.7:51234").await;
    for second in 1..40 {
        pod.say(&Up::Ready).await;
        pod.say(&Up::Draining).await;
        // It still reports, so only the write can tell.
        if second < 20 {
            stuck.say(&Up::Report { second, loads: Vec::new() }).await;
        }
        sleep(Duration::from_millis(300)).await;
    }
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="stuck"} 1"#));
}
