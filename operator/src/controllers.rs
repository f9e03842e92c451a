//! Runs the two reconcilers: which object next, how many at once, and what a failure means for the next try.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kube::{Resource, ResourceExt};
use rand::RngExt;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::context::Shared;
use crate::error::{Class, Error};
use crate::queue::Queue;
use crate::rounds::Rounds;
use crate::store::{Key, Store};
use crate::{app, revision};

/// Objects of one kind reconciled at the same time.
const CONCURRENCY: usize = 8;

/// When an object that was reconciled is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// When something about it changes.
    Change,
    /// After this time at the latest.
    After(Duration),
}

/// Reconciles apps until the triggers end.
pub async fn apps(context: Shared, triggers: mpsc::Receiver<Key>) {
    run(context.stores.apps.clone(), triggers, context, app::reconcile, app::gone).await;
}

/// Reconciles revisions until the triggers end.
pub async fn revisions(context: Shared, triggers: mpsc::Receiver<Key>) {
    let gone = |_, _| std::future::ready(());
    run(context.stores.revisions.clone(), triggers, context, revision::reconcile, gone).await;
}

/// Has all apps looked at again when the cluster's settings name public hosts otherwise.
pub async fn renamed(context: Shared) {
    let mut settings = context.settings.clone();
    let mut hosts = settings.borrow_and_update().hosts.clone();
    while settings.changed().await.is_ok() {
        let new = settings.borrow_and_update().hosts.clone();
        if std::mem::replace(&mut hosts, new.clone()) == new {
            continue;
        }
        let apps = &context.stores.apps;
        for key in apps.keys(0..apps.slots()) {
            // A receiver is gone only when the process ends.
            let _ = context.again.send(key).await;
        }
    }
}

async fn run<K, F, Fut, G, Gone>(
    store: Store<K>,
    mut triggers: mpsc::Receiver<Key>,
    context: Shared,
    reconcile: F,
    gone: G,
) where
    K: Resource<DynamicType = ()> + DeserializeOwned,
    F: Fn(K, Shared) -> Fut,
    Fut: Future<Output = Result<Next, Error>>,
    G: Fn(Key, Shared) -> Gone,
    Gone: Future<Output = ()>,
{
    let mut queue = Queue::default();
    let mut running = FuturesUnordered::new();
    let mut rounds = Rounds::new();
    // All there is, for the watches tell of changes alone.
    for key in store.keys(0..store.slots()) {
        queue.add(key, Instant::now());
    }
    loop {
        while queue.running() < CONCURRENCY
            && let Some(key) = queue.take(Instant::now())
        {
            running.push(attempt(&store, key, &context, &reconcile, &gone));
        }
        let due = queue.next().filter(|_| queue.running() < CONCURRENCY);
        tokio::select! {
            trigger = triggers.recv() => match trigger {
                Some(key) => queue.add(key, Instant::now()),
                None => return,
            },
            Some((key, next)) = running.next() => queue.done(key, next.map(|delay| Instant::now() + delay)),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            part = rounds.next() => for key in store.keys(part.of(store.slots())) {
                queue.add(key, Instant::now());
            },
        }
    }
}

/// One reconcile; returns after which time to come again, unless a change is to be waited for.
async fn attempt<K, F, Fut, G, Gone>(
    store: &Store<K>,
    key: Key,
    context: &Shared,
    reconcile: &F,
    gone: &G,
) -> (Key, Option<Duration>)
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
    F: Fn(K, Shared) -> Fut,
    Fut: Future<Output = Result<Next, Error>>,
    G: Fn(Key, Shared) -> Gone,
    Gone: Future<Output = ()>,
{
    let Some(object) = store.get(&key) else {
        context.forget(&progress_key::<K>(&key));
        gone(key.clone(), context.clone()).await;
        return (key, None);
    };
    let begun = Instant::now();
    let result = reconcile(object, context.clone()).await;
    context.metrics.reconcile.with_label_values(&[&*K::kind(&())]).observe(begun.elapsed().as_secs_f64());
    let next = match result {
        Ok(next) => {
            context.note(&progress_key::<K>(&key), |p| p.failures = 0);
            match next {
                Next::Change => None,
                Next::After(delay) => Some(delay),
            }
        }
        Err(error) => Some(failed::<K>(&key, &error, context)),
    };
    (key, next)
}

/// Decides when to try again; classes with a limit on their cause wait longer each time.
fn failed<K: Resource<DynamicType = ()>>(key: &Key, error: &Error, context: &Shared) -> Duration {
    let (kind, class) = (K::kind(&()), error.class());
    context.metrics.errors.with_label_values(&[&*kind, class.as_str()]).inc();
    if matches!(class, Class::Conflict | Class::Gone) {
        debug!(%error, %kind, name = %key, "what was read is old");
    } else {
        warn!(%error, %kind, name = %key, "cannot reconcile");
    }
    jitter(class.delay(context.failed(&progress_key::<K>(key))))
}

/// Up to a quarter longer, so that many objects that failed together do not come back together.
fn jitter(delay: Duration) -> Duration {
    delay.mul_f64(1.0 + rand::rng().random_range(0.0..0.25))
}

/// Name of an object in what is kept between its reconciles.
pub fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    progress_key::<K>(&Key::new(object.namespace().unwrap_or_default(), object.name_any()))
}

fn progress_key<K: Resource<DynamicType = ()>>(key: &Key) -> String {
    format!("{}/{key}", K::kind(&()))
}

#[cfg(test)]
mod tests;
