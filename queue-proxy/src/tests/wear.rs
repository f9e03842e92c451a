//! Pods that are replaced after so many requests.

use super::*;

#[tokio::test]
async fn a_pod_serves_the_number_that_it_may_and_refuses_the_rest() {
    let (listener, address) = listener().await;
    app(listener, |_| async { said("ok") });
    let pod = pod(address, &[("TODOAPP_RECYCLE_REQUESTS", "2".to_owned())]).await;
    until_ready(&pod, true).await;
    let answers = [get(pod.traffic, "/").await.0, get(pod.traffic, "/").await.0];
    assert_eq!(answers, [200, 200]);
    let (status, reason, _) = get(pod.traffic, "/").await;
    assert_eq!((status, reason.as_deref()), (503, Some("recycled")));
    until_ready(&pod, false).await;
    assert!(!pod.ended.is_finished(), "it ends with its pod, not before");
    pod.sigterm.cancel();
    within(pod.ended).await.unwrap().unwrap();
}
