//! `spec.rollout` with its defaults filled in and its texts read.

use std::time::Duration;

use api::Rollout;
use api::rollout::{self as wish, NoData, OnFailure, Strategy};

/// How the latest revision takes over.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// At once, by steps, or when a person says so.
    pub strategy: Strategy,
    /// From the first share to promotion.
    pub window: Duration,
    /// Shares in percent, rising, without the 100 at the end.
    pub steps: Vec<u32>,
    /// What must hold.
    pub analysis: Option<Analysis>,
    /// What follows when it does not.
    pub on_failure: OnFailure,
    /// Pods of the new revision before its first share.
    pub prewarm: u32,
}

/// What must hold of the new revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Between two checks.
    pub interval: Duration,
    /// Requests below which there is no data.
    pub min_requests: u64,
    /// What follows without data.
    pub no_data: NoData,
    /// Most that may fail, as a part of 1.
    pub max_error_rate: Option<f64>,
    /// Longest 99th percentile.
    pub max_p99: Option<Duration>,
    /// How much more may fail than of the stable one, as a part of 1.
    pub more_errors: Option<f64>,
    /// How many times the stable one's 99th percentile is allowed.
    pub times_p99: Option<f64>,
    /// Failing checks in a row that end the release.
    pub failure_limit: u32,
}

impl Spec {
    /// Time of each step.
    pub fn step_time(&self) -> Duration {
        self.window / u32::try_from(self.steps.len()).unwrap_or(u32::MAX).max(1)
    }
}

impl From<&Rollout> for Spec {
    fn from(given: &Rollout) -> Self {
        Self {
            strategy: given.strategy.unwrap_or_default(),
            window: given.window.map_or(Duration::from_hours(2), Into::into),
            steps: given.steps.clone().unwrap_or_else(|| std::iter::once(1).chain((10..100).step_by(10)).collect()),
            analysis: given.analysis.as_ref().map(Analysis::from),
            on_failure: given.on_failure.unwrap_or_default(),
            prewarm: given.prewarm.unwrap_or(1),
        }
    }
}

impl From<&wish::Analysis> for Analysis {
    fn from(given: &wish::Analysis) -> Self {
        let vs = given.vs_stable.clone().unwrap_or_default();
        Self {
            interval: given.interval.map_or(Duration::from_secs(30), Into::into),
            min_requests: given.min_requests.unwrap_or(50).into(),
            no_data: given.no_data.unwrap_or_default(),
            max_error_rate: given.max_error_rate.as_deref().and_then(percentage),
            max_p99: given.max_p99.map(Into::into),
            more_errors: vs.error_rate.as_deref().and_then(percentage),
            times_p99: vs.p99.as_deref().and_then(|text| text.strip_prefix('x')?.parse().ok()),
            failure_limit: given.failure_limit.unwrap_or(2),
        }
    }
}

/// "1%", "+0.5%"; the CRD lets nothing else through.
fn percentage(text: &str) -> Option<f64> {
    let number: f64 = text.trim_start_matches('+').strip_suffix('%')?.parse().ok()?;
    Some(number / 100.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(given: serde_json::Value) -> Spec {
        Spec::from(&serde_json::from_value::<Rollout>(given).expect("valid"))
    }

    #[test]
    fn defaults() {
        let nothing = spec(json!({}));
        assert_eq!(nothing.strategy, Strategy::Immediate);
        assert_eq!(nothing.steps, [1, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!((nothing.window, nothing.step_time()), (Duration::from_hours(2), Duration::from_mins(12)));
        assert_eq!((nothing.prewarm, nothing.analysis), (1, None));
        let analysis = spec(json!({ "analysis": {} })).analysis.expect("given");
        assert_eq!((analysis.min_requests, analysis.failure_limit), (50, 2));
        assert_eq!(analysis.interval, Duration::from_secs(30));
    }

    #[test]
    fn texts_become_numbers() {
        let read = spec(json!({ "analysis": { "maxErrorRate": "1.5%", "maxP99": "500ms",
            "vsStable": { "errorRate": "+0.5%", "p99": "x1.5" } } }));
        let analysis = read.analysis.expect("given");
        assert_eq!(analysis.max_error_rate, Some(0.015));
        assert_eq!(analysis.max_p99, Some(Duration::from_millis(500)));
        assert_eq!((analysis.more_errors, analysis.times_p99), (Some(0.005), Some(1.5)));
    }
}
