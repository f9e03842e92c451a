//! What an app wants, what the cluster says where it wants nothing, and what neither says: the spec of its scaler.

use std::time::Duration;

use api::scaling::{self as wish, Scaling, duration};
use scaling::{Aggregation, Metric, Spec};

use crate::Settings;

/// How a revision with this hard limit of one pod (0: none) may scale.
pub fn spec(app: &Scaling, settings: &Settings, concurrency_limit: u32) -> Spec {
    let wish = wish_of(app, &settings.defaults);
    let default = Spec::of(metric(&wish));
    let (burst, rates) = (wish.burst.clone().unwrap_or_default(), wish.rates.clone().unwrap_or_default());
    // A minimum that the app names goes before a maximum that it does not.
    let named = app.schedules.iter().map(|schedule| schedule.min).chain(wish.min).max().unwrap_or(0);
    let max = app.max.unwrap_or_else(|| wish.max.unwrap_or(default.max).max(named));
    let max = settings.limits.max.map_or(max, |limit| max.min(limit));
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Spec {
        min: wish.min.unwrap_or(default.min).min(max),
        max,
        initial: wish.initial.unwrap_or(default.initial).min(max),
        activation: wish.activation.unwrap_or(default.activation).min(max),
        target: target(wish.target.unwrap_or(default.target), default.metric, concurrency_limit),
        utilization: match wish.utilization_percent {
            Some(percent) if !default.metric.is_resource() => f64::from(percent) / 100.0,
            _ => default.utilization,
        },
        window_s: duration(wish.window).map_or(default.window_s, seconds),
        aggregation: wish.aggregation.map_or(default.aggregation, aggregation),
        burst_window_percent: burst.window_percent.unwrap_or(default.burst_window_percent),
        burst_threshold_percent: burst.threshold_percent.unwrap_or(default.burst_threshold_percent),
        up_rate: rates.up.unwrap_or(default.up_rate),
        down_rate: rates.down.unwrap_or(default.down_rate),
        scale_down_delay: duration(wish.scale_down_delay).unwrap_or(default.scale_down_delay),
        zero_grace: duration(wish.zero_grace).unwrap_or(default.zero_grace),
        zero_retention: duration(wish.zero_retention).unwrap_or(default.zero_retention),
        ..default
    }
}

/// What the app wants, or else the cluster. A target is in the unit of its metric: that of the cluster says nothing to an
/// app that has chosen another.
fn wish_of(app: &Scaling, cluster: &Scaling) -> Scaling {
    let wish = app.or(cluster);
    if metric(&wish) == metric(cluster) {
        return wish;
    }
    Scaling { target: app.target, utilization_percent: app.utilization_percent, ..wish }
}

fn metric(wish: &Scaling) -> Metric {
    match wish.metric {
        None | Some(wish::Metric::Concurrency) => Metric::Concurrency,
        Some(wish::Metric::RequestRate) => Metric::RequestRate,
        Some(wish::Metric::Cpu) => Metric::Cpu,
        Some(wish::Metric::Memory) => Metric::Memory,
    }
}

fn aggregation(wish: wish::Aggregation) -> Aggregation {
    match wish {
        wish::Aggregation::Linear => Aggregation::Linear,
        wish::Aggregation::WeightedExponential => Aggregation::WeightedExponential,
    }
}

/// A pod cannot carry more at a time than it lets in (Knative: min(target, containerConcurrency)).
fn target(wanted: f64, metric: Metric, concurrency_limit: u32) -> f64 {
    match (metric, concurrency_limit) {
        (Metric::Concurrency, 1..) => wanted.min(f64::from(concurrency_limit)),
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(app: Value, defaults: Value, limit: Option<u32>) -> Spec {
        let read = |value| serde_json::from_value(value).expect("valid");
        let settings =
            Settings { defaults: read(defaults), limits: crate::Limits { max: limit }, ..Settings::default() };
        spec(&read(app), &settings, 0)
    }

    #[test]
    fn what_nobody_sets_is_as_in_the_scaling_crate() {
        assert_eq!(of(json!({}), json!({}), None), Spec::default());
        assert_eq!(of(json!({ "metric": "RequestRate" }), json!({}), None), Spec::of(Metric::RequestRate));
    }

    #[test]
    fn the_app_goes_before_the_cluster_field_by_field() {
        let app = json!({ "max": 5, "burst": { "windowPercent": 20 }, "rates": { "up": 3 } });
        let cluster = json!({ "max": 50, "target": 7, "window": "30s", "metric": "RequestRate",
            "burst": { "windowPercent": 30, "thresholdPercent": 300 }, "rates": { "down": 4 }, "aggregation": "WeightedExponential" });
        let expected = Spec {
            max: 5,
            target: 7.0,
            window_s: 30,
            burst_window_percent: 20.0,
            burst_threshold_percent: 300.0,
            up_rate: 3.0,
            down_rate: 4.0,
            aggregation: Aggregation::WeightedExponential,
            ..Spec::of(Metric::RequestRate)
        };
        assert_eq!(of(app, cluster, None), expected);
    }

    #[test]
    fn a_target_of_the_clusters_is_for_the_metric_that_it_is_of() {
        let cluster = json!({ "target": 7, "utilizationPercent": 50, "scaleDownDelay": "1m" });
        let minute = Duration::from_mins(1);
        for (name, metric) in [("CPU", Metric::Cpu), ("Memory", Metric::Memory), ("RequestRate", Metric::RequestRate)] {
            let expected = Spec { scale_down_delay: minute, ..Spec::of(metric) };
            assert_eq!(of(json!({ "metric": name }), cluster.clone(), None), expected);
        }
        let same = of(json!({ "metric": "Concurrency" }), cluster, None);
        assert_eq!((same.target.to_string().as_str(), same.utilization.to_string().as_str()), ("7", "0.5"));
        let cluster = json!({ "metric": "CPU", "target": 30 });
        let measured = of(json!({ "utilizationPercent": 50 }), cluster, None);
        assert_eq!(measured, Spec { target: 30.0, ..Spec::of(Metric::Cpu) }, "a percentage of a percentage is none");
    }

    #[test]
    fn every_field_arrives() {
        let app = json!({ "min": 2, "max": 20, "initial": 3, "activation": 4, "metric": "RequestRate", "target": 5,
            "utilizationPercent": 60, "window": "61s", "aggregation": "WeightedExponential",
            "burst": { "windowPercent": 11, "thresholdPercent": 120 }, "rates": { "up": 12, "down": 13 },
            "scaleDownDelay": "14s", "zeroGrace": "15s", "zeroRetention": "16s" });
        let expected = Spec {
            min: 2,
            max: 20,
            initial: 3,
            activation: 4,
            metric: Metric::RequestRate,
            target: 5.0,
            utilization: 0.6,
            window_s: 61,
            aggregation: Aggregation::WeightedExponential,
            burst_window_percent: 11.0,
            burst_threshold_percent: 120.0,
            up_rate: 12.0,
            down_rate: 13.0,
            scale_down_delay: Duration::from_secs(14),
            zero_grace: Duration::from_secs(15),
            zero_retention: Duration::from_secs(16),
            progress_deadline: Spec::default().progress_deadline,
        };
        assert_eq!(of(app.clone(), json!({}), None), expected);
        assert_eq!(of(json!({}), app, None), expected);
    }

    #[test]
    fn a_limit_lowers_whatever_is_above_it() {
        let limited = of(json!({ "min": 30, "max": 40, "initial": 30, "activation": 30 }), json!({}), Some(8));
        assert_eq!((limited.min, limited.max, limited.initial, limited.activation), (8, 8, 8, 8));
        assert_eq!(of(json!({}), json!({}), Some(80)).max, 10);
    }

    #[test]
    fn a_minimum_alone_raises_the_maximum_that_nobody_set() {
        let raised = of(json!({ "min": 30 }), json!({}), None);
        assert_eq!((raised.min, raised.max), (30, 30));
        let schedule = json!({ "start": "08:00", "end": "18:00", "min": 40 });
        let raised = of(json!({ "min": 30, "schedules": [schedule] }), json!({}), None);
        assert_eq!((raised.min, raised.max), (30, 40));
        let raised = of(json!({ "min": 30 }), json!({ "max": 3 }), None);
        assert_eq!((raised.min, raised.max), (30, 30));
    }

    #[test]
    fn a_pod_is_not_aimed_at_more_than_it_lets_in() {
        let app = |metric: &str| serde_json::from_value(json!({ "metric": metric, "target": 50 })).expect("valid");
        assert_eq!(spec(&app("Concurrency"), &Settings::default(), 8).target.to_string(), "8");
        assert_eq!(spec(&app("RequestRate"), &Settings::default(), 8).target.to_string(), "50");
    }
}
