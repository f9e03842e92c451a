//! What goes wrong, while somebody asks.

use std::time::Duration;

use jiff::SignedDuration;
use rand::RngExt;
use serde_json::{Value, json};
use testkit::Delay;
use testkit::api_server::faults::{Effect, Fault};
use tokio::time::sleep;

use super::{APP, Stage};
use crate::app::Behaviour;
use crate::world::{ACTIVATOR, NAMESPACE};

/// Requests in a second while things go wrong.
const ASKED: f64 = 12.0;
/// Long enough for windows and bursts to pass.
const STEADY: Duration = Duration::from_secs(24);

/// Pods that take up to a minute to start.
pub async fn slow_start(stage: &mut Stage) {
    let slow = Behaviour { start: Delay::between_ms(1_000, 45_000), ..Behaviour::default() };
    stage.open(slow, json!({ "max": 6, "target": 2 }), Value::Null).await;
    stage.clients.load(APP, ASKED, Duration::from_secs(90)).await;
}

/// An app that dies within seconds of its start, until a while later it does not.
pub async fn crash_loop(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({ "max": 4, "target": 2 }), Value::Null).await;
    let crashing = Behaviour { crash: Some(Delay::between_ms(10, 8_000)), ..Behaviour::default() };
    stage.world.set_behaviour(&format!("{APP}:1"), crashing);
    stage.clients.load(APP, ASKED / 4.0, Duration::from_mins(1)).await;
    stage.world.set_behaviour(&format!("{APP}:1"), Behaviour::default());
    // The longest back-off of those that crashed by then.
    sleep(Duration::from_secs(90)).await;
    stage.steady(4, 3, STEADY).await;
}

/// The API server is slow, refuses, loses answers, is away; then all is well.
pub async fn api_server(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({ "max": 6, "target": 2 }), Value::Null).await;
    let begin = stage.world.common().server.clock().elapsed();
    let during = |from: u64, until: u64| (begin + Duration::from_secs(from), begin + Duration::from_secs(until));
    let add = |effect: Effect, chance: f64, (from, until): (Duration, Duration)| {
        stage.world.common().server.add_fault(Fault::new(effect).chance(chance).during(from, until));
    };
    add(Effect::Slow(Delay::between_ms(10, 3_000)), 1.0, during(0, 30));
    add(Effect::TooManyRequests(Duration::from_secs(1)), 0.4, during(20, 50));
    add(Effect::LoseAnswer, 0.2, during(40, 60));
    add(Effect::InternalError, 0.3, during(50, 70));
    let away = stage.random.random_range(75..90);
    add(Effect::Away, 1.0, during(away, away + stage.random.random_range(3..20)));
    add(Effect::BreakWatch(Delay::between_ms(100, 5_000)), 0.5, during(60, 100));
    for _ in 0..12 {
        let quiet = stage.random.random_range(0..12);
        stage.clients.load(APP, ASKED, Duration::from_secs(4)).await;
        sleep(Duration::from_secs(quiet)).await;
    }
    stage.world.mend_api_server();
    stage.steady(4, 3, STEADY).await;
}

/// The leader dies, is cut off from the API server, or goes in order: again and again, while somebody asks.
pub async fn leader_loss(stage: &mut Stage) {
    let least = stage.random.random_range(0..2);
    stage.open(Behaviour::default(), json!({ "min": least, "max": 6, "target": 2 }), Value::Null).await;
    for _ in 0..3 {
        let before = stage.random.random_range(1..15);
        stage.clients.load(APP, ASKED, Duration::from_secs(before)).await;
        stage.lose_leader();
        stage.clients.load(APP, ASKED, Duration::from_secs(20)).await;
        // Long enough to fall asleep: the next wake may meet no leader.
        sleep(Duration::from_secs(stage.random.random_range(0..25))).await;
    }
    stage.steady(4, 3, STEADY).await;
}

/// Activators die or go in order, one after another.
pub async fn activator_loss(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({ "max": 6, "target": 2 }), Value::Null).await;
    for _ in 0..3 {
        let before = stage.random.random_range(1..15);
        stage.clients.load(APP, ASKED, Duration::from_secs(before)).await;
        stage.lose_activator();
        stage.clients.load(APP, ASKED, Duration::from_secs(10)).await;
        sleep(Duration::from_secs(stage.random.random_range(0..25))).await;
    }
    stage.steady(4, 3, STEADY).await;
}

/// The wall clock jumps, by seconds and by years.
pub async fn clock_steps(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({ "max": 6, "target": 2 }), Value::Null).await;
    for _ in 0..4 {
        stage.clients.load(APP, ASKED, Duration::from_secs(stage.random.random_range(2..10))).await;
        let far = [60, 3_600, 86_400, 86_400 * 365][stage.random.random_range(0..4)];
        let by = SignedDuration::from_secs(stage.random.random_range(-far..far));
        stage.world.journal().note(format_args!("the wall clock jumps by {by}"));
        stage.world.common().clock.step(by);
        sleep(Duration::from_secs(stage.random.random_range(0..20))).await;
    }
    stage.steady(4, 3, STEADY).await;
}

impl Stage {
    pub(super) fn lose_leader(&mut self) {
        let Some(leader) = self.world.leader() else { return };
        match self.random.random_range(0..3) {
            0 => self.world.crash(&leader),
            1 => self.world.delete_pod(NAMESPACE, &leader, 30),
            _ => {
                let server = &self.world.common().server;
                let (now, length) = (server.clock().elapsed(), self.random.random_range(5..20));
                self.world.journal().note(format_args!("{leader} does not reach the API server for {length} s"));
                let until = now + Duration::from_secs(length);
                server.add_fault(Fault::new(Effect::Away).user(&leader).during(now, until));
            }
        }
    }

    fn lose_activator(&mut self) {
        let activators = self.world.processes(ACTIVATOR);
        if activators.is_empty() {
            return;
        }
        let (name, _) = &activators[self.random.random_range(0..activators.len())];
        match self.random.random_range(0..3) {
            0 => self.world.crash(name),
            1 => self.world.delete_pod(NAMESPACE, name, 310),
            _ => self.world.delete_pod(NAMESPACE, name, 0),
        }
    }
}
