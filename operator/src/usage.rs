//! What pods use, for revisions that scale by CPU or memory: metrics.k8s.io can only be asked, so it is, each 15 seconds,
//! a few revisions at a time. Nothing is asked while no such revision has a pod.
//!
//! What cannot be read changes no number of pods: the app is told why by an Event.

mod pods;
mod quantity;
mod source;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::{Revision, TodoApp, labels};
use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource as _, ResourceExt};
use scaling::Metric;
use tokio::time::{MissedTickBehavior, timeout};
use tracing::{info, warn};

use self::pods::Unrequested;
pub use self::source::{Failure, Measured, MetricsApi, Source};
use crate::autoscaler::Autoscaler;
use crate::clock::Clock;
use crate::cluster::Stores;
use crate::events::{Note, Reporter};
use crate::store::{By, Key};

/// Time between two readings, as the HorizontalPodAutoscaler takes them; metrics-server itself measures no more often.
const PERIOD: Duration = Duration::from_secs(15);
/// An answer that takes longer is none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Questions at a time: thousands are answered within the life of a reading.
const AT_ONCE: usize = 8;
/// Rounds in a row without an answer after which apps are told: metrics-server restarts faster.
const ROUNDS_TOLD: u32 = 2;
/// Reason of the Events, as the HorizontalPodAutoscaler names it.
const REASON: &str = "FailedGetResourceMetric";

/// A revision that scales by what its pods use.
struct Subject {
    uid: Arc<str>,
    revision: Revision,
    metric: Metric,
}

/// Why the use of a revision's pods is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// metrics.k8s.io does not answer.
    Unanswered,
    /// It does not answer this question, or not in a way that can be read.
    Refused(String),
    /// There is nothing to measure it against.
    Unrequested(Unrequested),
}

/// Reads what pods use and tells the autoscaler.
pub struct Meter<S> {
    source: S,
    stores: Stores,
    autoscaler: Autoscaler,
    clock: Clock,
    /// Rounds in a row without an answer.
    unanswered: u32,
    /// What is wrong with a revision, by UID, since its app was told.
    told: HashMap<Arc<str>, Trouble>,
}

impl<S: Source> Meter<S> {
    /// Asks `source` about the revisions that `autoscaler` names.
    pub fn new(source: S, stores: Stores, autoscaler: Autoscaler, clock: Clock) -> Self {
        Self { source, stores, autoscaler, clock, unanswered: 0, told: HashMap::new() }
    }

    /// Reads until it is dropped.
    pub async fn run(mut self, reporter: Reporter) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for (app, note) in self.round().await {
                reporter.publish(&app, vec![note]).await;
            }
        }
    }

    /// One reading of each revision; what is to be told of it. After one question that nobody answers no other is asked.
    async fn round(&mut self) -> Vec<(ObjectReference, Note)> {
        let subjects = self.subjects();
        if subjects.is_empty() {
            (self.unanswered, self.told) = (0, HashMap::new());
            return Vec::new();
        }
        let outage = OnceLock::new();
        let readings = stream::iter(subjects).map(|subject| self.read(subject, &outage)).buffer_unordered(AT_ONCE);
        let troubles: Vec<_> = readings.filter_map(ready).collect().await;
        let outage = outage.into_inner();
        self.note_outage(outage.as_deref());
        self.told.retain(|uid, told| troubles.iter().any(|(subject, now)| subject.uid == *uid && now.is(told)));
        let why = outage.unwrap_or_default();
        troubles.into_iter().filter_map(|(subject, trouble)| self.tell(&subject, trouble, &why)).collect()
    }

    fn subjects(&self) -> Vec<Subject> {
        let revision = |uid: &str| self.stores.revisions.by(By::Uid, uid).pop();
        let known = self.autoscaler.by_usage().into_iter();
        known.filter_map(|(uid, metric)| Some(Subject { revision: revision(&uid)?, uid, metric })).collect()
    }

    /// Reads one revision, unless there is an outage, and hands on what was found; what is wrong with it.
    async fn read(&self, subject: Subject, outage: &OnceLock<String>) -> Option<(Subject, Trouble)> {
        if outage.get().is_some() {
            return Some((subject, Trouble::Unanswered));
        }
        let Subject { uid, revision, metric } = &subject;
        let namespace = revision.namespace().unwrap_or_default();
        let asked = timeout(ANSWER_TIMEOUT, self.source.measured(&namespace, uid)).await;
        let late = |_| Err(Failure::Outage(anyhow::anyhow!("no answer within {ANSWER_TIMEOUT:?}")));
        let measured = asked.unwrap_or_else(late);
        self.autoscaler.metrics().read_usage(measured.is_ok());
        let trouble = match measured {
            Ok(measured) => {
                let usage = pods::usage(&self.stores.pods.by(By::Revision, uid), &measured, *metric, self.clock.now());
                self.autoscaler.observe_usage(uid, usage.as_ref().ok().copied());
                Trouble::Unrequested(usage.err()?)
            }
            Err(Failure::Refused(error)) => Trouble::Refused(format!("{error:#}")),
            Err(Failure::Outage(error)) => {
                outage.get_or_init(|| format!("{error:#}"));
                Trouble::Unanswered
            }
        };
        Some((subject, trouble))
    }

    /// Logs the beginning and the end of an outage.
    fn note_outage(&mut self, outage: Option<&str>) {
        match (outage, self.unanswered) {
            (Some(error), 0) => {
                warn!(%error, "metrics.k8s.io does not answer: apps that scale by CPU or memory keep their pods");
            }
            (None, 1..) => info!("metrics.k8s.io answers again"),
            _ => {}
        }
        self.unanswered = if outage.is_some() { self.unanswered.saturating_add(1) } else { 0 };
    }

    /// What is to be told of a trouble, if the app was not told of it yet.
    fn tell(&mut self, subject: &Subject, trouble: Trouble, why: &str) -> Option<(ObjectReference, Note)> {
        let early = trouble == Trouble::Unanswered && self.unanswered < ROUNDS_TOLD;
        if early || self.told.contains_key(&subject.uid) {
            return None;
        }
        let name = subject.revision.labels().get(labels::APP)?;
        let app: TodoApp = self.stores.apps.get(&Key::new(subject.revision.namespace()?, name))?;
        let text = trouble.text(&subject.revision.name_any(), subject.metric, why);
        self.told.insert(Arc::clone(&subject.uid), trouble);
        Some((app.object_ref(&()), Note::warning(REASON, text)))
    }
}

impl Trouble {
    /// Whether it is the same one: an answer may name another pod each time.
    fn is(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Refused(_), Self::Refused(_))) || self == other
    }

    fn text(&self, revision: &str, metric: Metric, why: &str) -> String {
        let resource = pods::resource(metric);
        match self {
            Self::Unanswered => format!(
                "cannot read the {resource} that pods of '{revision}' use: {why}; their number stays until metrics.k8s.io answers, which metrics-server serves"
            ),
            Self::Refused(why) => {
                format!("cannot read the {resource} that pods of '{revision}' use: {why}; their number stays")
            }
            Self::Unrequested(Unrequested { container }) => format!(
                "container '{container}' of '{revision}' requests no {resource}: set its `resources.requests.{resource}`, which its use is measured against; the number of pods stays"
            ),
        }
    }
}
