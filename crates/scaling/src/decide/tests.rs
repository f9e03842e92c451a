use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn decide(decider: &mut Decider, spec: &Spec, after_s: u64, ready: u32, stable: f64, burst: f64) -> Wanted {
    decider.decide(NOW + Duration::from_secs(after_s), spec, ready, true, Averages { stable, burst })
}

fn tick(decider: &mut Decider, after_s: u64, ready: u32, stable: f64, burst: f64) -> (u32, bool) {
    let wanted = decide(decider, &Spec::default(), after_s, ready, stable, burst);
    (wanted.pods, wanted.burst_on)
}

#[test]
fn load_on_target_keeps_the_pods() {
    assert_eq!(tick(&mut Decider::default(), 0, 3, 210.0, 210.0), (3, false));
}

#[test]
fn twice_the_pods_is_a_burst() {
    let mut decider = Decider::default();
    assert_eq!(tick(&mut decider, 0, 1, 70.0, 500.0), (8, true));
}

#[test]
fn the_threshold_of_a_burst_is_the_users() {
    let spec = Spec { burst_threshold_percent: 300.0, ..Spec::default() };
    assert!(!decide(&mut Decider::default(), &spec, 0, 2, 0.0, 350.0).burst_on, "5 pods for 2");
    assert!(decide(&mut Decider::default(), &spec, 0, 2, 0.0, 351.0).burst_on, "6 pods for 2");
}

#[test]
fn a_burst_never_scales_in_and_ends_a_window_after_it_was_last_over() {
    let mut decider = Decider::default();
    assert_eq!(tick(&mut decider, 0, 1, 70.0, 500.0), (8, true));
    assert_eq!(tick(&mut decider, 2, 4, 100.0, 560.0), (8, true), "extends: 8 wanted, 4 ready");
    assert_eq!(tick(&mut decider, 62, 8, 10.0, 0.0), (8, true), "exactly a window after");
    assert_eq!(tick(&mut decider, 64, 8, 10.0, 0.0), (4, false));
}

#[test]
fn an_idle_revision_halves_at_each_change_of_ready() {
    let mut decider = Decider::default();
    let steps: Vec<u32> = [8, 4, 2, 1].map(|ready| tick(&mut decider, 0, ready, 0.0, 0.0).0).into();
    assert_eq!(steps, [4, 2, 1, 0]);
}

#[test]
fn growth_is_limited_by_what_is_ready() {
    assert_eq!(tick(&mut Decider::default(), 0, 1, 1e9, 0.0), (1000, false));
    assert_eq!(tick(&mut Decider::default(), 0, 0, 1e9, 1e9), (1000, true));
}

#[test]
fn the_rates_are_the_users() {
    let spec = Spec { up_rate: 1.1, down_rate: 1.0, ..Spec::default() };
    assert_eq!(decide(&mut Decider::default(), &spec, 0, 3, 7000.0, 0.0).pods, 4, "3.3, rounded up");
    assert_eq!(decide(&mut Decider::default(), &spec, 0, 3, 0.0, 0.0).pods, 3, "a rate of 1 never shrinks");
    let spec = Spec { down_rate: 3.0, ..spec };
    assert_eq!(decide(&mut Decider::default(), &spec, 0, 8, 0.0, 0.0).pods, 2);
}

#[test]
fn an_unrouted_revision_may_fall_at_once() {
    let wanted = Decider::default().decide(NOW, &Spec::default(), 8, false, Averages::default());
    assert_eq!(wanted, Wanted { highest: 8000, ..Wanted::default() });
}

#[test]
fn any_load_asks_for_the_activation_scale_even_beyond_the_up_rate() {
    let spec = Spec { activation: 4, up_rate: 1.5, ..Spec::default() };
    assert_eq!(decide(&mut Decider::default(), &spec, 0, 0, 0.1, 0.0).pods, 4);
    assert_eq!(decide(&mut Decider::default(), &spec, 0, 0, 0.0, 0.0).pods, 0);
    assert_eq!(decide(&mut Decider::default(), &spec, 0, 6, 490.0, 0.0).pods, 7);
}

#[test]
fn a_delay_holds_a_routed_revision_up_and_an_unrouted_one_not() {
    let spec = Spec { scale_down_delay: Duration::from_secs(10), down_rate: 100.0, ..Spec::default() };
    let mut decider = Decider::default();
    assert_eq!(
        decide(&mut decider, &spec, 0, 5, 350.0, 0.0),
        Wanted { pods: 5, by_stable: 5, highest: 5000, ..Wanted::default() }
    );
    let later = NOW + Duration::from_secs(8);
    assert_eq!(
        decide(&mut decider, &spec, 8, 5, 0.0, 0.0),
        Wanted { pods: 5, delayed: 5, highest: 5000, ..Wanted::default() }
    );
    assert_eq!(decider.decide(later, &spec, 5, false, Averages::default()).pods, 0);
    assert!(decider.heap_bytes() > 0);
    assert_eq!(decide(&mut decider, &spec, 10, 5, 0.0, 0.0).pods, 0);
    assert_eq!(decider.heap_bytes(), 0);
}

#[test]
fn each_rule_leaves_its_verdict() {
    let mut decider = Decider::default();
    let wanted = decide(&mut decider, &Spec::default(), 0, 6, 140.0, 1400.0);
    let told = Wanted { pods: 20, by_stable: 2, by_burst: 20, lowest: 3, highest: 6000, ..Wanted::default() };
    assert_eq!(wanted, Wanted { burst_pods: 20, burst_on: true, ..told });
    let told = Wanted { pods: 20, by_burst: 1, lowest: 3, highest: 6000, ..Wanted::default() };
    assert_eq!(
        decide(&mut decider, &Spec::default(), 2, 6, 0.0, 1.0),
        Wanted { burst_pods: 20, burst_on: true, ..told }
    );
}

#[test]
fn a_surge_is_held_like_a_burst() {
    let mut decider = Decider::default();
    assert_eq!(decider.surge(NOW, &Spec::default(), 0, true, 200).pods, 3);
    assert_eq!(tick(&mut decider, 2, 1, 5.0, 5.0), (3, true));
    assert_eq!(decider.surge(NOW, &Spec::default(), 3, true, 1).pods, 1);
    assert_eq!(decider.surge(NOW, &Spec::default(), 3, true, 280).pods, 4, "not twice the three, but a burst is on");
    assert_eq!(tick(&mut decider, 4, 3, 5.0, 5.0), (4, true));
}

#[test]
fn a_surge_is_held_by_the_delay() {
    let spec = Spec { scale_down_delay: Duration::from_secs(10), ..Spec::default() };
    let mut decider = Decider::default();
    assert_eq!(decider.surge(NOW, &spec, 3, true, 280).pods, 4);
    assert_eq!(decide(&mut decider, &spec, 2, 3, 5.0, 5.0).delayed, 4);
    let mut decider = Decider::default();
    decider.surge(NOW, &spec, 3, false, 280);
    assert_eq!(decide(&mut decider, &spec, 2, 3, 5.0, 5.0).delayed, 0);
}

#[test]
fn a_surge_grows_by_the_up_rate_and_to_the_activation_scale() {
    let spec = Spec { activation: 3, up_rate: 5.0, ..Spec::default() };
    assert_eq!(Decider::default().surge(NOW, &spec, 0, true, 1).pods, 3);
    assert_eq!(Decider::default().surge(NOW, &spec, 2, true, 7000).pods, 10);
    assert_eq!(Decider::default().surge(NOW, &spec, 0, true, 0).pods, 0);
}

#[test]
fn a_single_request_is_no_burst() {
    let mut decider = Decider::default();
    assert_eq!(decider.surge(NOW, &Spec::default(), 0, true, 1).pods, 1);
    assert!(!decider.nothing_known().burst_on);
}
