//! The CRD's rules once more, for settings that no API server checks.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use api::Scaling;
use api::scaling::{Metric, duration};
use jiff::SignedDuration;

use crate::Limits;

const PODS: RangeInclusive<u32> = 1..=1000;
const RATE_MAX: f64 = 100_000.0;
const HOUR: Duration = Duration::from_hours(1);

/// Names the first field that is out of its range.
pub fn scaling(s: &Scaling) -> Result<(), String> {
    within("min", s.min, 0..=*PODS.end())?;
    within("max", s.max, PODS)?;
    within("initial", s.initial, PODS)?;
    within("activation", s.activation, PODS)?;
    within("target", s.target, 0.01..=100_000.0)?;
    within("utilizationPercent", s.utilization_percent, 1..=100)?;
    if let (Some(metric @ (Metric::Cpu | Metric::Memory)), Some(percent)) = (s.metric, s.utilization_percent) {
        let metric = metric.as_str();
        return Err(format!(
            "utilizationPercent is {percent}: must not be set with metric {metric}, for `target` is a percentage already"
        ));
    }
    for (name, pods) in [("min", s.min), ("initial", s.initial), ("activation", s.activation)] {
        if let (Some(pods), Some(max)) = (pods, s.max)
            && pods > max
        {
            return Err(format!("{name} is {pods}: must not be greater than `max`, which is {max}"));
        }
    }
    if let Some(burst) = &s.burst {
        within("burst.windowPercent", burst.window_percent, 1.0..=100.0)?;
        within("burst.thresholdPercent", burst.threshold_percent, 110.0..=1000.0)?;
    }
    if let Some(rates) = &s.rates {
        within("rates.down", rates.down, 1.0..=RATE_MAX)?;
        if let Some(up) = rates.up.filter(|up| !(*up > 1.0 && *up <= RATE_MAX)) {
            return Err(format!("rates.up is {up}: must be more than 1 and at most {RATE_MAX}"));
        }
    }
    time("window", duration(s.window), Duration::from_secs(6)..=HOUR)?;
    time("scaleDownDelay", duration(s.scale_down_delay), Duration::ZERO..=HOUR)?;
    time("zeroGrace", duration(s.zero_grace), Duration::ZERO..=24 * HOUR)?;
    time("zeroRetention", duration(s.zero_retention), Duration::ZERO..=HOUR)
}

/// Names the first field that is out of its range.
pub fn limits(limits: &Limits) -> Result<(), String> {
    within("max", limits.max, PODS)
}

/// Says when a value is out of its range.
pub fn within<T: PartialOrd + Display>(name: &str, value: Option<T>, range: RangeInclusive<T>) -> Result<(), String> {
    match value {
        Some(value) if !range.contains(&value) => {
            Err(format!("{name} is {value}: must be from {} to {}", range.start(), range.end()))
        }
        _ => Ok(()),
    }
}

/// The same of a time.
pub fn time(name: &str, value: Option<Duration>, range: RangeInclusive<Duration>) -> Result<(), String> {
    let text =
        |time: Duration| SignedDuration::try_from(time).map_or_else(|_| format!("{time:?}"), |t| format!("{t:#}"));
    match value {
        Some(value) if !range.contains(&value) => {
            Err(format!("{name} is {}: must be from {} to {}", text(value), text(*range.start()), text(*range.end())))
        }
        _ => Ok(()),
    }
}
