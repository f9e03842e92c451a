//! What comes in on streams and what goes out: to activators, to the API server, to people.

use super::*;

#[tokio::test(start_paused = true)]
async fn demand_is_written_once_and_ready_is_passed_on() {
    let hub = Hub::new();
    let mut activator = hub.activator("a").await;
    assert_eq!(activator.down().await, Down::Endpoints(Vec::new()));
    activator.say(&demand(1)).await;
    assert_eq!(activator.down().await, desired(1));
    let mut pod = hub.pod("10.0.0.7:51234").await;
    pod.say(&Up::Ready).await;
    assert_eq!(activator.down().await, up());
    let mut late = hub.activator("b").await;
    let endpoint = Endpoint { revision_uid: UID.into(), address: POD.parse().unwrap() };
    assert_eq!(late.down().await, Down::Endpoints(vec![endpoint]));
    assert_eq!(late.down().await, Down::Desired { revision_uid: UID.into(), replicas: 1, activators: 2, places: 100 });
    assert_eq!(*hub.cluster.scaled.lock(), [("default/user-00001".to_owned(), 1)]);
    assert!(hub.metric(r#"todoapp_hub_connections{kind="activator"} 2"#));
    assert!(hub.metric(r#"todoapp_hub_connections{kind="queue-proxy"} 1"#));
    assert!(hub.metric(r#"todoapp_autoscaler_decisions_total{reason="demand"} 1"#));
    assert!(hub.metric(r#"todoapp_autoscaler_desired{namespace="default",revision="user-00001"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_tried_again_until_it_is_done() {
    let hub = Hub::new();
    hub.cluster.failures.store(3, Ordering::Relaxed);
    let mut activator = hub.activator("a").await;
    activator.say(&demand(1)).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(hub.cluster.scaled.lock().len(), 1);
    assert!(hub.metric(r#"todoapp_autoscaler_writes_total{result="error"} 3"#));
}

#[tokio::test(start_paused = true)]
async fn ticks_bring_a_revision_to_zero_and_show_it() {
    let hub = Hub::new();
    hub.autoscaler.set_replicas(UID, 0, 0);
    let running = hub.run();
    let mut activator = hub.activator("a").await;
    activator.say(&demand(1)).await;
    let mut pod = hub.pod("10.0.0.7:51234").await;
    pod.say(&Up::Ready).await;
    activator.say(&demand(0)).await;
    hub.autoscaler.set_replicas(UID, 1, 1);
    for second in 1..110 {
        let bucket = Bucket { second: second - 1, concurrency: 0.0, requests: 0 };
        let loads = vec![Load { revision_uid: UID.into(), now: 0, buckets: vec![bucket] }];
        pod.say(&Up::Report { second, loads }).await;
        activator.say(&Up::Report { second, loads: Vec::new() }).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(hub.scaled(), [1, 0]);
    let state = hub.autoscaler.debug();
    assert_eq!(state["revisions"][0]["desired"], 0);
    assert_eq!(state["activators"][0], "a");
    let texts: Vec<&str> = state["revisions"][0]["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| decision["text"].as_str().unwrap())
        .collect();
    assert!(texts.iter().any(|text| text.contains("idle for the window and the grace")), "{texts:#?}");
    hub.close.cancel();
    running.await.unwrap();
}
