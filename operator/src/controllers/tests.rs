//! Who is reconciled when, over time.

use std::collections::HashMap;
use std::sync::Arc;

use api::Revision;
use kube::runtime::watcher::Event;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::*;
use crate::context::tests::context;
use crate::store::Watched;

/// When each object was reconciled, in seconds, and how many at once at most.
#[derive(Default)]
struct Seen {
    times: HashMap<String, Vec<u64>>,
    now: usize,
    most: usize,
}

fn put(context: &Shared, name: &str) {
    let object = json!({ "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
        "metadata": { "name": name, "namespace": "ns", "uid": name },
        "spec": { "template": { "spec": { "containers": [{ "image": "i" }] } } } });
    let object: Watched<Revision> = serde_json::from_value(object).expect("a revision");
    context.stores.revisions.take(Event::Apply(object));
}

/// Lives for `seconds`, while each reconcile takes one and `outcome` says what came of it.
async fn live(
    context: &Shared,
    triggers: mpsc::Receiver<Key>,
    seconds: u64,
    outcome: impl Fn(&str) -> Result<Next, Error>,
) -> Seen {
    let (seen, begin) = (Mutex::new(Seen::default()), Instant::now());
    let reconcile = async |revision: Revision, _: Shared| {
        {
            let mut seen = seen.lock();
            seen.times.entry(revision.name_any()).or_default().push(begin.elapsed().as_secs());
            seen.now += 1;
            seen.most = seen.most.max(seen.now);
        }
        sleep(Duration::from_secs(1)).await;
        seen.lock().now -= 1;
        outcome(&revision.name_any())
    };
    let gone = |_, _| std::future::ready(());
    let life = run(context.stores.revisions.clone(), triggers, context.clone(), reconcile, gone);
    let _ = timeout(Duration::from_secs(seconds), life).await;
    seen.into_inner()
}

#[tokio::test(start_paused = true)]
async fn all_there_is_comes_once_a_few_at_a_time_and_again_after_a_round() {
    let context = Arc::new(context());
    for n in 0..20 {
        put(&context, &format!("r{n}"));
    }
    let (_keep, triggers) = mpsc::channel(1);
    let seen = live(&context, triggers, 302, |_| Ok(Next::Change)).await;
    assert_eq!((seen.times.len(), seen.most), (20, CONCURRENCY));
    assert!(seen.times.values().all(|times| times.len() == 2 && times[0] < 3), "{:?}", seen.times);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_while_under_way_makes_one_more_and_what_is_gone_is_forgotten() {
    let context = Arc::new(context());
    put(&context, "r");
    let (trigger, triggers) = mpsc::channel(8);
    for name in ["r", "r", "gone"] {
        trigger.send(Key::new("ns", name)).await.expect("room");
    }
    context.failed("Revision/ns/gone");
    let seen = live(&context, triggers, 4, |_| Ok(Next::Change)).await;
    assert_eq!(seen.times["r"], [0, 1]);
    assert_eq!(context.failures("Revision/ns/gone"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_and_counted_until_it_passes() {
    let context = Arc::new(context());
    put(&context, "fails");
    put(&context, "waits");
    let (_keep, triggers) = mpsc::channel(1);
    let seen = live(&context, triggers, 45, |name| match name {
        "fails" => Err(Error::Invalid("a field".to_owned())),
        _ => Ok(Next::After(Duration::from_secs(10))),
    })
    .await;
    let fails = &seen.times["fails"];
    assert!(fails.len() == 2 && (31..=38).contains(&fails[1]), "30 s and up to a quarter more: {fails:?}");
    assert_eq!(seen.times["waits"], [0, 11, 22, 33, 44]);
    assert_eq!(context.failures("Revision/ns/fails"), 2);
    let (_keep, triggers) = mpsc::channel(1);
    live(&context, triggers, 2, |_| Ok(Next::Change)).await;
    assert_eq!(context.failures("Revision/ns/fails"), 0);
}
