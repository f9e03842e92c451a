//! What the table shows of each app, and how it is counted together. Pure.

use std::collections::BTreeMap;

/// The apps of the sample, in the order in which a page asks them.
pub(crate) const APPS: [&str; 3] = ["web", "user", "rule"];
/// Where they are.
pub(crate) const NAMESPACE: &str = "default";

/// One app at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Pods that are not on their way out.
    pub(crate) replicas: u32,
    /// Pods on their way out.
    pub(crate) ending: u32,
    /// Most replicas since the demo began.
    pub(crate) peak: u32,
    /// Requests that wait for a pod.
    pub(crate) held: u64,
    /// Requests answered since the demo began.
    pub(crate) requests: u64,
    /// Those of them that were answered with an error, 4xx or 5xx.
    pub(crate) errors: u64,
}

/// All apps at one moment, as [`APPS`].
pub(crate) type Snapshot = [Figures; APPS.len()];

/// What sleeps has no pod left, and `rule`, which has `min: 1`, has its one.
pub(crate) fn asleep(snapshot: &Snapshot) -> bool {
    APPS.iter().zip(snapshot).all(|(app, now)| {
        let wanted = u32::from(*app == "rule");
        now.replicas == wanted && now.ending == 0 && now.held == 0
    })
}

/// What one activator's `/metrics` say of one app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) held: u64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

/// Reads the counts of each app in the Prometheus text format.
pub(crate) fn counts(text: &str) -> [Counts; APPS.len()] {
    let mut counts = [Counts::default(); APPS.len()];
    for Sample { name, labels, value } in text.lines().filter_map(sample) {
        if !labels.contains(&("namespace", NAMESPACE)) {
            continue;
        }
        let Some(app) = APPS.iter().position(|app| labels.contains(&("app", *app))) else { continue };
        match name {
            "todoapp_held_requests" => counts[app].held += value,
            "todoapp_requests_total" => {
                counts[app].requests += value;
                if labels.contains(&("code", "4xx")) || labels.contains(&("code", "5xx")) {
                    counts[app].errors += value;
                }
            }
            _ => {}
        }
    }
    counts
}

struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: u64,
}

/// `name{label="value",…} number`; nothing of ours needs an escape in a value.
fn sample(line: &str) -> Option<Sample<'_>> {
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.rsplit_once("} ")?;
    let labels = labels.split(',').filter_map(|label| {
        let (name, value) = label.split_once('=')?;
        Some((name, value.trim_matches('"')))
    });
    Some(Sample { name, labels: labels.collect(), value: value.trim().parse::<f64>().ok()? as u64 })
}

/// Adds up activators. A counter is taken from where it stood when the demo first saw it, and one that went down
/// belongs to a process that started again.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    seen: BTreeMap<String, [Track; APPS.len()]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    last: Counts,
    requests: u64,
    errors: u64,
}

impl Sum {
    /// Takes in what an activator says now.
    pub(crate) fn see(&mut self, activator: &str, now: [Counts; APPS.len()]) {
        let known = self.seen.contains_key(activator);
        let tracks = self.seen.entry(activator.to_owned()).or_default();
        for (track, now) in tracks.iter_mut().zip(now) {
            if known {
                track.requests += grown(track.last.requests, now.requests);
                track.errors += grown(track.last.errors, now.errors);
            }
            track.last = now;
        }
    }

    /// The sums, with pods put to them. `pods` are those that live and those that end.
    pub(crate) fn snapshot(&self, pods: [(u32, u32); APPS.len()], before: &Snapshot) -> Snapshot {
        std::array::from_fn(|app| {
            let tracks = || self.seen.values().map(|tracks| tracks[app]);
            let (replicas, ending) = pods[app];
            Figures {
                replicas,
                ending,
                peak: before[app].peak.max(replicas),
                held: tracks().map(|track| track.last.held).sum(),
                requests: tracks().map(|track| track.requests).sum(),
                errors: tracks().map(|track| track.errors).sum(),
            }
        })
    }
}

fn grown(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE todoapp_held_requests gauge\n\
        todoapp_held_requests{app=\"web\",namespace=\"default\",revision=\"web-00001\"} 3\n\
        todoapp_requests_total{app=\"user\",code=\"2xx\",namespace=\"default\",revision=\"user-v1\"} 5\n\
        todoapp_requests_total{app=\"user\",code=\"2xx\",namespace=\"default\",revision=\"user-v2\"} 6\n\
        todoapp_requests_total{app=\"user\",code=\"5xx\",namespace=\"default\",revision=\"user-v2\"} 1\n\
        todoapp_requests_total{app=\"user\",code=\"5xx\",namespace=\"other\",revision=\"user-v2\"} 9\n\
        todoapp_hub_connected 1\n";

    #[test]
    fn revisions_add_up_to_their_app() {
        let [web, user, rule] = counts(TEXT);
        assert_eq!(web, Counts { held: 3, ..Counts::default() });
        assert_eq!(user, Counts { held: 0, requests: 12, errors: 1 });
        assert_eq!(rule, Counts::default());
    }

    #[test]
    fn only_what_came_since_the_beginning_counts() {
        let at = |requests| [Counts { requests, ..Counts::default() }; APPS.len()];
        let mut sum = Sum::default();
        sum.see("a", at(100));
        sum.see("a", at(103));
        sum.see("b", at(50));
        sum.see("b", at(51));
        // Started again.
        sum.see("b", at(2));
        let snapshot = sum.snapshot([(2, 0); 3], &Snapshot::default());
        assert_eq!((snapshot[0].requests, snapshot[0].peak), (6, 2));
    }

    #[test]
    fn asleep_means_no_pod_is_left_but_that_of_rule() {
        let with = |replicas: [u32; 3]| replicas.map(|replicas| Figures { replicas, ..Figures::default() });
        assert!(asleep(&with([0, 0, 1])));
        assert!(!asleep(&with([0, 0, 0])));
        assert!(!asleep(&with([1, 0, 1])));
    }
}
