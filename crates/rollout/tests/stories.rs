//! Releases from beginning to end, and what holds at every moment of any release.

use std::time::Duration;

use api::rollout::{Action, ActionKind, Phase};
use api::{Rollout, RolloutStatus};
use jiff::Timestamp;
use proptest::prelude::*;
use rollout::{Facts, Note, Spec, Tally, advance, is_live};
use serde_json::json;

/// An app whose release is looked at every second.
struct App {
    spec: Spec,
    status: RolloutStatus,
    facts: Facts<'static>,
    action: Option<Action>,
    told: Vec<Note>,
    /// Requests of the candidate in a second, and how many of these fail.
    load: (u64, u64),
    step: Option<String>,
}

impl App {
    fn new(spec: serde_json::Value) -> Self {
        let spec = Spec::from(&serde_json::from_value::<Rollout>(spec).expect("valid"));
        let facts =
            Facts { stable: Some("v1"), latest: Some("v1"), max: 10, stable_pods: 1, ready: 1, ..Facts::default() };
        let status = RolloutStatus::default();
        let mut app = Self { spec, status, facts, action: None, told: vec![], load: (0, 0), step: None };
        app.look();
        app
    }

    fn look(&mut self) {
        let outcome = advance(&self.spec, self.action.as_ref(), &self.status, &self.facts);
        // As it comes back from the API server.
        let text = serde_json::to_string(&outcome.status).expect("JSON");
        self.status = serde_json::from_str(&text).expect("JSON");
        self.told.extend(outcome.notes);
        let step = self.status.step_since.as_ref().map(|since| since.0.to_string());
        if step != self.step {
            (self.facts.candidate_did, self.step) = (Tally::default(), step);
        }
        self.facts.stable = self.status.stable.as_deref().map(leaked);
    }

    /// Lets seconds pass.
    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.facts.now += Duration::from_secs(1);
            if self.status.percent > 0 {
                self.facts.candidate_did.requests += self.load.0;
                self.facts.candidate_did.errors += self.load.1;
            }
            self.look();
        }
    }

    fn release(&mut self, revision: &'static str) {
        self.facts.latest = Some(revision);
        self.look();
    }

    fn act(&mut self, kind: ActionKind, token: &str) {
        self.action = Some(Action { kind, revision: None, token: token.to_owned() });
        self.look();
    }

    fn stands(&self) -> (&str, Option<Phase>, u32) {
        (self.status.stable.as_deref().unwrap_or(""), self.status.phase, self.status.percent)
    }

    fn reasons(&self) -> Vec<&str> {
        self.told.iter().map(|note| note.reason).collect()
    }
}

fn leaked(text: &str) -> &'static str {
    ["v1", "v2", "v3"].into_iter().find(|name| *name == text).expect("one of three")
}

fn gradual() -> App {
    let analysis = json!({ "interval": "10s", "minRequests": 20, "maxErrorRate": "5%" });
    App::new(json!({ "strategy": "Gradual", "window": "120s", "steps": [10, 50], "analysis": analysis }))
}

#[test]
fn a_good_one_is_promoted_after_its_window() {
    let mut app = gradual();
    app.load = (2, 0);
    app.release("v2");
    assert_eq!(app.stands(), ("v1", Some(Phase::Progressing), 10));
    app.pass(59);
    assert_eq!(app.status.percent, 10);
    app.pass(2);
    assert_eq!(app.status.percent, 50);
    app.pass(62);
    assert_eq!(app.stands(), ("v2", None, 0));
    assert_eq!(app.reasons(), ["ReleaseBegun", "RolloutStep", "RolloutStep", "Promoted"]);
    assert!(
        app.told[2].text.starts_with("10 % → 50 %: 1") && app.told[2].text.ends_with("0 % errors"),
        "{:?}",
        app.told
    );
}

#[test]
fn a_bad_one_is_withdrawn_after_its_second_failing_check() {
    let mut app = gradual();
    app.load = (5, 1);
    app.release("v2");
    app.pass(10);
    assert_eq!((app.status.failures, app.status.percent), (1, 10));
    app.pass(10);
    assert_eq!(app.stands(), ("v1", Some(Phase::Failed), 0));
    let told = app.told.last().expect("told");
    assert!(told.warning && told.text.contains("20 of 100 requests failed, at most 5 % may"), "{told:?}");
    app.pass(300);
    assert_eq!(app.stands(), ("v1", Some(Phase::Failed), 0), "and stays so");
    app.act(ActionKind::Resume, "again");
    assert_eq!(app.stands(), ("v1", Some(Phase::Progressing), 10), "until a person tries anew");
}

#[test]
fn without_requests_it_waits_and_says_so() {
    let mut app = gradual();
    app.release("v2");
    app.pass(600);
    assert_eq!(app.stands(), ("v1", Some(Phase::WaitingForTraffic), 10));
    assert_eq!(app.status.message.as_deref(), Some("0 of 20 requests that a check needs (minRequests)"));
    assert_eq!(app.reasons().iter().filter(|r| **r == "WaitingForTraffic").count(), 1);
    app.load = (2, 0);
    app.pass(20);
    assert_eq!(app.status.percent, 50, "enough came");
}

#[test]
fn without_requests_it_goes_on_or_ends_where_that_is_asked_for() {
    for (no_data, phase) in [("Advance", None), ("Abort", Some(Phase::Failed))] {
        let analysis = json!({ "minRequests": 20, "noData": no_data, "failureLimit": 1 });
        let mut app =
            App::new(json!({ "strategy": "Gradual", "window": "120s", "steps": [10, 50], "analysis": analysis }));
        app.release("v2");
        app.pass(200);
        assert_eq!(app.status.phase, phase, "{no_data}");
    }
}

#[test]
fn one_failing_check_between_good_ones_ends_nothing() {
    let mut app = gradual();
    app.release("v2");
    app.load = (3, 1);
    app.pass(10);
    assert_eq!(app.status.failures, 1);
    app.load = (50, 0);
    app.pass(20);
    assert_eq!((app.status.failures, app.status.percent), (0, 10));
}

#[test]
fn a_step_waits_for_its_pods() {
    let mut app = gradual();
    app.load = (2, 0);
    app.facts.stable_pods = 8;
    app.release("v2");
    app.pass(70);
    assert_eq!(app.stands(), ("v1", Some(Phase::WaitingForCapacity), 10));
    assert_eq!((app.status.pods, app.status.message.as_deref()), (4, Some("1 of 4 pods for 50 % are ready")));
    app.facts.ready = 4;
    app.look();
    assert_eq!(app.status.percent, 50);
}

#[test]
fn before_its_first_pods_it_gets_nothing() {
    let mut app = App::new(json!({ "strategy": "Gradual", "prewarm": 2 }));
    app.release("v2");
    app.pass(5);
    assert_eq!((app.stands(), app.status.pods), (("v1", Some(Phase::Warming), 0), 2));
    app.facts.ready = 2;
    app.pass(1);
    assert_eq!(app.stands(), ("v1", Some(Phase::Progressing), 1));
}

#[test]
fn a_third_version_takes_the_place_of_the_second() {
    let mut app = gradual();
    app.load = (2, 0);
    app.release("v2");
    app.pass(90);
    app.release("v3");
    assert_eq!((app.stands(), app.status.candidate.as_deref()), (("v1", Some(Phase::Progressing), 10), Some("v3")));
    assert!(app.reasons().contains(&"Superseded"));
}

#[test]
fn going_back_takes_no_window() {
    let mut app = gradual();
    app.release("v2");
    app.pass(30);
    app.release("v1");
    assert_eq!((app.stands(), app.status.candidate.as_deref()), (("v1", None, 0), None), "what still serves");
    let mut app = gradual();
    (app.facts.is_rollback, app.facts.stable) = (true, Some("v2"));
    app.look();
    assert_eq!(app.stands(), ("v1", None, 0), "what served once");
}

#[test]
fn immediate_and_manual() {
    let mut app = App::new(json!({}));
    app.release("v2");
    assert_eq!(app.stands(), ("v2", None, 0));
    let mut app = App::new(json!({ "strategy": "Manual" }));
    app.release("v2");
    app.pass(9_000);
    assert_eq!(app.stands(), ("v1", Some(Phase::WaitingForPromotion), 0));
    app.act(ActionKind::Promote, "go");
    assert_eq!(app.stands(), ("v2", None, 0));
}

#[test]
fn a_pause_costs_no_time_of_the_step() {
    let mut app = gradual();
    app.load = (2, 0);
    app.release("v2");
    app.pass(30);
    app.act(ActionKind::Pause, "1");
    app.pass(500);
    assert_eq!(app.stands(), ("v1", Some(Phase::Paused), 10));
    app.act(ActionKind::Resume, "2");
    app.pass(28);
    assert_eq!(app.status.percent, 10);
    app.pass(4);
    assert_eq!(app.status.percent, 50);
}

#[test]
fn an_action_is_done_once_and_for_the_revision_it_names() {
    let mut app = gradual();
    app.release("v2");
    app.act(ActionKind::Abort, "1");
    assert_eq!(app.stands(), ("v1", Some(Phase::Aborted), 0));
    app.release("v3");
    app.pass(2);
    assert_eq!(app.stands(), ("v1", Some(Phase::Progressing), 10), "the same action is for the one before");
    app.action = Some(Action { kind: ActionKind::Promote, revision: Some("v2".into()), token: "2".into() });
    app.look();
    assert_eq!((app.stands().2, app.status.action_token.as_deref()), (10, Some("2")));
}

#[test]
fn it_can_stop_instead_of_going_back() {
    let analysis = json!({ "interval": "10s", "minRequests": 20, "maxErrorRate": "5%" });
    let mut app = App::new(json!({ "strategy": "Gradual", "analysis": analysis, "onFailure": "Pause" }));
    app.load = (5, 1);
    app.release("v2");
    app.pass(60);
    assert_eq!(app.stands(), ("v1", Some(Phase::Paused), 1));
    assert!(app.status.message.as_deref().is_some_and(|m| m.contains("maxErrorRate")));
}

/// What may happen between two looks.
#[derive(Debug, Clone)]
enum Turn {
    Pass(u32),
    Load(u64, u64),
    Pods(u32, u32),
    Release(usize),
    Act(ActionKind, u8),
}

fn turn() -> impl Strategy<Value = Turn> {
    use ActionKind::{Abort, Pause, Promote, Resume};
    prop_oneof![
        6 => (1u32..40).prop_map(Turn::Pass),
        2 => (0u64..9, 0u64..3).prop_map(|(n, e)| Turn::Load(n, e.min(n))),
        2 => (0u32..6, 0u32..6).prop_map(|(s, r)| Turn::Pods(s, r)),
        1 => (0usize..3).prop_map(Turn::Release),
        1 => (proptest::sample::select(vec![Promote, Abort, Pause, Resume]), 0u8..9).prop_map(|(k, t)| Turn::Act(k, t)),
    ]
}

fn play(app: &mut App, turn: &Turn) {
    match *turn {
        Turn::Pass(seconds) => app.pass(seconds),
        Turn::Load(requests, errors) => app.load = (requests, errors),
        Turn::Pods(stable, ready) => {
            (app.facts.stable_pods, app.facts.ready) = (stable, ready);
            app.look();
        }
        Turn::Release(which) => app.release(["v1", "v2", "v3"][which]),
        Turn::Act(kind, token) => app.act(kind, &token.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_repeats_or_skips(turns in proptest::collection::vec(turn(), 1..60)) {
        let mut app = gradual();
        for turn in &turns {
            let (before, told) = (app.status.clone(), app.told.len());
            let single = matches!(turn, Turn::Pass(1) | Turn::Release(_) | Turn::Act(..));
            play(&mut app, turn);
            let now = &app.status;
            prop_assert_eq!(now.percent > 0, is_live(now) && now.step > 0, "{:?}", now);
            prop_assert!(now.percent == 0 || now.percent == app.spec.steps[now.step as usize - 1]);
            prop_assert!(!single || now.candidate != before.candidate || now.step <= before.step + 1, "skipped");
            prop_assert!(now.candidate != now.stable);
            if now.stable != before.stable {
                let reasons = app.reasons();
                prop_assert!(reasons[told..].iter().any(|r| ["Promoted", "RolledBack"].contains(r)), "{:?}", reasons);
            }
            // Whoever looks again, also after a new start, finds nothing more to do.
            let again = advance(&app.spec, app.action.as_ref(), &app.status, &app.facts);
            prop_assert_eq!(&again.status, now);
            prop_assert_eq!(again.notes, vec![]);
        }
    }

    #[test]
    fn a_window_is_never_shorter_than_asked(loads in proptest::collection::vec(0u64..9, 1..40)) {
        let mut app = gradual();
        app.release("v2");
        let began = app.facts.now;
        for load in loads {
            app.load = (load, 0);
            app.pass(7);
            if app.status.candidate.is_none() {
                prop_assert!(app.facts.now.duration_since(began).as_secs() >= 120);
                return Ok(());
            }
        }
    }
}

#[test]
fn it_says_when_to_look_again() {
    let mut app = gradual();
    app.facts.latest = Some("v2");
    let outcome = advance(&app.spec, None, &app.status, &app.facts);
    assert_eq!(outcome.again, Some(Duration::from_secs(10)), "the first check");
    app.spec.analysis = None;
    let outcome = advance(&app.spec, None, &app.status, &app.facts);
    assert_eq!(outcome.again, Some(Duration::from_mins(1)), "the end of the step");
    assert_eq!(app.spec.strategy, api::rollout::Strategy::Gradual);
    assert_eq!(app.facts.now, Timestamp::UNIX_EPOCH);
}
