use super::*;

#[test]
fn the_burst_window_is_a_part_of_the_stable_one_in_whole_seconds() {
    let window = |window_s| Spec { window_s, ..Spec::default() }.burst_window_s();
    assert_eq!([6, 14, 15, 60, 3600].map(window), [1, 1, 2, 6, 360]);
    let percent = |burst_window_percent| Spec { burst_window_percent, ..Spec::default() }.burst_window_s();
    assert_eq!([1.0, 12.4, 12.5, 100.0].map(percent), [1, 7, 8, 60]);
}

#[test]
fn the_target_of_a_pod_has_a_floor() {
    let per_pod = |target, utilization| Spec { target, utilization, ..Spec::default() }.per_pod();
    assert_eq!(per_pod(100.0, 0.7).to_string(), "70");
    assert_eq!(per_pod(0.01, 0.01).to_string(), "0.01");
    assert_eq!(per_pod(f64::NAN, 0.7).to_string(), "0.01");
    assert_eq!(Spec::of(Metric::RequestRate).per_pod().to_string(), "140");
    assert_eq!(Spec::of(Metric::Cpu).per_pod().to_string(), "80");
}

#[test]
fn a_metric_is_called_as_users_write_it() {
    let all = [Metric::Concurrency, Metric::RequestRate, Metric::Cpu, Metric::Memory];
    assert_eq!(all.map(Metric::as_str), ["Concurrency", "RequestRate", "CPU", "Memory"]);
}

#[test]
fn what_is_in_range_is_kept() {
    for metric in [Metric::Concurrency, Metric::RequestRate, Metric::Cpu, Metric::Memory] {
        assert_eq!(Spec::of(metric).clamped(), Spec::of(metric));
    }
}

#[test]
fn what_is_out_of_range_is_moved_to_its_edge_and_no_number_is_the_default() {
    let odd = |number: f64, window_s, time| Spec {
        target: number,
        utilization: number,
        window_s,
        burst_window_percent: number,
        burst_threshold_percent: number,
        up_rate: number,
        down_rate: number,
        scale_down_delay: time,
        zero_grace: time,
        zero_retention: time,
        ..Spec::of(Metric::RequestRate)
    };
    let low = odd(f64::NEG_INFINITY, 0, Duration::ZERO);
    let lowest = Spec { up_rate: 1f64.next_up(), down_rate: 1.0, window_s: 6, ..low };
    let lowest = Spec { target: 0.01, utilization: 0.01, burst_window_percent: 1.0, ..lowest };
    assert_eq!(low.clamped(), Spec { burst_threshold_percent: 110.0, ..lowest });
    let high = odd(f64::INFINITY, u32::MAX, Duration::MAX);
    let highest = Spec { up_rate: 1e9, down_rate: 1e9, window_s: 3600, target: 1e9, utilization: 1.0, ..high };
    let highest = Spec { burst_window_percent: 100.0, burst_threshold_percent: 1000.0, ..highest };
    let [hour, day] = [Duration::from_hours(1), Duration::from_hours(24)];
    assert_eq!(high.clamped(), Spec { scale_down_delay: hour, zero_grace: day, zero_retention: hour, ..highest });
    assert_eq!(odd(f64::NAN, 60, Duration::ZERO).clamped().target.to_string(), "200");
    assert_eq!(odd(f64::NAN, 60, Duration::ZERO).clamped().up_rate.to_string(), "1000");
}
