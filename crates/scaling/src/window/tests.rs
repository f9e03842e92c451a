use super::*;
use crate::spec::Aggregation::{Linear, WeightedExponential};

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[test]
fn a_young_window_averages_over_its_age() {
    let mut window = Window::new(5);
    window.record(100, 10.0);
    assert!(near(window.average(100, Linear), 10.0));
    window.record(101, 20.0);
    assert!(near(window.average(101, Linear), 15.0));
}

#[test]
fn senders_add_up_within_a_second() {
    let mut window = Window::new(5);
    window.record(100, 1.0);
    window.record(100, 2.0);
    assert!(near(window.average(100, Linear), 3.0));
}

#[test]
fn silence_shortens_the_window_from_its_end() {
    let mut window = Window::new(5);
    for second in 100..105 {
        window.record(second, (second - 99) as f64);
    }
    assert!(near(window.average(104, Linear), 3.0));
    assert!(near(window.average(106, Linear), 4.0), "3, 4 and 5 are left");
    assert!(near(window.average(108, Linear), 5.0));
    assert!(near(window.average(109, Linear), 0.0) && window.is_silent(109) && !window.is_silent(108));
}

#[test]
fn a_gap_counts_as_zero_and_a_long_one_starts_anew() {
    let mut window = Window::new(5);
    window.record(100, 9.0);
    window.record(102, 3.0);
    assert!(near(window.average(102, Linear), 4.0));
    window.record(107, 6.0);
    assert!(near(window.average(107, Linear), 6.0));
}

#[test]
fn late_records_count_while_they_are_in_the_window() {
    let mut window = Window::new(5);
    window.record(104, 5.0);
    window.record(102, 4.0);
    assert!(near(window.average(104, Linear), 3.0), "9 over the three seconds since the first");
    window.record(99, 100.0);
    assert!(near(window.average(104, Linear), 3.0));
}

#[test]
fn a_window_is_whole_when_it_is_as_old_as_long() {
    let mut window = Window::new(5);
    assert!(!window.is_whole(100));
    window.record(100, 1.0);
    assert!(!window.is_whole(104) && window.is_whole(105));
    window.record(110, 1.0);
    assert!(!window.is_whole(112), "a gap began it anew");
}

#[test]
fn averages_are_rounded_to_six_decimals() {
    let mut window = Window::new(3);
    window.record(100, 1.0);
    window.record(102, 0.0);
    assert_eq!(window.average(102, Linear).to_string(), "0.333333");
    window.record(101, 1.0);
    assert_eq!(window.average(102, Linear).to_string(), "0.666667");
}

#[test]
fn resizing_keeps_the_newest() {
    let mut window = Window::new(4);
    for second in 100..104 {
        window.record(second, (second - 99) as f64);
    }
    let mut shorter = window.clone();
    shorter.resize(2, 103);
    assert!(near(shorter.average(103, Linear), 3.5));
    window.resize(8, 103);
    assert!(near(window.average(103, Linear), 2.5));
    window.record(104, 5.0);
    assert!(near(window.average(104, Linear), 3.0));
}

#[test]
fn resizing_a_silent_window_forgets() {
    let mut window = Window::new(4);
    window.record(100, 8.0);
    window.resize(60, 105);
    assert!(near(window.average(105, Linear), 0.0));
    window.record(106, 2.0);
    assert!(near(window.average(106, Linear), 2.0));
}

#[test]
fn resting_frees_only_what_no_average_can_need() {
    let mut window = Window::new(4);
    window.record(100, 8.0);
    window.rest(104);
    assert!(near(window.average(103, Linear), 8.0));
    let mut longer = window.clone();
    longer.resize(8, 104);
    assert!(near(longer.average(104, Linear), 2.0), "at its edge a longer window still sees it");
    window.rest(105);
    assert_eq!(window.heap_bytes(), 0);
    window.record(105, 1.0);
    assert!(near(window.average(105, Linear), 1.0));
}

#[test]
fn a_window_of_zeros_rests_at_once_and_stays_as_old_as_it_is() {
    let mut window = Window::new(4);
    window.record(96, 8.0);
    for second in 97..101 {
        window.record(second, 0.0);
    }
    assert_eq!(window.heap_bytes(), 4 * 8);
    window.rest(100);
    assert_eq!(window.heap_bytes(), 0);
    window.record(101, 0.0);
    assert_eq!(window.heap_bytes(), 0, "zeros need no memory");
    assert!(window.is_whole(101) && !window.is_silent(104));
    window.record(102, 8.0);
    assert!(near(window.average(102, Linear), 2.0));
}

/// Adding and subtracting leaves a rest of rounding in the sum; an average at the edge of its last digit shows it.
#[test]
fn resting_changes_no_digit() {
    let mut window = Window::new(32);
    for second in [24, 24, 25, 26, 26] {
        window.record(second, 34.943_325_970_081_23);
    }
    window.record(55, 0.0);
    window.record(82, 0.0);
    let mut rested = window.clone();
    rested.rest(85);
    assert_eq!(rested.heap_bytes(), 0);
    window.record(85, 3.35);
    rested.record(85, 3.35);
    assert_eq!(window.average(85, Linear).to_string(), "0.104687");
    assert_eq!(rested.average(85, Linear).to_string(), "0.104687");
}

#[test]
fn a_record_of_the_far_future_does_not_overflow() {
    let mut window = Window::new(4);
    window.record(u64::MAX, 8.0);
    window.record(u64::MAX - 1, 8.0);
    assert!(near(window.average(u64::MAX, Linear), 8.0));
    assert!(window.average(u64::MAX, WeightedExponential) > 7.0);
    window.resize(8, u64::MAX);
    assert!(near(window.average(u64::MAX, Linear), 4.0));
}

#[test]
fn the_newest_weighs_most_in_a_weighted_window() {
    let mut window = Window::new(4);
    window.record(100, 10.0);
    let share = 1.0 - 0.0001f64.powf(0.25);
    assert!(near(share, 0.9));
    assert!(near(window.average(100, WeightedExponential), 9.0));
    assert!(near(window.average(101, WeightedExponential), 0.9), "silence weighs like zeros");
    window.record(101, 20.0);
    assert!(near(window.average(101, WeightedExponential), 18.9));
    assert!(near(window.average(103, WeightedExponential), 0.189));
    assert!(near(window.average(105, WeightedExponential), 0.0));
}

#[test]
fn a_long_weighted_window_gives_the_newest_second_a_fifth() {
    let mut window = Window::new(3600);
    window.record(100, 10.0);
    assert!(near(window.average(100, WeightedExponential), 2.0));
    window.record(101, 10.0);
    assert!(near(window.average(101, WeightedExponential), 3.6));
}
