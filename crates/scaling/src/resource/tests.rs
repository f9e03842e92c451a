use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn of(percent: u32, measured: u32, missing: u32, starting: u32) -> Usage {
    Usage { percent, measured, missing, starting }
}

/// The cases of replica_calculator_test.go, as far as they are of a resource's utilisation.
#[test]
fn it_asks_for_what_the_horizontal_pod_autoscaler_asks_for() {
    for (case, usage, target, current, expected) in [
        ("ScaleUp", of(50, 3, 0, 0), 30.0, 3, 5),
        ("ScaleUpUnreadyLessScale", of(60, 2, 0, 1), 30.0, 3, 4),
        ("ScaleUpUnreadyNoScale", of(40, 1, 0, 2), 30.0, 3, 3),
        ("ScaleUpIgnoresFailedPods", of(60, 2, 0, 0), 30.0, 2, 4),
        ("ScaleDown", of(28, 5, 0, 0), 50.0, 5, 3),
        ("ScaleDownIncludeUnreadyPods", of(30, 3, 0, 2), 50.0, 5, 2),
        ("ScaleDownExcludeUnscheduledPods", of(10, 1, 0, 4), 50.0, 5, 1),
        ("Tolerance", of(101, 3, 0, 0), 100.0, 3, 3),
        ("MissingMetricsNoChangeEq", of(100, 2, 1, 0), 100.0, 3, 3),
        ("MissingMetricsNoChangeGt", of(190, 1, 1, 0), 100.0, 2, 2),
        ("MissingMetricsNoChangeLt", of(60, 1, 1, 0), 100.0, 2, 2),
        ("MissingMetricsUnreadyChange", of(450, 2, 0, 1), 50.0, 3, 18),
        ("MissingMetricsScaleUp", of(450, 2, 1, 0), 50.0, 3, 18),
        ("MissingMetricsScaleDown", of(10, 4, 1, 0), 50.0, 5, 3),
    ] {
        assert_eq!(usage.asks_for(target, current), expected, "{case}");
    }
}

/// "if the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled"
#[test]
fn the_ratio_of_use_and_target_decides_beyond_a_tenth() {
    let asked = |percent| of(percent, 10, 0, 0).asks_for(100.0, 10);
    assert_eq!([200, 50, 110, 111, 90, 89, 0].map(asked), [20, 5, 10, 12, 10, 9, 1]);
}

#[test]
fn what_is_missing_may_use_the_whole_target_where_that_is_more_than_is_requested() {
    assert_eq!(of(100, 3, 1, 0).asks_for(200.0, 4), 3, "(300 + 200) / 200");
    assert_eq!(of(20, 1, 9, 0).asks_for(200.0, 10), 10, "on target, as far as is known");
    assert_eq!(of(120, 4, 1, 0).asks_for(100.0, 5), 5, "and nothing where others use more than the target");
}

#[test]
fn what_is_near_the_target_with_all_that_is_unknown_changes_nothing() {
    assert_eq!(of(158, 4, 2, 0).asks_for(100.0, 6), 6, "632 / 600");
    assert_eq!(of(160, 2, 0, 1).asks_for(100.0, 3), 3, "320 / 300");
}

#[test]
fn a_utilisation_is_rounded_down_again_with_what_is_assumed_of_the_others() {
    assert_eq!(of(50, 2, 0, 1).asks_for(30.0, 3), 3, "100 / 3 is 33, which is within the tolerance");
    assert_eq!(of(91, 2, 0, 1).asks_for(30.0, 3), 6, "182 / 3 is 60, and 182 / 30 would be 7");
    assert_eq!(of(5, 2, 1, 0).asks_for(54.0, 3), 2, "110 / 3 is 36, and 110 / 54 would be 3");
}

#[test]
fn pods_that_are_not_there_yet_turn_no_direction() {
    assert_eq!(of(150, 2, 0, 0).asks_for(100.0, 5), 5, "too much use is no reason for fewer than are wanted");
    assert_eq!(of(50, 5, 0, 0).asks_for(100.0, 1), 1, "too little is no reason for more");
    assert_eq!(of(150, 5, 0, 5).asks_for(100.0, 2), 2, "there are more than are wanted, and together they are enough");
}

fn delayed(seconds: u64) -> Spec {
    Spec { scale_down_delay: Duration::from_secs(seconds), target: 100.0, ..Spec::of(crate::Metric::Cpu) }
}

/// A reading each 15 s, a tick each two: the pods after each reading, with every pod ready at once.
fn run(resource: &mut Resource, spec: &Spec, from: Duration, mut pods: u32, readings: &[Usage]) -> Vec<u32> {
    let mut seen = Vec::new();
    for (n, usage) in (0..).zip(readings) {
        let at = from + Duration::from_secs(15 * n);
        resource.read(at, Some(*usage));
        for tick in 0..7 {
            pods = resource.decide(at + Duration::from_secs(2 * tick), spec, pods, true).pods;
        }
        seen.push(pods);
    }
    seen
}

#[test]
fn one_reading_brings_at_most_twice_the_pods_or_four_more() {
    let spec = delayed(0);
    let grown = |pods, usage| run(&mut Resource::default(), &spec, NOW, pods, &[usage]);
    assert_eq!(grown(1, of(9000, 1, 0, 0)), [5]);
    assert_eq!(grown(8, of(9000, 8, 0, 0)), [16]);
    assert_eq!(grown(5, of(9000, 1, 0, 4)), [10], "those that start are among them");
    assert_eq!(grown(10, of(9000, 1, 0, 0)), [10], "but it takes none away");
    let slow = Spec { up_rate: 1.5, ..spec };
    assert_eq!(run(&mut Resource::default(), &slow, NOW, 100, &[of(900, 100, 0, 0)]), [150]);
}

#[test]
fn one_reading_takes_at_most_half_of_the_pods_of_a_routed_revision() {
    let spec = delayed(0);
    assert_eq!(run(&mut Resource::default(), &spec, NOW, 9, &[of(1, 9, 0, 0), of(1, 4, 0, 0)]), [4, 2]);
    let mut resource = Resource::default();
    resource.read(NOW, Some(of(1, 9, 0, 0)));
    assert_eq!(resource.decide(NOW, &spec, 9, false).pods, 1);
    assert_eq!(resource.decide(NOW, &spec, 2, true).pods, 2, "and brings none back");
}

#[test]
fn fewer_pods_wait_for_the_delay_also_with_a_new_leader() {
    let (mut resource, spec) = (Resource::default(), delayed(60));
    let quiet = [of(50, 4, 0, 0); 6];
    assert_eq!(run(&mut resource, &spec, NOW, 4, &quiet), [4, 4, 4, 4, 2, 2]);
}

#[test]
fn what_the_delay_remembers_brings_no_pods_back() {
    let (mut resource, spec) = (Resource::default(), delayed(300));
    // 90 pods are asked for and four more allowed; the next reading finds five enough.
    let seen = run(&mut resource, &spec, NOW, 1, &[of(9000, 1, 0, 0), of(100, 5, 0, 0), of(120, 5, 0, 0)]);
    assert_eq!(seen, [5, 5, 6]);
}

#[test]
fn what_holds_and_bounds_leaves_its_verdict() {
    let (mut resource, spec) = (Resource::default(), delayed(60));
    resource.read(NOW, Some(of(200, 4, 0, 0)));
    let up = Wanted { pods: 8, by_stable: 8, lowest: 2, highest: 8, ..Wanted::default() };
    assert_eq!(resource.decide(NOW, &spec, 4, true), up);
    resource.read(NOW, Some(of(20, 8, 0, 0)));
    let held = Wanted { pods: 8, by_stable: 2, lowest: 4, highest: 16, delayed: 8, ..Wanted::default() };
    assert_eq!(resource.decide(NOW, &spec, 8, true), held);
    assert_eq!(resource.decide(NOW, &spec, 8, false), Wanted { pods: 2, lowest: 0, delayed: 0, ..held });
}

#[test]
fn a_reading_counts_for_a_minute_and_without_one_nothing_changes() {
    let (mut resource, spec) = (Resource::default(), delayed(0));
    resource.read(NOW, Some(of(50, 4, 0, 0)));
    assert_eq!(resource.decide(NOW + READING_KEPT, &spec, 4, true).pods, 2);
    assert_eq!(resource.decide(NOW + READING_KEPT + Duration::from_secs(1), &spec, 4, true).pods, 4);
    resource.read(NOW, Some(of(0, 0, 4, 0)));
    assert_eq!(resource.usage(NOW), None, "no pod of it was measured");
    resource.read(NOW, Some(of(50, 4, 0, 0)));
    resource.read(NOW, None);
    assert_eq!(resource.usage(NOW), None);
    assert!(resource.heap_bytes() >= size_of::<Resource>());
    resource.decide(NOW, &delayed(60), 4, true);
    assert!(resource.heap_bytes() > size_of::<Resource>());
}
