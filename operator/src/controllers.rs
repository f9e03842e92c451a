//! Runs the two reconcilers: which object next, how many at once, and what a failure means for the next try.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use rand::RngExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::context::Shared;
use crate::error::{Class, Error};
use crate::{app, revision};

/// Objects of one kind reconciled at the same time.
const CONCURRENCY: u16 = 8;

/// Reconciles apps until the triggers end.
pub async fn apps(context: Shared, triggers: mpsc::Receiver<ObjectRef<api::TodoApp>>) {
    run(context.stores.apps.clone(), triggers, context, app::reconcile).await;
}

/// Reconciles revisions until the triggers end.
pub async fn revisions(context: Shared, triggers: mpsc::Receiver<ObjectRef<api::Revision>>) {
    run(context.stores.revisions.clone(), triggers, context, revision::reconcile).await;
}

async fn run<K, F, Fut>(store: Store<K>, triggers: mpsc::Receiver<ObjectRef<K>>, context: Shared, reconcile: F)
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
    F: Fn(Arc<K>, Shared) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = Result<Action, Error>> + Send + 'static,
{
    let measured = move |object: Arc<K>, context: Shared| {
        let reconcile = reconcile.clone();
        Box::pin(async move {
            let begun = Instant::now();
            let result = reconcile(object.clone(), context.clone()).await;
            context.metrics.reconcile.with_label_values(&[&*K::kind(&())]).observe(begun.elapsed().as_secs_f64());
            if result.is_ok() {
                context.note(&key(object.as_ref()), |p| p.failures = 0);
            }
            result
        })
    };
    applier(measured, failed, context, store, queue(triggers), Config::default().concurrency(CONCURRENCY))
        .for_each(|outcome| async move {
            if let Err(error) = outcome {
                debug!(%error, "reconcile ended with an error");
            }
        })
        .await;
}

/// Decides when to try again; classes with a limit on their cause wait longer each time.
fn failed<K: Resource<DynamicType = ()>>(object: Arc<K>, error: &Error, context: Shared) -> Action {
    let (kind, class) = (K::kind(&()), error.class());
    context.metrics.errors.with_label_values(&[&*kind, class.as_str()]).inc();
    let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    if matches!(class, Class::Conflict | Class::Gone) {
        debug!(%error, %kind, name, "what was read is old");
    } else {
        warn!(%error, %kind, name, "cannot reconcile");
    }
    let delay = class.delay(context.failed(&key(object.as_ref())));
    Action::requeue(jitter(delay))
}

/// Up to a quarter longer, so that many objects that failed together do not come back together.
fn jitter(delay: Duration) -> Duration {
    delay.mul_f64(1.0 + rand::rng().random_range(0.0..0.25))
}

/// Name of an object in what is kept between its reconciles.
pub fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!("{}/{}", K::kind(&()), object.uid().unwrap_or_default())
}

fn queue<K: Resource<DynamicType = ()> + 'static>(
    triggers: mpsc::Receiver<ObjectRef<K>>,
) -> impl Stream<Item = Result<ObjectRef<K>, Infallible>> {
    futures_util::stream::unfold(triggers, |mut triggers| async {
        let next = triggers.recv().await?;
        Some((Ok(next), triggers))
    })
}
