//! Which pods a scale-in removes: the least busy. Pure.
//!
//! The ReplicaSet controller removes pods without a node first, then those that are pending, then those that are not
//! ready, then those with the lower `controller.kubernetes.io/pod-deletion-cost`; what comes after (others on the node,
//! age) knows nothing of requests (Kubernetes' ActivePodsWithRanks). So the ready ones are ours to rank, and only
//! where it makes a difference: no write is needed to choose among pods that are equally busy.

/// Cost of a pod that is to go: no other is lower, whatever costs the user's template gives.
pub const VICTIM: i32 = i32::MIN;
/// Most pods that are marked for one scale-in. Beyond it the choice is the ReplicaSet controller's own.
pub const MARKS_MAX: usize = 64;

/// A pod that the ReplicaSet controller counts: not ended and not told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Whether the cluster has it as ready.
    pub ready: bool,
    /// Its deletion cost; none is the same as 0.
    pub cost: Option<i32>,
}

/// A deletion cost to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Name of the pod.
    pub pod: String,
    /// The cost; `None` takes it away.
    pub cost: Option<i32>,
}

/// What a pod would take with it, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Busy {
    /// It is not ready, and goes first whatever its cost.
    Unready,
    /// It said that it is on its way out.
    Draining,
    /// Requests in it.
    With(u32),
    /// It does not report: no data is not zero.
    Unknown,
}

/// The writes after which no pod goes while a less busy one stays, when `replicas` are left of these pods.
pub fn marks(pods: &[Candidate], replicas: u32, busy: impl Fn(&Candidate) -> Busy) -> Vec<Mark> {
    let is_marked = |pod: &Candidate| pod.cost == Some(VICTIM);
    let mut ranked: Vec<_> = pods.iter().map(|pod| (busy(pod), !is_marked(pod), pod)).collect();
    ranked.sort_by_key(|(busy, unmarked, pod)| (*busy, *unmarked, &pod.name));
    let (victims, kept) = ranked.split_at(pods.len().saturating_sub(replicas as usize));
    let Some(busiest) = kept.last().map(|(busy, ..)| *busy).filter(|_| !victims.is_empty()) else { return Vec::new() };

    // Pods of one template are alike, so one that we have not marked shows what the marked ones had.
    let usual = pods.iter().find(|pod| !is_marked(pod)).and_then(|pod| pod.cost);
    let spared = kept.iter().filter(|(_, unmarked, _)| !unmarked);
    let doomed = victims.iter().filter(|(busy, unmarked, _)| *unmarked && *busy < busiest);
    let mark = |pod: &Candidate, cost| Mark { pod: pod.name.clone(), cost };
    let spared = spared.map(|(.., pod)| mark(pod, usual));
    spared.chain(doomed.map(|(.., pod)| mark(pod, Some(VICTIM)))).take(MARKS_MAX).collect()
}

#[cfg(test)]
mod tests;
