//! How many pods to make and which to end. Pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// What a Deployment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// Pods wanted.
    pub replicas: usize,
    /// Pods more than that while a new template rolls out.
    pub surge: usize,
    /// Pods fewer than that meanwhile.
    pub unavailable: usize,
    /// Old pods end before new ones begin.
    pub recreate: bool,
}

impl Rollout {
    /// Reads it off a Deployment. Of a share, the surge is rounded up and the other down.
    pub fn of(deployment: &Value) -> Self {
        let spec = &deployment["spec"];
        let replicas = usize::try_from(spec["replicas"].as_u64().unwrap_or(1)).unwrap_or(usize::MAX);
        let rolling = &spec["strategy"]["rollingUpdate"];
        let share = |value: &Value, up: bool| match value.as_str().and_then(|text| text.strip_suffix('%')) {
            Some(percent) => {
                let part = replicas * percent.parse::<usize>().unwrap_or(0);
                if up { part.div_ceil(100) } else { part / 100 }
            }
            None => value.as_u64().map_or(0, |number| number as usize),
        };
        let (surge, unavailable) = (share(&rolling["maxSurge"], true), share(&rolling["maxUnavailable"], false));
        // Both zero would never move (ResolveFenceposts).
        let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
        Self { replicas, surge, unavailable, recreate: spec["strategy"]["type"] == "Recreate" }
    }
}

/// Whether a pod counts as one of those that are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    #[default]
    Active,
    /// It is on its way out.
    Leaving,
    /// It ended by itself.
    Ended,
}

/// What counts of a pod when one must go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodView {
    /// Of the current template.
    pub current: bool,
    /// Whether it counts.
    pub standing: Standing,
    /// Ready.
    pub ready: bool,
    /// Since when.
    pub ready_since: Option<Timestamp>,
    /// Its node.
    pub node: Option<String>,
    /// 0 Pending, 1 Unknown, 2 Running.
    pub phase: u8,
    /// `controller.kubernetes.io/pod-deletion-cost`.
    pub cost: i32,
    /// Of the container that was run again most often.
    pub restarts: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its UID.
    pub uid: String,
}

impl PodView {
    /// Reads it off a pod; `hash` is that of the current template.
    pub fn of(pod: &Value, hash: &str) -> Self {
        let metadata = &pod["metadata"];
        let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let ready = conditions.find(|c| c["type"] == "Ready" && c["status"] == "True");
        let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        let standing = match pod["status"]["phase"].as_str() {
            Some("Succeeded" | "Failed") => Standing::Ended,
            _ if metadata.get("deletionTimestamp").is_some() => Standing::Leaving,
            _ => Standing::Active,
        };
        let cost = metadata["annotations"]["controller.kubernetes.io/pod-deletion-cost"].as_str();
        Self {
            current: metadata["labels"]["pod-template-hash"] == hash,
            standing,
            ready: ready.is_some(),
            ready_since: ready.and_then(|c| time(&c["lastTransitionTime"])),
            node: pod["spec"]["nodeName"].as_str().map(str::to_owned),
            phase: match pod["status"]["phase"].as_str() {
                Some("Running") => 2,
                Some("Unknown") => 1,
                _ => 0,
            },
            cost: cost.and_then(|cost| cost.parse().ok()).unwrap_or(0),
            restarts: containers.filter_map(|c| c["restartCount"].as_u64()).max().unwrap_or(0),
            created: time(&metadata["creationTimestamp"]),
            uid: metadata["uid"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Counts as one of those that are wanted.
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// So many new pods.
    pub create: usize,
    /// An end to these.
    pub delete: Vec<usize>,
}

/// The next steps of a Deployment.
pub fn plan(rollout: &Rollout, pods: &[PodView], now: Timestamp) -> Steps {
    let active: Vec<usize> = (0..pods.len()).filter(|&i| pods[i].is_active()).collect();
    let (new, old): (Vec<usize>, Vec<usize>) = active.iter().partition(|&&i| pods[i].current);
    if rollout.recreate && pods.iter().any(|pod| !pod.current && pod.standing != Standing::Ended) {
        return Steps { create: 0, delete: old };
    }
    let most = if old.is_empty() { rollout.replicas } else { rollout.replicas + rollout.surge };
    let create = rollout.replicas.saturating_sub(new.len()).min(most.saturating_sub(active.len()));
    let excess = new.len().saturating_sub(rollout.replicas);
    let mut delete: Vec<usize> = ranked(pods, &new, now).into_iter().take(excess).collect();

    let ready = active.iter().filter(|&&i| pods[i].ready && !delete.contains(&i)).count();
    let spare = ready.saturating_sub(rollout.replicas.saturating_sub(rollout.unavailable));
    let (ready_old, idle_old): (Vec<usize>, Vec<usize>) =
        ranked(pods, &old, now).into_iter().partition(|&i| pods[i].ready);
    delete.extend(idle_old);
    delete.extend(ready_old.into_iter().take(spare));
    Steps { create, delete }
}

/// Those that go first, first (`ActivePodsWithRanks` of k8s.io/kubernetes/pkg/controller).
fn ranked(pods: &[PodView], among: &[usize], now: Timestamp) -> Vec<usize> {
    let mut on_node: BTreeMap<&Option<String>, usize> = BTreeMap::new();
    for &i in among {
        *on_node.entry(&pods[i].node).or_default() += 1;
    }
    let mut ranked = among.to_vec();
    ranked.sort_by(|&a, &b| first_to_go(&pods[a], &pods[b], on_node[&pods[a].node], on_node[&pods[b].node], now));
    ranked
}

fn first_to_go(a: &PodView, b: &PodView, beside_a: usize, beside_b: usize, now: Timestamp) -> Ordering {
    let age = |a: Option<Timestamp>, b: Option<Timestamp>| match (a, b) {
        (Some(a), Some(b)) => magnitude(a, now).cmp(&magnitude(b, now)),
        _ => Ordering::Equal,
    };
    let assigned = a.node.is_some().cmp(&b.node.is_some());
    assigned
        .then(a.phase.cmp(&b.phase))
        .then(a.ready.cmp(&b.ready))
        .then(a.cost.cmp(&b.cost))
        .then(beside_b.cmp(&beside_a))
        .then(age(a.ready_since, b.ready_since))
        .then(b.restarts.cmp(&a.restarts))
        .then(age(a.created, b.created))
        .then(a.uid.cmp(&b.uid))
}

/// Ages count by their order of magnitude (LogarithmicScaleDown).
fn magnitude(since: Timestamp, now: Timestamp) -> i32 {
    let nanos = now.duration_since(since).as_nanos();
    if nanos <= 0 { -1 } else { (nanos as f64).log2() as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLLING: Rollout = Rollout { replicas: 4, surge: 1, unavailable: 0, recreate: false };

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).expect("a time")
    }

    fn ready(uid: &str, seconds_ago: i64) -> PodView {
        PodView {
            current: true,
            ready: true,
            ready_since: Timestamp::from_second(1_000_000 - seconds_ago).ok(),
            created: Timestamp::from_second(1_000_000 - seconds_ago).ok(),
            node: Some("n".into()),
            phase: 2,
            uid: uid.into(),
            ..PodView::default()
        }
    }

    #[test]
    fn as_many_as_are_wanted() {
        assert_eq!(plan(&ROLLING, &[ready("a", 9)], now()), Steps { create: 3, delete: vec![] });
        let leaving = PodView { standing: Standing::Leaving, ..ready("b", 9) };
        assert_eq!(plan(&ROLLING, &[ready("a", 9), leaving], now()).create, 3);
    }

    #[test]
    fn the_order_in_which_pods_go() {
        let pods = [
            ready("old", 100_000),
            PodView { cost: -5, ..ready("cheap", 100_000) },
            ready("young", 10),
            PodView { ready: false, ..ready("not ready", 100_000) },
            PodView { phase: 0, ready: false, ..ready("pending", 100_000) },
            PodView { node: None, phase: 0, ready: false, ..ready("unassigned", 100_000) },
            PodView { restarts: 3, ..ready("restarted", 100_000) },
        ];
        let order = ranked(&pods, &[0, 1, 2, 3, 4, 5, 6], now());
        let names: Vec<_> = order.into_iter().map(|i| pods[i].uid.as_str()).collect();
        assert_eq!(names, ["unassigned", "pending", "not ready", "cheap", "young", "restarted", "old"]);
    }

    #[test]
    fn of_equals_the_one_on_the_fuller_node_goes_first() {
        let on = |uid, node: &str| PodView { node: Some(node.into()), ..ready(uid, 10) };
        let pods = [on("a", "one"), on("b", "two"), on("c", "two")];
        assert_eq!(ranked(&pods, &[0, 1, 2], now()), [1, 2, 0]);
    }

    #[test]
    fn a_new_template_comes_one_by_one_and_none_too_few_are_ready() {
        let old = |uid| PodView { current: false, ..ready(uid, 50) };
        let mut pods = vec![old("a"), old("b"), old("c"), old("d")];
        assert_eq!(plan(&ROLLING, &pods, now()), Steps { create: 1, delete: vec![] });
        pods.push(PodView { ready: false, ..ready("e", 1) });
        assert_eq!(plan(&ROLLING, &pods, now()), Steps::default());
        pods[4].ready = true;
        assert_eq!(plan(&ROLLING, &pods, now()).delete.len(), 1);
    }

    #[test]
    fn recreate_waits_for_the_last_old_pod() {
        let rollout = Rollout { recreate: true, ..ROLLING };
        let old = PodView { current: false, ..ready("a", 50) };
        assert_eq!(plan(&rollout, std::slice::from_ref(&old), now()), Steps { create: 0, delete: vec![0] });
        let leaving = PodView { standing: Standing::Leaving, ..old };
        assert_eq!(plan(&rollout, &[leaving], now()), Steps::default());
        assert_eq!(plan(&rollout, &[], now()).create, 4);
    }

    #[test]
    fn none_wanted_ends_all() {
        let rollout = Rollout { replicas: 0, ..ROLLING };
        let pods = [ready("a", 1), PodView { current: false, ..ready("b", 1) }];
        assert_eq!(plan(&rollout, &pods, now()), Steps { create: 0, delete: vec![0, 1] });
    }

    #[test]
    fn shares_are_rounded_as_the_controller_does() {
        let rollout = |replicas: u64| {
            let rolling = serde_json::json!({ "maxSurge": "25%", "maxUnavailable": "25%" });
            let spec = serde_json::json!({ "replicas": replicas, "strategy": { "rollingUpdate": rolling } });
            Rollout::of(&serde_json::json!({ "spec": spec }))
        };
        assert_eq!((rollout(5).surge, rollout(5).unavailable), (2, 1));
        assert_eq!((rollout(0).surge, rollout(0).unavailable), (0, 1));
    }
}
