use serde_json::json;

use super::*;

fn pod(reason: &str, created: Timestamp) -> Pod {
    let state = json!({ "waiting": { "reason": reason, "message": "because" } });
    let status =
        json!({ "name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state });
    let pod = json!({ "metadata": { "name": "p", "creationTimestamp": created.to_string() },
        "status": { "containerStatuses": [status] } });
    serde_json::from_value(pod).expect("a pod")
}

#[test]
fn a_reason_that_may_pass_counts_when_it_lasts() {
    let now = Timestamp::from_second(1_000).expect("a time");
    let at = |ago: i64| Timestamp::from_second(1_000 - ago).expect("a time");
    let young = assess(None, &[pod("CreateContainerConfigError", at(1))], None, now);
    assert_eq!((young.failure, young.doubtful), (None, true));
    let old = assess(None, &[pod("CreateContainerConfigError", at(9))], None, now);
    assert_eq!(old.failure.map(|f| f.reason).as_deref(), Some("CreateContainerConfigError"));
    let pull = assess(None, &[pod("ErrImagePull", at(9))], None, now);
    assert_eq!(pull.failure.map(|f| f.reason).as_deref(), Some("ImagePullBackOff"));
    let crash = assess(None, &[pod("CrashLoopBackOff", at(1))], None, now);
    assert!(crash.failure.is_some_and(|f| f.message.contains("because")));
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// Started at second 1000; the rest of its metadata and status.
fn unready(phase: &str, since: i64, metadata: Value) -> Pod {
    let conditions = json!([{ "type": "Ready", "status": "False", "lastTransitionTime": time(since).to_string() }]);
    let status = json!({ "phase": phase, "startTime": time(1_000).to_string(), "conditions": conditions });
    let mut pod = json!({ "metadata": metadata, "status": status });
    pod["metadata"]["name"] = json!("p");
    serde_json::from_value(pod).expect("a pod")
}

fn without_a_node(reason: &str, created: Timestamp) -> Pod {
    let scheduled = json!({ "type": "PodScheduled", "status": "False", "reason": reason, "message": "0/3 nodes" });
    let pod = json!({ "metadata": { "name": "q", "creationTimestamp": created.to_string() },
        "status": { "conditions": [scheduled] } });
    serde_json::from_value(pod).expect("a pod")
}

#[test]
fn a_pod_without_a_node_is_told_of_after_all_that_has_to_be_mended() {
    let told = |pods: &[Pod]| assess(None, pods, None, time(1_000)).failure.map(|f| f.reason);
    let (young, old) = (time(999), time(991));
    let lacks = |reason| without_a_node(reason, old);
    assert_eq!(told(&[lacks("Unschedulable")]).as_deref(), Some("Unschedulable"));
    assert_eq!(told(&[lacks("SchedulingGated")]).as_deref(), Some("SchedulingGated"));
    assert_eq!(told(&[lacks("OfAnotherScheduler")]).as_deref(), Some("Unschedulable"));
    let crash = pod("CrashLoopBackOff", old);
    assert_eq!(told(&[lacks("Unschedulable"), crash]).as_deref(), Some("CrashLoopBackOff"));
    let young = assess(None, &[without_a_node("Unschedulable", young)], None, time(1_000));
    assert_eq!((young.failure, young.doubtful), (None, true));
}

#[test]
fn an_app_that_runs_but_does_not_answer_is_told_of_at_the_progress_deadline() {
    let pod = [unready("Running", 1_001, json!({}))];
    assert_eq!(assess(None, &pod, None, time(1_590)).failure, None);
    let failure = assess(None, &pod, None, time(1_599)).failure.expect("time is up");
    assert_eq!(failure.reason, "ProgressDeadlineExceeded");
    assert!(failure.message.starts_with("pod 'p' runs, but its app did not answer within 10 minutes"), "{failure:?}");
    let ready = json!({ "status": { "readyReplicas": 1 } });
    assert_eq!(assess(Some(&ready), &pod, None, time(1_599)).failure, None, "another one answers");
}

#[test]
fn only_a_start_can_be_overdue() {
    let ending = |end: i64| json!({ "deletionTimestamp": time(end).to_string(), "deletionGracePeriodSeconds": 300 });
    let told = |pod: Pod| assess(None, &[pod], None, time(9_000)).failure.is_some();
    assert!(told(unready("Running", 1_001, ending(1_901))), "it ends because its time was up");
    assert!(!told(unready("Running", 1_001, ending(1_320))), "told to end before, it takes long to");
    assert!(!told(unready("Running", 2_000, json!({}))), "it was ready once");
    assert!(!told(unready("Failed", 1_001, json!({}))), "evicted: nobody waits for it");
}
