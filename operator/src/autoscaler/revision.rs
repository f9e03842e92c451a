//! One revision: what the cluster says of it, its pods, its decisions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scaling::{Decision, Input, Reason, Spec};

use super::RevisionEntry;
use super::core::PeerId;
use super::journal::Journal;
use super::memory::Memory;
use super::scalein::{Busy, Candidate};
use super::sender::Clock;

/// For how long after an acknowledged write an observation that differs is taken for an older one.
const STALE_OBSERVATION: Duration = Duration::from_secs(30);
/// For how long a broken stream still vouches for its pod: time to dial again.
pub const VOUCH_GRACE: Duration = Duration::from_secs(3);
/// A queue-proxy reports each second. One that has not for this long is cut off, although its stream is not known to be
/// broken: what is missing of it must not be taken for silence of its clients.
const QUIET: Duration = Duration::from_secs(3);
/// For how long what a lost sender has told is remembered, so that its replay is not counted twice.
pub const LOST_KEPT: Duration = Duration::from_secs(90);

/// All that is known of one revision.
#[derive(Debug)]
pub struct Revision {
    /// UID of the object.
    pub uid: Arc<str>,
    /// What the cluster says; none while only its pods were heard of.
    pub listed: Option<Listed>,
    /// What its decisions remember.
    pub memory: Memory,
    /// Pods wanted.
    pub desired: u32,
    /// Fewest pods by its schedules; 0 while none holds.
    pub scheduled: u32,
    /// Pods heard of, by their queue-proxies.
    pub pods: Vec<Pod>,
    /// The last decisions.
    pub journal: Journal,
}

/// What the cluster says of a revision.
#[derive(Debug)]
pub struct Listed {
    /// `namespace/name`, also of its Deployment.
    full_name: Box<str>,
    /// Whether traffic is routed to it.
    pub routed: bool,
    /// Whether it never had a ready pod.
    pub initial: bool,
    /// Its Deployment's scale; none before there is one.
    pub scale: Option<Scale>,
}

/// A Deployment's scale.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// `spec.replicas` as observed last.
    pub observed: u32,
    /// Ready pods, as the cluster says.
    pub ready: u32,
    /// Our last write and when it was acknowledged, until it is observed.
    pub acknowledged: Option<(u32, Duration)>,
    /// Whether a write is under way.
    pub writing: bool,
}

/// What a queue-proxy said of its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// Nothing yet.
    Nothing,
    /// The app answers.
    Ready,
    /// To be chosen no more.
    Draining,
}

/// Why a revision is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Requests wait, or it is new: only more pods can come of it.
    Demand,
    /// A tick.
    Tick {
        /// Whether enough is known to scale in.
        settled: bool,
    },
}

/// One pod, as its queue-proxy told.
#[derive(Debug)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Where its queue-proxy listens.
    pub address: SocketAddr,
    /// Its stream, if it has one.
    pub peer: Option<PeerId>,
    /// When the stream was lost, if it has none.
    pub lost_at: Duration,
    /// Its last word.
    pub announced: Announced,
    /// Whether the address is known to be its own.
    pub confirmed: bool,
    /// Whether activators were told that it takes requests.
    pub vouched: bool,
    /// When it last reported on this stream.
    pub heard: Option<Duration>,
    /// Requests in it.
    pub in_flight: u32,
    /// Its seconds.
    pub clock: Clock,
    /// The newest of its seconds that was counted.
    pub counted: Option<u64>,
}

impl Revision {
    /// A revision of which only the UID is known.
    pub fn new(uid: Arc<str>, spec: Arc<Spec>) -> Self {
        Self {
            uid,
            listed: None,
            memory: Memory::new(spec),
            desired: 0,
            scheduled: 0,
            pods: Vec::new(),
            journal: Journal::default(),
        }
    }

    /// Takes over what the cluster says.
    pub fn list(&mut self, now: Duration, entry: RevisionEntry, spec: Arc<Spec>) {
        if *self.memory.spec() != *spec {
            self.memory.configure(spec, now);
        }
        self.listed = Some(Listed {
            full_name: format!("{}/{}", entry.namespace, entry.name).into(),
            routed: entry.routed,
            initial: entry.initial,
            scale: self.listed.as_ref().and_then(|listed| listed.scale),
        });
    }

    /// Takes over the Deployment's scale and says whether it is the first. What that one wants is ours; later a
    /// difference is put right.
    pub fn observe_scale(&mut self, replicas: u32, ready: u32) -> bool {
        let Some(listed) = &mut self.listed else { return false };
        let Some(scale) = &mut listed.scale else {
            listed.scale = Some(Scale { observed: replicas, ready, acknowledged: None, writing: false });
            self.desired = replicas;
            return true;
        };
        scale.ready = ready;
        scale.observe(replicas);
        false
    }

    /// Decides; nothing while there is no Deployment, or when demand changes nothing.
    pub fn judge(&mut self, now: Duration, held: u32, when: When) -> Option<Decision> {
        let listed = self.listed.as_ref()?;
        let scale = listed.scale.as_ref()?;
        let input = Input {
            ready: scale.ready.max(self.pods.iter().filter(|pod| pod.vouched).count() as u32),
            reporting: self.pods.iter().filter(|pod| pod.reports(now)).count() as u32,
            desired_now: self.desired,
            held,
            in_flight: self.pods.iter().fold(0, |sum, pod| sum.saturating_add(pod.in_flight)),
            scheduled: self.scheduled,
            routed: listed.routed,
            initial: listed.initial,
            settled: when == When::Tick { settled: true },
        };
        let decision = match when {
            When::Demand => self.memory.scaler().wake(now, input)?,
            When::Tick { .. } => self.memory.scaler().decide(now, input),
        };
        self.journal.push(decision.record);
        self.rest(now, input, decision);
        Some(decision)
    }

    /// After a whole window of sleep nothing is left that another decision could depend on.
    fn rest(&mut self, now: Duration, input: Input, decision: Decision) {
        let window = self.memory.spec().stable_window();
        let asleep = decision.reason == Reason::Asleep && !decision.record.burst_on && input.held == 0;
        // A start that failed is remembered, or it would be made again.
        if asleep && !input.initial && self.pods.is_empty() && self.journal.same_for(now) > window {
            self.memory.rest();
            self.journal.rest();
        }
    }

    /// Whether a write has to be begun.
    pub fn begin_write(&mut self, now: Duration) -> bool {
        let desired = self.desired;
        let Some(scale) = self.scale() else { return false };
        let begin = !scale.writing && scale.differs(desired, now);
        scale.writing |= begin;
        begin
    }

    /// The scale to write; `None` ends the writing.
    pub fn next_write(&mut self, now: Duration) -> Option<u32> {
        let desired = self.desired;
        let scale = self.scale()?;
        scale.writing = scale.differs(desired, now);
        scale.writing.then_some(desired)
    }

    /// What would go with a pod.
    pub fn busy(&self, candidate: &Candidate) -> Busy {
        if !candidate.ready {
            return Busy::Unready;
        }
        match self.pods.iter().find(|pod| pod.name == candidate.name) {
            Some(pod) if pod.announced == Announced::Draining => Busy::Draining,
            Some(pod) if pod.heard.is_some() => Busy::With(pod.in_flight),
            _ => Busy::Unknown,
        }
    }

    /// A write was acknowledged.
    pub fn written(&mut self, now: Duration, replicas: u32) {
        if let Some(scale) = self.scale() {
            scale.acknowledged = Some((replicas, now));
            scale.observe(scale.observed);
        }
    }

    fn scale(&mut self) -> Option<&mut Scale> {
        self.listed.as_mut()?.scale.as_mut()
    }

    /// Whether nobody speaks of it any more.
    pub fn is_forgotten(&self) -> bool {
        self.listed.is_none() && self.pods.is_empty()
    }
}

impl Listed {
    /// Namespace and name.
    pub fn names(&self) -> (&str, &str) {
        self.full_name.split_once('/').unwrap_or_default()
    }
}

impl Scale {
    /// `spec.replicas` as far as we know.
    pub fn current(&self) -> u32 {
        self.acknowledged.map_or(self.observed, |(replicas, _)| replicas)
    }

    fn observe(&mut self, replicas: u32) {
        self.observed = replicas;
        if self.acknowledged.is_some_and(|(written, _)| written == replicas) {
            self.acknowledged = None;
        }
    }

    /// Whether `desired` is not there yet. Until our last write is observed, what is observed is older; if that lasts,
    /// somebody else has changed it since.
    fn differs(&self, desired: u32, now: Duration) -> bool {
        match self.acknowledged {
            None => desired != self.observed,
            Some((written, at)) => {
                desired != written || (desired != self.observed && now.saturating_sub(at) >= STALE_OBSERVATION)
            }
        }
    }
}

impl Pod {
    /// A pod on a new stream.
    pub fn new(name: String, address: SocketAddr, epoch: u64) -> Self {
        Self {
            name,
            address,
            peer: None,
            lost_at: Duration::ZERO,
            announced: Announced::Nothing,
            confirmed: false,
            vouched: false,
            heard: None,
            in_flight: 0,
            clock: Clock::new(epoch),
            counted: None,
        }
    }

    /// Whether what it says is what is.
    pub fn reports(&self, now: Duration) -> bool {
        self.heard.is_some_and(|at| now.saturating_sub(at) < QUIET)
    }

    /// Whether the stream has been gone for `time`.
    pub fn lost_for(&self, now: Duration, time: Duration) -> bool {
        self.peer.is_none() && now.saturating_sub(self.lost_at) >= time
    }
}
