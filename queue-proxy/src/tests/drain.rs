//! The end of a pod.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::Instant};

use super::*;

#[tokio::test]
async fn an_idle_pod_is_gone_within_two_seconds_and_its_app_is_let_go() {
    let (listener, address) = listener().await;
    app(listener, |_| async { said("ok") });
    let pod = pod(address, &[]).await;
    until_ready(&pod, true).await;
    let told = Instant::now();
    pod.sigterm.cancel();
    assert_eq!(get(pod.admin, "/drain").await.2, "drained\n");
    assert!(told.elapsed() >= Duration::from_millis(500), "{:?}", told.elapsed());
    within(pod.ended).await.unwrap().unwrap();
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
}

#[tokio::test]
async fn what_is_here_and_what_still_comes_is_served_to_the_end() {
    let (listener, address) = listener().await;
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal, wait) = (Arc::clone(&arrived), Arc::clone(&go));
    app(listener, move |request| {
        let (signal, wait) = (Arc::clone(&signal), Arc::clone(&wait));
        async move {
            if request.uri().path() == "/slow" {
                signal.notify_one();
                wait.notified().await;
            }
            said("whole")
        }
    });
    let pod = pod(address, &[]).await;
    until_ready(&pod, true).await;
    let slow = tokio::spawn(get(pod.traffic, "/slow"));
    within(arrived.notified()).await;
    pod.sigterm.cancel();
    until_ready(&pod, false).await;
    let drained = tokio::spawn(get(pod.admin, "/drain"));
    // Longer than it takes to be quiet: only the running request keeps it.
    let told = Instant::now();
    while told.elapsed() < Duration::from_millis(900) {
        assert_eq!(get(pod.traffic, "/").await.2, "whole");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!pod.ended.is_finished() && !drained.is_finished());
    go.notify_one();
    assert_eq!(within(slow).await.unwrap().2, "whole");
    assert_eq!(within(drained).await.unwrap().2, "drained\n");
    within(pod.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_takes_longer_than_a_request_may_is_cut() {
    let (listener, address) = listener().await;
    app(listener, |_| std::future::pending());
    let probe = r#"{"tcpSocket":{}}"#.to_owned();
    let settings = [("TODOAPP_REQUEST_TIMEOUT_SECONDS", "1".to_owned()), ("TODOAPP_READINESS", probe)];
    let pod = pod(address, &settings).await;
    let stuck = tokio::spawn(get(pod.traffic, "/"));
    pod.sigterm.cancel();
    assert_eq!(within(stuck).await.unwrap().0, 504);
    within(pod.ended).await.unwrap().unwrap();
}
