//! The pods that a scale-in removes.

use super::*;
use crate::autoscaler::VICTIM;

/// Four ready pods, the second with a request, that load alone would make two.
async fn four(marking: Marking) -> (Hub, Vec<Client>) {
    let hub = Hub::with(4);
    *hub.cluster.marking.lock() = marking;
    let candidate = |n| Candidate { name: format!("pod-{n}"), ready: true, cost: None };
    *hub.cluster.pods.lock() = (1..=4).map(candidate).collect();
    let mut pods = Vec::new();
    for number in 1..=4 {
        let mut pod = hub.numbered(number).await;
        pod.say(&report(100, u16::from(number == 2), 60)).await;
        pods.push(pod);
    }
    (hub, pods)
}

/// One second later every pod reports the same again.
async fn pass(pods: &mut [Client], second: u64) {
    for (number, pod) in (1..).zip(pods) {
        pod.say(&report(second, u16::from(number == 2), 1)).await;
    }
    sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_idle_are_marked_before_the_scale_is_written_and_the_busy_one_is_not() {
    let (hub, mut pods) = four(Marking::Written).await;
    let running = hub.run();
    for second in 101..110 {
        pass(&mut pods, second).await;
    }
    assert_eq!(hub.scaled()[0], 2);
    let marked = hub.cluster.marked.lock().clone();
    let first: Vec<_> = marked.iter().filter(|(_, scales)| *scales == 0).map(|(mark, _)| mark.clone()).collect();
    let victim = |pod: &str| Mark { pod: pod.into(), cost: Some(VICTIM) };
    assert_eq!(first, [victim("pod-1"), victim("pod-3")]);
    assert!(marked.iter().all(|(mark, _)| mark.pod != "pod-2"), "{marked:?}");
    hub.close.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_marked_does_not_hold_up_the_scale_in() {
    for (marking, result) in [(Marking::Refused, "error"), (Marking::Unanswered, "late")] {
        let (hub, mut pods) = four(marking).await;
        let running = hub.run();
        // The first look once enough is known is after six seconds.
        for second in 101..109 {
            pass(&mut pods, second).await;
        }
        assert_eq!(hub.scaled().first(), Some(&2), "{result}");
        assert!(hub.metric(&format!(r#"todoapp_autoscaler_marks_total{{result="{result}"}} 2"#)), "{result}");
        hub.close.cancel();
        running.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_scale_in_that_is_wanted_no_more_once_the_marks_are_written_is_not_made() {
    let (hub, mut pods) = four(Marking::Unanswered).await;
    let mut activator = hub.activator("a").await;
    activator.say(&Up::Report { second: 1, loads: Vec::new() }).await;
    let running = hub.run();
    // Half a second beside the ticks.
    sleep(Duration::from_millis(500)).await;
    let mut second = 101;
    while hub.autoscaler.debug()["revisions"][0]["desired"] == 4 {
        pass(&mut pods, second).await;
        second += 1;
    }
    assert!(hub.scaled().is_empty(), "the marks are still on their way");
    hub.autoscaler.set_replicas(UID, 4, 0);
    activator.say(&demand(1000)).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(hub.scaled(), [10]);
    hub.close.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_marked_on_the_way_up_or_to_zero() {
    let hub = Hub::new();
    *hub.cluster.pods.lock() = vec![Candidate { name: "pod-1".into(), ready: true, cost: Some(VICTIM) }];
    let mut activator = hub.activator("a").await;
    activator.say(&demand(1)).await;
    let mut pod = hub.numbered(1).await;
    hub.autoscaler.set_replicas(UID, 1, 1);
    activator.say(&demand(0)).await;
    let running = hub.run();
    for second in 100..210 {
        pod.say(&report(second, 0, 1)).await;
        activator.say(&Up::Report { second, loads: Vec::new() }).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(hub.scaled(), [1, 0]);
    assert!(hub.cluster.marked.lock().is_empty());
    hub.close.cancel();
    running.await.unwrap();
}
