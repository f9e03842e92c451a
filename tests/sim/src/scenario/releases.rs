//! A second version takes over step by step, while leaders are lost.

use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};
use testkit::Delay;

use super::{APP, Stage};
use crate::app::{Behaviour, Fails};
use crate::clients::Outcome;
use crate::world::template;

/// Shares of the new version.
const STEPS: [u64; 3] = [10, 30, 60];
/// Time of each step, in seconds.
const STEP_SECONDS: u64 = 12;
/// Requests in a second.
const ASKED: f64 = 12.0;
/// A leader that is lost, checks that come later for it, pods that have to start: no release takes longer.
const SECONDS_MAX: u32 = 400;
/// Marks of time in status are whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// How the release was seen to go on.
#[derive(Debug, Default)]
struct Course {
    percents: Vec<u64>,
    since: Option<tokio::time::Instant>,
    lost: u32,
}

/// Ends promoted, whoever is lost on the way.
pub async fn good(stage: &mut Stage) {
    let course = stage.release(Fails::Never, ASKED).await;
    stage.expect(&course, "promoted", course.percents == [0, 10, 30, 60, 100]);
    stage.expect(&course, "free of errors", stage.clients.count(|outcome| *outcome == Outcome::Failed) == 0);
}

/// Ends withdrawn, at its first share.
pub async fn bad(stage: &mut Stage) {
    let course = stage.release(Fails::Percent(40), ASKED).await;
    stage.expect(&course, "withdrawn", course.percents.ends_with(&[0]) && !course.percents.contains(&60));
    let (all, failed) = (stage.clients.count(|_| true), stage.clients.count(|outcome| *outcome == Outcome::Failed));
    stage.expect(&course, "met by its share alone", failed * 100 <= all * STEPS[1]);
}

/// Waits at its first share until somebody comes.
pub async fn silent(stage: &mut Stage) {
    let course = stage.release(Fails::Never, 0.0).await;
    stage.expect(&course, "waiting for traffic", course.percents == [0, 10] && stage.phase() == "WaitingForTraffic");
    let course = stage.follow(course, ASKED).await;
    stage.expect(&course, "promoted", course.percents == [0, 10, 30, 60, 100]);
}

/// Comes to one of the two ends.
pub async fn flapping(stage: &mut Stage) {
    let seconds = stage.random.random_range(2..15);
    let course = stage.release(Fails::Flapping(seconds), ASKED).await;
    stage.expect(&course, "at an end", course.percents.ends_with(&[0]) || course.percents.ends_with(&[100]));
}

impl Stage {
    /// Opens the app, changes its image for one that fails so, and follows the release.
    async fn release(&mut self, fails: Fails, asked: f64) -> Course {
        let analysis = json!({ "interval": "3s", "minRequests": 8, "maxErrorRate": "10%", "failureLimit": 2 });
        let window = format!("{}s", STEP_SECONDS * STEPS.len() as u64);
        let rollout = json!({ "strategy": "Gradual", "window": window, "steps": STEPS, "analysis": analysis });
        let behaviour = Behaviour { work: Delay::ms(50), ..Behaviour::default() };
        self.open(behaviour, json!({ "max": 6, "target": 2 }), json!({ "rollout": rollout })).await;
        self.clients.load(APP, asked, Duration::from_secs(5)).await;
        let image = format!("{APP}:2");
        self.world.set_behaviour(&image, Behaviour { fails, ..behaviour });
        self.world.change_app(APP, json!({ "template": template(&image) }));
        self.follow(Course::default(), asked).await
    }

    /// Asks and looks until the release is over, or waits for somebody who does not come.
    async fn follow(&mut self, mut course: Course, asked: f64) -> Course {
        for _ in 0..SECONDS_MAX * 5 {
            self.clients.load(APP, asked, Duration::from_millis(200)).await;
            self.look(&mut course);
            let ended = self.is("Promoted") || matches!(self.phase().as_str(), "Failed" | "Aborted");
            // Until the second version is ready, the first one is all that was ever promised.
            let over = ended && !course.percents.is_empty();
            if over || (asked == 0.0 && self.phase() == "WaitingForTraffic") {
                break;
            }
        }
        course
    }

    /// Notes a share that is new: it must be the next one, and not too soon.
    fn look(&mut self, course: &mut Course) {
        let Some(percent) = self.share_of_second() else { return };
        let last = course.percents.last().copied();
        if last == Some(percent) {
            return;
        }
        let order = [&[0], &STEPS[..], &[100]].concat();
        let place = |percent| order.iter().position(|p| *p == percent);
        let is_next = match last.and_then(place) {
            None => percent == 0 || percent == STEPS[0],
            Some(last) => percent == 0 || place(percent) == Some(last + 1),
        };
        self.expect(course, &format!("at a step that follows {last:?}, not at {percent}"), is_next);
        let held = course.since.map(|since| since.elapsed() + ROUNDING);
        let soon = held.is_some_and(|held| held < Duration::from_secs(STEP_SECONDS)) && last > Some(0) && percent > 0;
        self.expect(course, &format!("in each step for its time, not for {held:?}"), !soon);
        if last.is_none() && percent > 0 {
            course.percents.push(0);
        }
        course.percents.push(percent);
        course.since = Some(tokio::time::Instant::now());
        // At most at each step one, and never at all in half of the runs.
        if self.world.seed.stream("lose").random_bool(0.5) && self.random.random_bool(0.7) {
            course.lost += 1;
            self.lose_leader();
        }
    }

    /// What the second revision gets, once there is one.
    fn share_of_second(&self) -> Option<u64> {
        let app = self.world.app(APP);
        let second = app["status"]["latestReadyRevision"].as_str().filter(|name| name.ends_with("-00002"))?;
        let traffic = app["status"]["traffic"].as_array()?;
        Some(traffic.iter().filter(|t| t["revision"] == second).filter_map(|t| t["percent"].as_u64()).sum())
    }

    fn rollout(&self) -> Value {
        self.world.app(APP)["status"]["rollout"].clone()
    }

    fn phase(&self) -> String {
        self.rollout()["phase"].as_str().unwrap_or_default().to_owned()
    }

    fn expect(&self, course: &Course, what: &str, holds: bool) {
        if !holds {
            let rollout = self.rollout();
            self.world.journal().violation(format_args!("the release is not {what}: {course:?}, {rollout}"));
        }
    }
}
