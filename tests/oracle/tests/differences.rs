//! Where our decision is another one than Knative's on purpose, and both of them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use oracle::knative::{Knative, build};
use oracle::ours;
use oracle::trace::{Answer, Event, Trace, What, first_difference};
use scaling::{Aggregation, Decision, Input, Reason, Scaler, Spec};

const SECOND: i64 = 1000;

fn knative(trace: &Trace) -> Vec<Answer> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("built"));
    Knative::start(program).expect("started").decide(trace).expect("an answer")
}

/// A load each second from 0 on, and then ticks at these seconds.
fn trace(specs: Vec<Spec>, loads: &[f64], ticks: &[i64], ready: u32) -> Trace {
    let observe = |(second, load): (i64, &f64)| {
        let at_ms = second * SECOND;
        Event { at_ms, what: What::Observe { of_ms: at_ms, load: *load } }
    };
    let tick = |second: &i64| Event { at_ms: second * SECOND, what: What::Tick { ready, routed: true } };
    let events = (0..).zip(loads).map(observe).chain(ticks.iter().map(tick)).collect();
    Trace { specs, events }
}

fn desired(answers: &[Answer]) -> Vec<u32> {
    answers.iter().map(|answer| answer.desired).collect()
}

fn decide(scaler: &mut Scaler, second: u64, pods: u32) -> Decision {
    let input =
        Input { ready: pods, reporting: pods, desired_now: pods, routed: true, settled: true, ..Input::default() };
    scaler.decide(Duration::from_secs(second), input)
}

#[test]
fn after_a_restart_knative_holds_what_is_ready_and_we_know_the_past() {
    let spec = Spec { window_s: 10, ..Spec::default() };
    let mut story = trace(vec![spec], &[70.0; 10], &[], 1);
    story.events.push(Event { at_ms: 10 * SECOND, what: What::Restart { ready: 8 } });
    for second in 10..24 {
        let at_ms = second * SECOND;
        story.events.push(Event { at_ms, what: What::Observe { of_ms: at_ms, load: 70.0 } });
        story.events.push(Event { at_ms, what: What::Tick { ready: 8, routed: true } });
    }
    let answers = knative(&story);
    assert!(answers[..11].iter().all(|answer| answer.desired == 8 && answer.panic), "{answers:?}");
    assert_eq!((answers[11].desired, answers[11].panic), (4, false), "a window after the restart");

    // Each sender begins a new stream with the seconds that it has already told.
    let mut scaler = Scaler::new(spec);
    (0..10).for_each(|second| scaler.observe(second, 70.0));
    let decision = decide(&mut scaler, 10, 8);
    assert_eq!((decision.desired, decision.record.burst_on), (4, false));
}

#[test]
fn a_window_that_is_silent_for_its_length_is_a_zero_to_knative_and_no_data_to_us() {
    let spec = Spec { window_s: 6, ..Spec::default() };
    let answers = knative(&trace(vec![spec], &[700.0], &[5, 6, 7], 8));
    assert_eq!(answers.iter().map(|answer| answer.valid).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(desired(&answers[..2]), [10, 4]);
    let mut scaler = Scaler::new(spec);
    scaler.observe(0, 700.0);
    let decisions = [5, 6, 7].map(|second| decide(&mut scaler, second, 8));
    assert_eq!(decisions.map(|decision| decision.desired), [10, 8, 8]);
    assert_eq!(decisions.map(|decision| decision.reason), [Reason::Load, Reason::Unreported, Reason::Unreported]);
}

/// The settings that Knative reads once, when it first hears of a revision.
fn changed_at(second: i64, from: Spec, to: Spec, loads: &[f64], ticks: &[i64]) -> Trace {
    let mut story = trace(vec![from, to], loads, ticks, 8);
    story.events.push(Event { at_ms: second * SECOND, what: What::Configure(1) });
    story.events.sort_by_key(|event| event.at_ms);
    story
}

#[test]
fn a_changed_delay_is_in_force_at_once() {
    let from = Spec { window_s: 6, down_rate: 10.0, max: 0, ..Spec::default() };
    let to = Spec { scale_down_delay: Duration::from_mins(1), ..from };
    let loads = [560.0, 560.0, 560.0, 560.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let story = changed_at(2, from, to, &loads, &[3, 11]);
    assert_eq!(desired(&knative(&story)), [8, 0]);
    assert_eq!(desired(&ours::decide(&story)), [8, 8]);
}

#[test]
fn a_changed_aggregation_is_in_force_at_once() {
    let from = Spec { window_s: 6, ..Spec::default() };
    let to = Spec { aggregation: Aggregation::WeightedExponential, ..from };
    let story = changed_at(3, from, to, &[70.0, 0.0, 0.0, 0.0], &[2, 4]);
    let (knative, ours) = (knative(&story), ours::decide(&story));
    assert_eq!(first_difference(&knative, &ours), Some(1));
    assert_eq!(knative[1].stable.to_string(), "17.5");
    assert!(ours[1].stable < 1.0, "{ours:?}");
}
