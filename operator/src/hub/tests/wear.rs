//! Pods that have served their time.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_served_its_time_is_deleted() {
    let hub = Hub::with(2);
    let mut pod = hub.numbered(2).await;
    pod.say(&Up::Ready).await;
    pod.say(&Up::Worn).await;
    sleep(Duration::from_millis(1)).await;
    let [(_, deleted)] = &hub.cluster.deleted.lock()[..] else { panic!("one deletion") };
    assert_eq!(deleted, "pod-2");
}
