//! Versions that nobody uses go, with all that was made for them: the operator as it is, beside a garbage collector.

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use support::{DEPLOYMENT, EVENT, NAMESPACE, REVISION, TODOAPP, World};
use testkit::Seed;
use testkit::api_server::Selector;
use testkit::cluster::program::Behaviours;
use testkit::cluster::{Cluster, Settings};

fn pod(version: u32) -> Value {
    json!({ "containers": [{ "image": format!("todoapp.local/app:{version}"), "ports": [{ "containerPort": 8080 }] }] })
}

/// Makes a version and waits until all requests go there.
async fn release(world: &World, version: u32) -> String {
    world.apply("shop", pod(version));
    let name = format!("shop-{version:05}");
    let routed = || {
        let app = world.view.get(TODOAPP, NAMESPACE, "shop")?;
        let ready = world.revision(&name)["status"]["wasReady"] == true;
        (ready && app["status"]["traffic"][0]["revision"] == *name).then_some(())
    };
    world.until(&format!("traffic on {name}"), routed).await;
    name
}

/// Kinds and names of what carries this revision's name in its labels.
fn belongings(world: &World, revision: &str) -> Vec<String> {
    let kinds = [DEPLOYMENT, ("v1", "Service"), ("v1", "Secret"), ("v1", "Pod")];
    let of = |kind| world.view.list(kind, NAMESPACE, &Selector::default());
    let all = kinds.into_iter().flat_map(|kind| of(kind).into_iter().map(move |object| (kind.1, object)));
    let ours = all.filter(|(_, object)| object["metadata"]["labels"]["todoapp.dev/revision"] == revision);
    ours.map(|(kind, object)| format!("{kind} {}", object["metadata"]["name"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_unused_goes_with_all_that_is_its_own_and_the_pinned_stays() {
    // One besides those in use.
    let world = World::start(&json!({ "retention": "min: 0\nmax: 1" }));
    let _cluster = Cluster::start(&world.server, Seed::new(1), Settings::default(), Arc::<Behaviours>::default());
    let first = release(&world, 1).await;
    let pinned = world.view.get(REVISION, NAMESPACE, &first).expect("made");
    world
        .view
        .patch(&pinned, json!({ "metadata": { "annotations": { "todoapp.dev/pinned": "true" } } }))
        .expect("pinned");
    let second = release(&world, 2).await;
    assert!(belongings(&world, &second).len() >= 3, "{:?}", belongings(&world, &second));
    let third = release(&world, 3).await;
    let noted = || world.revision(&second)["status"]["unroutedSince"].as_str().map(|_| ());
    world.until("the last use of the second noted", noted).await;
    assert_eq!(world.revision(&third)["status"].get("unroutedSince"), None);
    assert_eq!(world.revisions(), [&*first, &second, &third]);

    let fourth = release(&world, 4).await;
    let gone = || (world.revisions() == [&*first, &third, &fourth]).then_some(());
    world.until("the second gone", gone).await;
    let nothing = || belongings(&world, &second).is_empty().then_some(());
    world.until("nothing left of the second", nothing).await;
    let told = || {
        let events = world.view.list(EVENT, NAMESPACE, &Selector::default());
        let collected = events.iter().find(|event| event["reason"] == "RevisionCollected")?;
        Some((collected["regarding"]["name"].clone(), collected["note"].as_str()?.to_owned()))
    };
    let (about, note) = world.until("an Event", told).await;
    assert_eq!(about, "shop");
    assert!(note.starts_with(&format!("revision '{second}', not in use since 20")), "{note}");
}
