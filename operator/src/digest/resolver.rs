//! Who asks the registries, how many at once, and when again.
//!
//! A reconcile never waits for a registry: it begins the work, which ends with a trigger that brings the revision back.
//! Of the work there is a limit, of which one registry gets a part: where one hangs, the images of others are still
//! resolved, and what is over the limit comes back by itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use api::{ResolvedImage, Revision};
use kube::ResourceExt;
use parking_lot::Mutex;
use policy::{Registries, Settings};
use serde_json::{Map, Value};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::cause::Problem;
use super::wanted::{Wanted, wanted};
use super::{keyring, registry};
use crate::controllers;
use crate::store::Key;

/// Revisions whose registries are asked at the same time.
const WORK_MAX: usize = 16;
/// Of these, revisions that ask the same registry.
const SHARE: usize = 4;
/// Those over the limit come again after this time.
const OVER_LIMIT: Duration = Duration::from_secs(2);
/// First and longest wait after a failure.
const BACKOFF: [Duration; 2] = [Duration::from_secs(5), Duration::from_mins(5)];

/// Where the images of a revision stand.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// They are run as written.
    AsWritten,
    /// By digest.
    Resolved(Vec<ResolvedImage>),
    /// Not known yet: why not, if it was tried, and when to come again, if no trigger will.
    Open(Option<Problem>, Option<Duration>),
}

/// Resolves images of revisions.
pub struct Resolver {
    client: kube::Client,
    settings: watch::Receiver<Arc<Settings>>,
    triggers: mpsc::Sender<Key>,
    /// One of each revision that waits for its images; [`Resolver::forget`] drops it.
    entries: Mutex<HashMap<String, Entry>>,
    /// Ended with the resolver.
    tasks: Mutex<JoinSet<()>>,
}

type Outcome = Result<Vec<ResolvedImage>, Problem>;

/// What is known of one revision.
#[derive(Debug)]
struct Entry {
    key: Key,
    uid: Option<String>,
    registries: BTreeSet<String>,
    /// The work under way.
    work: Option<oneshot::Receiver<Outcome>>,
    /// What came of the work before.
    last: Option<Outcome>,
    /// Failed tries in a row.
    failures: u32,
    /// Not tried again before, unless the settings are others than these.
    due: (Instant, Arc<Settings>),
}

impl Resolver {
    /// `triggers` is told of each revision that has an answer.
    pub fn new(client: kube::Client, settings: watch::Receiver<Arc<Settings>>, triggers: mpsc::Sender<Key>) -> Self {
        Self { client, settings, triggers, entries: Mutex::default(), tasks: Mutex::default() }
    }

    /// Where the images of this revision stand, and begins to ask for them. An answer stays until it is forgotten.
    pub fn ask(&self, revision: &Revision) -> Answer {
        let (name, now) = (controllers::key(revision), Instant::now());
        let settings = self.settings.borrow().clone();
        let pod = revision.spec.template.spec().unwrap_or_default();
        let wanted = wanted(&pod, &settings.registries);
        let mut entries = self.entries.lock();
        let known = entries.remove(&name).filter(|entry| entry.uid == revision.uid());
        let mut entry = known.unwrap_or_else(|| Entry::new(revision, &wanted, (now, settings.clone())));
        entry.collect(now, &settings);
        if wanted.is_empty() && !entry.is_answered() {
            return Answer::AsWritten;
        }
        let wait = entry.wait(now, &settings, || has_room(entries.values(), &entry.registries));
        if wait.is_none() && entry.work.is_none() && !entry.is_answered() {
            entry.work = Some(self.begin(&entry, pod, wanted, settings));
        }
        let answer = match entry.last.clone() {
            Some(Ok(images)) => Answer::Resolved(images),
            Some(Err(problem)) => Answer::Open(Some(problem), wait),
            None => Answer::Open(None, wait),
        };
        entries.insert(name, entry);
        answer
    }

    /// Whether a revision, by its name between reconciles, waits for an answer, or has one that is not forgotten.
    pub fn knows(&self, name: &str) -> bool {
        self.entries.lock().contains_key(name)
    }

    /// Drops what is known of a revision, by its name between reconciles.
    pub fn forget(&self, name: &str) {
        self.entries.lock().remove(name);
    }

    /// Brings back all that wait when the settings change, until they change no more.
    pub async fn follow(&self) {
        let mut settings = self.settings.clone();
        while settings.changed().await.is_ok() {
            let waiting: Vec<Key> = self.entries.lock().values().map(|entry| entry.key.clone()).collect();
            for key in waiting {
                // Gone only when the process ends.
                let _ = self.triggers.send(key).await;
            }
        }
    }

    fn begin(
        &self,
        entry: &Entry,
        pod: Map<String, Value>,
        wanted: Vec<Wanted>,
        settings: Arc<Settings>,
    ) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let (client, triggers, key) = (self.client.clone(), self.triggers.clone(), entry.key.clone());
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let outcome = work(&client, &key, &pod, &wanted, &settings.registries).await;
            if let Err(problem) = &outcome {
                warn!(revision = %key, reason = problem.reason, problem.message, "images are not resolved");
            }
            // Nobody waits for it when the revision is gone.
            let _ = sender.send(outcome);
            let _ = triggers.send(key).await;
        });
        receiver
    }
}

async fn work(
    client: &kube::Client,
    key: &Key,
    pod: &Map<String, Value>,
    wanted: &[Wanted],
    registries: &Registries,
) -> Outcome {
    let limit = registries.timeout();
    let read = timeout(limit, keyring::read(client, &key.namespace, pod)).await;
    let keyring = read.unwrap_or_else(|_| Err(Problem::credentials(format!("no answer within {limit:?}"))))?;
    registry::resolve(wanted, &keyring, registries).await
}

/// Whether there is room for further work that asks these registries.
fn has_room<'a>(entries: impl Iterator<Item = &'a Entry>, registries: &BTreeSet<String>) -> bool {
    let busy: Vec<&Entry> = entries.filter(|entry| entry.work.is_some()).collect();
    let asking = |registry: &String| busy.iter().filter(|entry| entry.registries.contains(registry)).count();
    busy.len() < WORK_MAX && registries.iter().all(|registry| asking(registry) < SHARE)
}

impl Entry {
    fn new(revision: &Revision, wanted: &[Wanted], due: (Instant, Arc<Settings>)) -> Self {
        Self {
            key: Key::of(&revision.metadata),
            uid: revision.uid(),
            registries: wanted.iter().map(|one| one.image.registry().to_owned()).collect(),
            work: None,
            last: None,
            failures: 0,
            due,
        }
    }

    fn is_answered(&self) -> bool {
        matches!(self.last, Some(Ok(_)))
    }

    /// Takes what came of the work, if it is done.
    fn collect(&mut self, now: Instant, settings: &Arc<Settings>) {
        let outcome = match self.work.as_mut().map(oneshot::Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(outcome)) => outcome,
            Some(Err(TryRecvError::Closed)) => Err(Problem::broken()),
        };
        if outcome.is_err() {
            self.due = (now + backoff(self.failures), settings.clone());
            self.failures += 1;
        }
        (self.work, self.last) = (None, Some(outcome));
    }

    /// How long no work is to begin; none if it may, is under way, or is done.
    fn wait(&self, now: Instant, settings: &Arc<Settings>, has_room: impl FnOnce() -> bool) -> Option<Duration> {
        let (due, under) = &self.due;
        if self.work.is_some() || self.is_answered() {
            None
        } else if *due > now && under.registries == settings.registries {
            Some(*due - now)
        } else {
            (!has_room()).then_some(OVER_LIMIT)
        }
    }
}

fn backoff(failures: u32) -> Duration {
    let [first, longest] = BACKOFF;
    first.saturating_mul(1 << failures.min(16)).min(longest)
}

#[cfg(test)]
mod tests;
