//! Loads without faults.

use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};

use super::{APP, Stage};
use crate::app::Behaviour;
use crate::clients::Outcome;

/// A new app sleeps, and one request wakes it.
pub async fn wake(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({}), Value::Null).await;
    let world = stage.world.clone();
    world.until("the new app sleeps", super::TO_ZERO, || !world.has_pods()).await;
    stage.clients.ask(APP);
    stage.clients.done().await;
    stage.expect_answered(1);
}

/// From nothing to a thousand requests in a second.
pub async fn spike(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({ "max": 20, "target": 10 }), Value::Null).await;
    for _ in 0..100 {
        (0..10).for_each(|_| stage.clients.ask(APP));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.clients.done().await;
    stage.expect_answered(1_000);
}

/// Load that comes and goes as long as the window is.
pub async fn sawtooth(stage: &mut Stage) {
    let least = stage.random.random_range(0..3);
    stage.open(Behaviour::default(), json!({ "min": least, "max": 10, "target": 2 }), Value::Null).await;
    for _ in 0..3 {
        stage.clients.load(APP, 30.0, Duration::from_secs(6)).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    stage.steady(4, 3, Duration::from_secs(24)).await;
}

/// Twenty-four hours, each of them a quarter of a minute.
pub async fn day(stage: &mut Stage) {
    stage.open(Behaviour::default(), json!({ "max": 8, "target": 1 }), Value::Null).await;
    for hour in 0..24_u32 {
        let height = (1.0 - (f64::from(hour) / 24.0 * std::f64::consts::TAU).cos()) / 2.0;
        let chance = stage.random.random_range(0.7..1.3);
        let rate = if hour < 5 { 0.02 } else { height * 10.0 * chance };
        stage.clients.load(APP, rate, Duration::from_secs(15)).await;
    }
}

impl Stage {
    /// At least so many requests, and every one of them answered: nothing went wrong here.
    fn expect_answered(&self, least: u64) {
        let (answered, all) = (self.clients.count(|end| *end == Outcome::Answered), self.clients.count(|_| true));
        if answered < least || answered < all {
            self.world.journal().violation(format_args!("{answered} of {all} requests were answered"));
        }
    }
}
