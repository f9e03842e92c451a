//! Cold starts in their four parts, from the records of the processes that did the work. Pure.
//!
//! ```text
//! request in ─decide─▶ scale written ─start─▶ app listens, announced ─release─▶ request sent ─app─▶ answered
//! activator            operator               operator's hub                    activator           activator
//! ```

use serde::Deserialize;

/// How far an activator's record may be from the operator's to belong to the same wake, in milliseconds.
const APART_MS: f64 = 5000.0;

/// A wake as an activator saw it; unix time in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Waited {
    pub(crate) app: String,
    pub(crate) revision: String,
    pub(crate) arrived_ms: f64,
    pub(crate) released_ms: Option<f64>,
    pub(crate) answered_ms: Option<f64>,
}

/// A wake as the operator saw it; unix time in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Woken {
    pub(crate) revision: String,
    pub(crate) written_ms: Option<f64>,
    pub(crate) ready_ms: Option<f64>,
}

/// One cold start, in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColdStart {
    pub(crate) app: String,
    pub(crate) revision: String,
    /// From the request's arrival to its answer.
    pub(crate) total: f64,
    /// From the request's arrival to the scale being written.
    pub(crate) decide: f64,
    /// From there to the app's announcement.
    pub(crate) start: f64,
    /// From there to the request's way to the app.
    pub(crate) release: f64,
    /// From there to the answer.
    pub(crate) answer: f64,
}

/// The cold starts whose request arrived at `since` (unix milliseconds) or later, in order of arrival.
///
/// Several activators may hold requests of one wake: the first one that arrived is the one that woke.
pub(crate) fn cold_starts(waited: &[Waited], woken: &[Woken], since: f64) -> Vec<ColdStart> {
    let mut waited: Vec<_> = waited.iter().filter(|wait| wait.arrived_ms >= since).collect();
    waited.sort_by(|a, b| a.arrived_ms.total_cmp(&b.arrived_ms));
    let mut taken = vec![false; woken.len()];
    let mut starts = Vec::new();
    for wait in waited {
        let fits = |(index, wake): &(usize, &Woken)| {
            let near = |written: f64| written >= wait.arrived_ms - 1.0 && written - wait.arrived_ms < APART_MS;
            !taken[*index] && wake.revision == wait.revision && wake.written_ms.is_some_and(near)
        };
        let Some((index, wake)) = woken.iter().enumerate().find(fits) else { continue };
        let (Some(written), Some(ready)) = (wake.written_ms, wake.ready_ms) else { continue };
        let (Some(released), Some(answered)) = (wait.released_ms, wait.answered_ms) else { continue };
        taken[index] = true;
        starts.push(ColdStart {
            app: wait.app.clone(),
            revision: wait.revision.clone(),
            total: answered - wait.arrived_ms,
            decide: written - wait.arrived_ms,
            start: ready - written,
            release: released - ready,
            answer: answered - released,
        });
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(revision: &str, arrived_ms: f64, answered_ms: f64) -> Waited {
        let (released_ms, answered_ms) = (Some(answered_ms - 4.0), Some(answered_ms));
        Waited { app: "web".into(), revision: revision.into(), arrived_ms, released_ms, answered_ms }
    }

    fn woken(revision: &str, written_ms: f64, ready_ms: f64) -> Woken {
        Woken { revision: revision.into(), written_ms: Some(written_ms), ready_ms: Some(ready_ms) }
    }

    #[test]
    fn the_parts_make_up_the_whole() {
        let starts = cold_starts(&[waited("web-1", 100.0, 350.0)], &[woken("web-1", 103.0, 340.0)], 0.0);
        let start = &starts[0];
        assert_eq!((start.decide, start.start, start.release, start.answer), (3.0, 237.0, 6.0, 4.0));
        assert!((start.total - 250.0).abs() < 1e-9);
    }

    #[test]
    fn one_wake_counts_once_for_the_first_who_came() {
        let waits = [waited("web-1", 101.0, 360.0), waited("web-1", 100.0, 350.0)];
        let starts = cold_starts(&waits, &[woken("web-1", 103.0, 340.0)], 0.0);
        assert_eq!(starts.iter().map(|start| start.decide).collect::<Vec<_>>(), [3.0]);
    }

    #[test]
    fn other_wakes_and_earlier_ones_are_left_out() {
        let wakes = [woken("web-1", 103.0, 340.0), woken("web-2", 103.0, 340.0), woken("web-1", 90_003.0, 90_240.0)];
        assert!(cold_starts(&[waited("web-1", 100.0, 350.0)], &wakes, 200.0).is_empty());
        let later = cold_starts(&[waited("web-1", 90_000.0, 90_250.0)], &wakes, 200.0);
        assert_eq!(later.iter().map(|start| start.start).collect::<Vec<_>>(), [237.0]);
    }
}
