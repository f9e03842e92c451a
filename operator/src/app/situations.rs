//! Golden files: what an app's reconcile makes of forty situations. `situations/*.yaml` hold what there is (`given`) and
//! what follows (`then`); `BLESS=1 cargo test -p operator situations` writes the latter, to be read before it is kept.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use api::{Revision, TodoApp, TodoAppStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{hosts, network, observe, route, snapshot, status, tolerate};
use crate::clock::Clock;
use crate::context::{self, Context};
use crate::ports::PortBook;
use crate::store::{Store, Watched};

/// What there is. What is left out is as in the app of `tests.rs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    /// Time of day; default ten o'clock.
    now: Option<String>,
    /// Of the app.
    spec: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    revisions: Vec<GivenRevision>,
    /// Activators that are ready; default one.
    activators: Option<u8>,
    /// Name of another app of the namespace.
    other_app: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GivenRevision {
    name: String,
    /// Default: that of the app.
    image: Option<String>,
    /// Was ready once.
    #[serde(default)]
    ready: bool,
    /// Why it is not.
    failure: Option<(String, String)>,
    /// Wanted, ready.
    pods: Option<(u32, u32)>,
}

fn put<K, R>(store: &Store<K>, object: Value)
where
    K: DeserializeOwned + Send + Sync,
    Watched<R>: DeserializeOwned,
{
    store.take(Event::Apply(serde_json::from_value::<Watched<R>>(object).expect("an object")));
}

fn app(given: &Given) -> TodoApp {
    let mut app = super::tests::app(given.spec.clone());
    app.status = serde_json::from_value(given.status.clone()).expect("a status");
    app
}

/// The world in which the app is looked at.
fn world(given: &Given, app: &TodoApp) -> Context {
    let mut world = context::tests::context();
    let now = given.now.clone().unwrap_or_else(|| "2026-05-04T10:00:00Z".to_owned()).parse().expect("a time");
    world.clock = Clock::new(move || now);
    for (number, wish) in (1..).zip(&given.revisions) {
        put::<_, Revision>(&world.stores.revisions, revision(app, number, wish));
        if let Some((wanted, ready)) = wish.pods {
            let labels = json!({ "todoapp.dev/app": "shop", "todoapp.dev/revision": wish.name });
            let metadata = json!({ "name": wish.name, "namespace": "market", "labels": labels });
            let deployment =
                json!({ "metadata": metadata, "spec": { "replicas": wanted }, "status": { "readyReplicas": ready } });
            put::<_, k8s_openapi::api::apps::v1::Deployment>(&world.stores.deployments, deployment);
        }
    }
    let endpoints: Vec<_> = (1..=given.activators.unwrap_or(1))
        .map(|n| json!({ "addresses": [format!("10.0.0.{n}")], "conditions": { "ready": true } }))
        .collect();
    let slice =
        json!({ "metadata": { "name": "a", "namespace": "sys" }, "addressType": "IPv4", "endpoints": endpoints });
    put::<_, k8s_openapi::api::discovery::v1::EndpointSlice>(&world.stores.activators, slice);
    if let Some(other) = &given.other_app {
        let other = json!({ "metadata": { "name": other, "namespace": "market" }, "spec": given.spec });
        put::<_, TodoApp>(&world.stores.apps, other);
    }
    world
}

fn revision(app: &TodoApp, number: u32, wish: &GivenRevision) -> Value {
    let mut revision = super::tests::revision(&wish.name, number, wish.ready);
    revision.spec = snapshot::wanted(app);
    if let Some(image) = &wish.image {
        let mut template = serde_json::to_value(&app.spec.template).expect("JSON");
        template["spec"]["containers"][0]["image"] = image.as_str().into();
        revision.spec.template = serde_json::from_value(template).expect("a template");
    }
    let mut revision = serde_json::to_value(revision).expect("JSON");
    let told = match &wish.failure {
        Some((reason, message)) => Some(("False", reason.as_str(), message.as_str())),
        None => wish.ready.then_some(("True", "Ready", "a pod of this revision was ready")),
    };
    if let Some((state, reason, message)) = told {
        revision["status"]["conditions"] = json!([{ "type": "Ready", "status": state, "reason": reason, "message": message,
            "lastTransitionTime": "2026-05-04T09:00:00Z" }]);
    }
    revision
}

async fn then(given: &Given) -> Value {
    let app = app(given);
    let world = world(given, &app);
    let mut observed = observe::observe(&app, &world.stores);
    let next = snapshot::next(&app, &observed.revisions);
    let creates = next.as_ref().ok().and_then(|next| next.as_ref().map(ResourceExt::name_any));
    let made = next.map(|next| next.into_iter().for_each(|revision| observed.add(revision)));
    let refused = tolerate(made).expect("nothing that passes by itself");
    let (release, traffic) = route(&app, &observed, &world).await;
    let doors = network::doors(&app, &traffic.targets, &mut PortBook::default()).expect("ports");
    let again = release.again.map(|again| format!("{again:?}"));
    let names = hosts::names(&app, &traffic.targets, &world);
    let outcome = status::Outcome { traffic, release, doors, names, refused };
    let old: TodoAppStatus = app.status.clone().unwrap_or_default();
    let new = status::plan(&app, &old, &observed, &outcome, &world.args, &Time(world.clock.now()));
    let events: Vec<_> = status::notes(&old, &new, &outcome.release.notes)
        .iter()
        .map(|n| format!("{}{}: {}", if n.warning { "Warning " } else { "" }, n.reason, n.text))
        .collect();
    let mut status = serde_json::to_value(&new).expect("JSON");
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        let told =
            ["status", "reason", "message"].map(|field| condition[field].as_str().unwrap_or_default().to_owned());
        *condition =
            format!("{} {} {}: {}", condition["type"].as_str().unwrap_or_default(), told[0], told[1], told[2]).into();
    }
    json!({ "creates": creates, "status": status, "events": events, "lookAgainAfter": again })
}

#[tokio::test]
async fn situations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app/situations");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 40, "{} situations", files.len());
    let mut wrong = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let (head, kept) = text.split_once("then:\n").unwrap_or((&text, ""));
        let whole: Value = serde_saphyr::from_str(head).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let given = serde_json::from_value(whole["given"].clone())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let made = serde_saphyr::to_string(&json!({ "then": then(&given).await })).expect("YAML");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, format!("{head}{made}")).expect("writable");
        } else if format!("then:\n{kept}") != made {
            let _ = write!(wrong, "\n{}:\n{made}", file.display());
        }
    }
    assert!(wrong.is_empty(), "not as kept:{wrong}");
}
