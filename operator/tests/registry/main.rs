//! Tags become digests: the operator as it is, against registries as they are.

mod server;
#[path = "../support/mod.rs"]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use server::{PASSWORD, Server, USER};
use support::{DEPLOYMENT, NAMESPACE, TODOAPP, World, condition};
use tokio::net::TcpListener;

/// Settings that know the way to registries, with this time limit.
fn knowing(servers: &[&Server], timeout: &str) -> Value {
    let plain: Vec<_> = servers.iter().filter(|s| s.authority.is_none()).map(|s| s.host.clone()).collect();
    let authorities: Vec<_> = servers.iter().filter_map(|s| s.authority.clone()).collect();
    let mut registries = json!({ "plainHttp": plain, "timeout": timeout });
    if !authorities.is_empty() {
        registries["certificateAuthority"] = authorities.concat().into();
    }
    // JSON is YAML.
    json!({ "registries": registries.to_string() })
}

fn pod(image: &str) -> Value {
    json!({ "containers": [{ "image": image, "ports": [{ "containerPort": 8080 }] }] })
}

/// A Secret as `kubectl create secret docker-registry` makes it.
fn secret(world: &World, name: &str, server: &Server, password: &str) {
    let auth = STANDARD.encode(format!("{USER}:{password}"));
    let config = json!({ "auths": { server.host.clone(): { "auth": auth } } }).to_string();
    let data = json!({ ".dockerconfigjson": STANDARD.encode(config) });
    let object = json!({ "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": data,
        "metadata": { "name": name, "namespace": NAMESPACE } });
    match world.view.get(("v1", "Secret"), NAMESPACE, name) {
        Some(known) => world.view.patch(&known, json!({ "data": data })).expect("a Secret"),
        None => world.create(object),
    };
}

/// The images of a revision's status, once there are any.
async fn resolved(world: &World, revision: &str) -> Vec<String> {
    let look = || {
        let images = world.revision(revision)["status"]["images"].as_array()?.clone();
        Some(images.iter().map(|image| format!("{}={}", text(&image["container"]), text(&image["image"]))).collect())
    };
    world.until(&format!("images of {revision}"), look).await
}

/// The image of the first container of a revision's Deployment, once there is one.
async fn deployed(world: &World, revision: &str) -> String {
    let look = || {
        let deployment = world.view.get(DEPLOYMENT, NAMESPACE, revision)?;
        Some(text(&deployment["spec"]["template"]["spec"]["containers"][0]["image"]))
    };
    world.until(&format!("Deployment {revision}"), look).await
}

/// The message with which a revision is not Ready for this reason, which its app repeats.
async fn failed(world: &World, app: &str, reason: &str) -> String {
    let revision = format!("{app}-00001");
    let look = || condition(&world.revision(&revision), "Ready").filter(|found| found.1 == reason);
    let (status, _, message) = world.until(&format!("{revision} {reason}"), look).await;
    assert_eq!(status, "False");
    assert!(world.view.get(DEPLOYMENT, NAMESPACE, &revision).is_none(), "no pod runs what is not known");
    let told = || {
        let app = world.view.get(TODOAPP, NAMESPACE, app)?;
        condition(&app, "Ready").filter(|found| found.1 == reason && found.2.ends_with(&message))
    };
    world.until(&format!("app {app} {reason}"), told).await;
    message
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_changes_no_version() {
    let server = Server::secure(true);
    let first = server.push("team/app", "1", "first").await;
    let world = World::start(&knowing(&[&server], "10s"));
    secret(&world, "pull", &server, PASSWORD);
    world.create(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "imagePullSecrets": [{ "name": "pull" }],
        "metadata": { "name": "default", "namespace": NAMESPACE } }));
    let image = server.image("team/app");
    let template = |version: &str| {
        json!({
            "initContainers": [{ "name": "first", "image": format!("{image}:1") }],
            "containers": [
                { "name": "main", "image": format!("{image}:1"), "ports": [{ "containerPort": 80 }],
                    "env": [{ "name": "VERSION", "value": version }] },
                { "name": "own", "image": "todoapp.local/own:1" },
            ],
        })
    };
    world.apply("shop", template("1"));
    let by_digest = |digest: &str| format!("{image}@{digest}");
    let expected = vec![format!("first={}", by_digest(&first)), format!("main={}", by_digest(&first))];
    assert_eq!(resolved(&world, "shop-00001").await, expected);
    assert_eq!(deployed(&world, "shop-00001").await, by_digest(&first));

    let second = server.push("team/app", "1", "second").await;
    assert_ne!(first, second);
    let deployment = world.view.get(DEPLOYMENT, NAMESPACE, "shop-00001").expect("seen");
    world.view.delete(&deployment, json!({})).expect("deleted");
    assert_eq!(deployed(&world, "shop-00001").await, by_digest(&first), "made anew");
    world.apply("shop", template("2"));
    assert_eq!(deployed(&world, "shop-00002").await, by_digest(&second), "a version of its own");
    assert_eq!(resolved(&world, "shop-00001").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_named_and_right_ones_are_found_by_themselves() {
    let server = Server::secure(true);
    let digest = server.push("app", "1", "content").await;
    let world = World::start(&knowing(&[&server], "10s"));
    secret(&world, "pull", &server, "wrong");
    let image = server.image("app");
    let mut template = pod(&format!("{image}:1"));
    template["imagePullSecrets"] = json!([{ "name": "pull" }]);
    world.apply("wrong", template);
    world.apply("none", pod(&format!("{image}:1")));
    let of = |told: &str| format!("container 'app', image '{image}:1': registry '{}' {told}", server.host);
    let expected = of("refuses the credentials of Secret 'pull': they must be right, and allow to pull it");
    assert_eq!(failed(&world, "wrong", "ImageUnauthorized").await, expected);
    let none = failed(&world, "none", "ImageUnauthorized").await;
    assert!(none.starts_with(&of("wants credentials for it: name a Secret")), "{none}");

    secret(&world, "pull", &server, PASSWORD);
    assert_eq!(deployed(&world, "wrong-00001").await, format!("{image}@{digest}"));
    // The Deployment is written before the status that tells of it.
    let deploying = || condition(&world.revision("wrong-00001"), "Ready").filter(|found| found.1 == "Deploying");
    assert_eq!(world.until("wrong-00001 Deploying", deploying).await.0, "Unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there_is_named_and_leaves_the_version_before_it_alone() {
    let server = Server::plain();
    let digest = server.push("app", "1", "content").await;
    let world = World::start(&knowing(&[&server], "10s"));
    let image = server.image("app");
    world.apply("shop", pod(&format!("{image}:1")));
    assert_eq!(deployed(&world, "shop-00001").await, format!("{image}@{digest}"));
    let routed = || {
        let app = world.view.get(TODOAPP, NAMESPACE, "shop")?;
        (app["status"]["traffic"][0]["revision"] == "shop-00001").then(|| app["status"]["traffic"].clone())
    };
    world.until("a split", routed).await;

    for (app, name) in [("tag", format!("{image}:2")), ("name", server.image("nothing:1"))] {
        world.apply(app, pod(&name));
        let expected = format!(
            "container 'app', image '{name}': registry '{}' does not have it: push it, or correct its name or tag",
            server.host
        );
        assert_eq!(failed(&world, app, "ImageNotFound").await, expected);
    }
    let pushed = server.push("app", "2", "more").await;
    assert_eq!(deployed(&world, "tag-00001").await, format!("{image}@{pushed}"), "found by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_has_to_be_known_and_settings_take_effect_at_once() {
    let server = Server::secure(false);
    let digest = server.push("app", "1", "content").await;
    let world = World::start(&json!({}));
    world.apply("shop", pod(&server.image("app:1")));
    let told = failed(&world, "shop", "RegistryUnreachable").await;
    assert!(told.contains("UnknownIssuer") && told.contains("`certificateAuthority`"), "{told}");
    world.set(&json!({ "registries": "certificateAuthority: nonsense" }));
    world.set(&knowing(&[&server], "10s"));
    assert_eq!(deployed(&world, "shop-00001").await, format!("{}@{digest}", server.image("app")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_hangs_holds_up_nobody_else() {
    let server = Server::plain();
    let digest = server.push("app", "1", "content").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent_host = silent.local_addr().expect("bound").to_string();
    let world = World::start(&knowing(&[&server], "1m"));
    // More of them than are reconciled, or asked for, at once.
    let hanging: Vec<String> = (0..20).map(|number| format!("hangs{number}")).collect();
    for name in &hanging {
        world.apply(name, pod(&format!("{silent_host}/app:1")));
        let asks = || {
            condition(&world.revision(&format!("{name}-00001")), "Ready").filter(|found| found.1 == "ResolvingImages")
        };
        world.until(&format!("{name} asks"), asks).await;
    }
    world.apply("shop", pod(&server.image("app:1")));
    assert_eq!(deployed(&world, "shop-00001").await, format!("{}@{digest}", server.image("app")));
    for name in &hanging {
        let found = condition(&world.revision(&format!("{name}-00001")), "Ready").expect("asked");
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            ("Unknown", "ResolvingImages"),
            "nobody had to wait for its end"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_does_not_answer_or_does_not_listen_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = silent.local_addr().expect("bound").to_string();
    let world = World::start(&knowing(&[], "1s"));
    world.apply("silent", pod(&format!("{host}/app:1")));
    let told = failed(&world, "silent", "RegistryTimeout").await;
    assert!(told.contains(&format!("registry '{host}' did not answer within 1s")), "{told}");
    drop(silent);
    world.apply("refused", pod(&format!("{host}/app:1")));
    let told = failed(&world, "refused", "RegistryUnreachable").await;
    assert!(told.to_lowercase().contains("connection refused"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_as_written_needs_no_registry() {
    let world = World::start(&json!({}));
    let by_digest = format!("registry.invalid/app@sha256:{}", "0".repeat(64));
    for (name, image, policy) in [
        ("skipped", "todoapp.local/app:1", json!("IfNotPresent")),
        ("digest", by_digest.as_str(), json!("Always")),
        ("never", "registry.invalid/app:1", json!("Never")),
    ] {
        let mut template = pod(image);
        template["containers"][0]["imagePullPolicy"] = policy;
        world.apply(name, template);
        let revision = format!("{name}-00001");
        assert_eq!(deployed(&world, &revision).await, image);
        assert_eq!(world.revision(&revision)["status"].get("images"), None, "{name}");
    }
}
