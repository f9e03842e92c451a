//! The played parts of Kubernetes, seen through kube's client.

mod support;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::{deployment, server};
use testkit::api_server::faults::{Effect, Fault};
use testkit::cluster::program::{Behaviour, Behaviours};
use testkit::cluster::{Cluster, Image, Settings};
use testkit::{ApiServer, Delay, Seed};
use tokio::time::sleep;

const IMAGE: &str = "app:1";

struct World {
    server: ApiServer,
    cluster: Cluster,
    programs: Arc<Behaviours>,
    deployments: Api<Deployment>,
    pods: Api<Pod>,
}

fn world_of(seed: u64, settings: Settings) -> World {
    let server = server(seed);
    let programs = Arc::new(Behaviours::default());
    let client = server.client("test", "default");
    World {
        cluster: Cluster::start(&server, Seed::new(seed), settings, programs.clone()),
        deployments: Api::default_namespaced(client.clone()),
        pods: Api::default_namespaced(client),
        programs,
        server,
    }
}

fn world() -> World {
    world_of(1, Settings::default())
}

impl World {
    async fn deploy(&self, name: &str, replicas: i32) {
        let mut new = deployment(name);
        new.spec.replicas = Some(replicas);
        self.deployments.create(&PostParams::default(), &new).await.expect("made");
    }

    async fn scale(&self, name: &str, replicas: i32) {
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        self.deployments.patch_scale(name, &PatchParams::default(), &patch).await.expect("scaled");
    }

    async fn serve(&self, name: &str) {
        let service = json!({ "metadata": { "name": name, "labels": { "team": "x" } }, "spec": { "clusterIP": "None",
            "selector": { "app": name }, "ports": [{ "name": "http", "port": 80, "targetPort": 8012 }] } });
        let api: Api<Service> = Api::default_namespaced(self.server.client("test", "default"));
        api.create(&PostParams::default(), &serde_json::from_value(service).expect("a Service")).await.expect("made");
    }

    async fn slice(&self) -> EndpointSlice {
        let api: Api<EndpointSlice> = Api::default_namespaced(self.server.client("test", "default"));
        let mut slices = api.list(&ListParams::default()).await.expect("a list").items;
        assert_eq!(slices.len(), 1);
        slices.remove(0)
    }

    async fn live(&self) -> Vec<Pod> {
        self.pods.list(&ListParams::default()).await.expect("a list").items
    }

    async fn ready(&self, name: &str) -> i32 {
        let status = self.deployments.get(name).await.expect("there").status.unwrap_or_default();
        status.ready_replicas.unwrap_or(0)
    }

    async fn first(&self) -> Value {
        serde_json::to_value(&self.live().await[0]).expect("JSON")
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn waiting(pod: &Value) -> (String, String) {
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    let text = |field: &str| waiting[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

#[tokio::test(start_paused = true)]
async fn a_deployment_runs_and_its_service_has_endpoints() {
    let world = world();
    world.serve("d").await;
    world.deploy("d", 3).await;
    sleep(seconds(10)).await;
    let status = world.deployments.get("d").await.expect("there").status.expect("a status");
    assert_eq!((status.ready_replicas, status.updated_replicas, status.unavailable_replicas), (Some(3), Some(3), None));
    let slice = world.slice().await;
    assert_eq!(slice.labels()["kubernetes.io/service-name"], "d");
    assert_eq!(slice.labels()["team"], "x", "labels of the Service are copied");
    let ready = |s: &EndpointSlice| {
        let endpoints = s.endpoints.iter().flatten();
        endpoints.filter(|e| e.conditions.as_ref().is_some_and(|c| c.ready == Some(true))).count()
    };
    assert_eq!(ready(&slice), 3);
    assert_eq!(slice.ports.expect("ports")[0].port, Some(8012));
    world.scale("d", 0).await;
    sleep(seconds(10)).await;
    assert!(world.live().await.is_empty());
    assert_eq!(world.slice().await.endpoints.unwrap_or_default().len(), 0);
    assert_eq!(world.deployments.get("d").await.expect("there").status.expect("a status").ready_replicas, None);
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_pod_goes_first() {
    let world = world();
    world.deploy("d", 3).await;
    sleep(seconds(10)).await;
    let pods = world.live().await;
    let cost = json!({ "metadata": { "annotations": { "controller.kubernetes.io/pod-deletion-cost": "-1" } } });
    let cheap = pods[1].name_any();
    world.pods.patch(&cheap, &PatchParams::default(), &Patch::Merge(cost)).await.expect("patched");
    world.scale("d", 2).await;
    sleep(seconds(10)).await;
    let left: Vec<_> = world.live().await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(left, [pods[0].name_any(), pods[2].name_any()]);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_nowhere_says_so_until_it_is_there() {
    let world = world();
    world.cluster.set_image(IMAGE, Image::Missing);
    world.deploy("d", 1).await;
    sleep(seconds(2)).await;
    let (reason, message) = waiting(&world.first().await);
    assert_eq!(reason, "ErrImagePull");
    assert!(message.ends_with("docker.io/library/app:1: not found"), "{message}");
    sleep(seconds(15)).await;
    let (reason, message) = waiting(&world.first().await);
    assert_eq!(reason, "ImagePullBackOff");
    assert!(message.starts_with("Back-off pulling image \"app:1\": ErrImagePull:"), "{message}");
    world.cluster.set_image(IMAGE, Image::Pulls(Delay::ms(5_000)));
    sleep(seconds(60)).await;
    assert_eq!(world.ready("d").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_crashing_container_is_run_again_later_and_later() {
    let world = world();
    let crashing = Behaviour { crash: Some((Delay::ms(1_000), 3)), ..Behaviour::default() };
    world.programs.set(IMAGE, crashing);
    world.deploy("d", 1).await;
    sleep(seconds(5)).await;
    let pod = world.first().await;
    let (reason, message) = waiting(&pod);
    assert_eq!(reason, "CrashLoopBackOff");
    assert!(message.starts_with("back-off 10s restarting failed container=app pod=d-"), "{message}");
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!((&status["restartCount"], &status["lastState"]["terminated"]["exitCode"]), (&json!(1), &json!(3)));
    sleep(seconds(10)).await;
    let pod = world.first().await;
    assert!(waiting(&pod).1.starts_with("back-off 20s"), "{}", waiting(&pod).1);
    world.programs.set(IMAGE, Behaviour::default());
    sleep(seconds(30)).await;
    assert_eq!(world.ready("d").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pod_ends_when_its_program_does_or_its_grace_is_over() {
    let world = world();
    world.serve("d").await;
    world.programs.set(IMAGE, Behaviour { stop: Delay::ms(20_000), ..Behaviour::default() });
    world.deploy("d", 1).await;
    sleep(seconds(10)).await;
    world.scale("d", 0).await;
    sleep(seconds(5)).await;
    let slice = world.slice().await;
    let conditions = slice.endpoints.expect("endpoints")[0].conditions.clone().expect("conditions");
    assert_eq!((conditions.ready, conditions.serving, conditions.terminating), (Some(false), Some(true), Some(true)));
    assert_eq!(world.ready("d").await, 0, "one that ends counts no more");
    sleep(seconds(10)).await;
    assert_eq!(world.live().await.len(), 1);
    sleep(seconds(10)).await;
    assert!(world.live().await.is_empty());

    world.programs.set(IMAGE, Behaviour { stop: Delay::ms(999_000), ..Behaviour::default() });
    world.scale("d", 1).await;
    sleep(seconds(10)).await;
    world.scale("d", 0).await;
    sleep(seconds(29)).await;
    assert_eq!(world.live().await.len(), 1);
    sleep(seconds(2)).await;
    assert!(world.live().await.is_empty(), "killed after 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_container_waits_for_its_secret() {
    let world = world();
    let mut new = deployment("d");
    let env = json!([{ "name": "K", "valueFrom": { "secretKeyRef": { "name": "s", "key": "key" } } }]);
    let container = &mut new.spec.template.spec.as_mut().expect("a pod").containers[0];
    container.env = serde_json::from_value(env).expect("env");
    world.deployments.create(&PostParams::default(), &new).await.expect("made");
    sleep(seconds(2)).await;
    assert_eq!(waiting(&world.first().await), ("CreateContainerConfigError".into(), "secret \"s\" not found".into()));
    let secret: Secret =
        serde_json::from_value(json!({ "metadata": { "name": "s" }, "stringData": { "key": "v" } })).expect("a Secret");
    let secrets: Api<Secret> = Api::default_namespaced(world.server.client("test", "default"));
    secrets.create(&PostParams::default(), &secret).await.expect("made");
    sleep(seconds(20)).await;
    assert_eq!(world.ready("d").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_place_waits_for_one() {
    let world = world_of(1, Settings { nodes: 1, pods_per_node: 2, ..Settings::default() });
    world.deploy("a", 2).await;
    sleep(seconds(5)).await;
    world.deploy("b", 1).await;
    sleep(seconds(5)).await;
    let pods = world.live().await;
    let waits = pods.iter().find(|pod| pod.name_any().starts_with("b-")).expect("a pod");
    let conditions = waits.status.clone().expect("a status").conditions.expect("conditions");
    let scheduled = conditions.iter().find(|c| c.type_ == "PodScheduled").expect("a condition");
    assert_eq!((scheduled.status.as_str(), scheduled.reason.as_deref()), ("False", Some("Unschedulable")));
    world.scale("a", 1).await;
    sleep(seconds(5)).await;
    assert_eq!(world.ready("b").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_template_rolls_out_with_enough_pods_ready() {
    let world = world();
    world.deploy("d", 4).await;
    sleep(seconds(10)).await;
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": { "v": "2" } } },
        "strategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } } });
    world.deployments.patch("d", &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
    let mut most = 0;
    for _ in 0..600 {
        sleep(Duration::from_millis(50)).await;
        let active = world.live().await.iter().filter(|p| p.metadata.deletion_timestamp.is_none()).count();
        most = most.max(active);
        assert!(world.ready("d").await >= 4);
    }
    assert_eq!(most, 5);
    assert!(world.live().await.iter().all(|pod| pod.annotations().get("v").is_some_and(|v| v == "2")));
    assert_eq!(world.live().await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_a_deployment_goes_with_it_and_a_namespace_with_all_in_it() {
    let world = world();
    world.serve("d").await;
    world.deploy("d", 2).await;
    sleep(seconds(10)).await;
    world.deployments.delete("d", &DeleteParams::default()).await.expect("deleted");
    sleep(seconds(10)).await;
    assert!(world.live().await.is_empty());

    world.deploy("e", 2).await;
    sleep(seconds(10)).await;
    let namespaces: Api<Namespace> = Api::all(world.server.client("test", "default"));
    namespaces.delete("default", &DeleteParams::default()).await.expect("accepted");
    sleep(seconds(10)).await;
    assert!(namespaces.get_opt("default").await.expect("an answer").is_none());
    assert!(world.server.local("test").all().iter().all(|object| object["metadata"]["namespace"] != "default"));
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_goes_last() {
    let world = world();
    world.programs.set(IMAGE, Behaviour { stop: Delay::ms(5_000), ..Behaviour::default() });
    world.deploy("d", 1).await;
    sleep(seconds(10)).await;
    world.deployments.delete("d", &DeleteParams::foreground()).await.expect("accepted");
    sleep(seconds(3)).await;
    assert!(world.deployments.get_opt("d").await.expect("an answer").is_some());
    sleep(seconds(5)).await;
    assert!(world.deployments.get_opt("d").await.expect("an answer").is_none());
    assert!(world.live().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_refused_show_as_a_failure_of_the_deployment() {
    let world = world();
    world.server.rule("v1", "Pod", |pod, _| match pod["metadata"]["labels"]["app"].as_str() {
        Some("d") => Err(("spec", "Forbidden: exceeded quota".to_owned())),
        _ => Ok(()),
    });
    world.deploy("d", 1).await;
    sleep(seconds(5)).await;
    let conditions = world.deployments.get("d").await.expect("there").status.expect("a status").conditions;
    let failure =
        conditions.iter().flatten().find(|c| c.type_.as_deref() == Some("ReplicaFailure")).expect("a condition");
    assert_eq!(failure.reason.as_deref(), Some("FailedCreate"));
    assert!(failure.message.as_deref().is_some_and(|message| message.contains("exceeded quota")));
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_while_the_server_is_away_and_all_of_it_after() {
    let world = world();
    world.programs.set(IMAGE, Behaviour { crash: Some((Delay::ms(15_000), 1)), ..Behaviour::default() });
    world.deploy("d", 3).await;
    sleep(seconds(10)).await;
    let away = seconds(10)..seconds(60);
    world.server.add_fault(Fault::new(Effect::Away).during(away.start, away.end));
    sleep(seconds(10)).await;
    // As somebody did whose write was the last that got through.
    let deployment = world.server.local("test").get(("apps/v1", "Deployment"), "default", "d").expect("there");
    world.server.local("test").patch(&deployment, json!({ "spec": { "replicas": 5 } })).expect("patched");
    sleep(seconds(40)).await;
    world.programs.set(IMAGE, Behaviour::default());
    sleep(seconds(60)).await;
    let log = world.server.log();
    let meanwhile: Vec<_> =
        log.iter().filter(|r| r.user.starts_with("system:") && away.contains(&r.at)).map(ToString::to_string).collect();
    assert_eq!(meanwhile, Vec::<String>::new());
    assert_eq!(world.ready("d").await, 5);
}

/// A busy quarter of an hour; its log.
async fn busy(seed: u64) -> String {
    let world = world_of(seed, Settings::default());
    let flaky = Behaviour { crash: Some((Delay::between_ms(1_000, 120_000), 1)), ..Behaviour::default() };
    world.programs.set(IMAGE, flaky);
    for name in ["a", "b", "c"] {
        world.serve(name).await;
        world.deploy(name, 0).await;
    }
    for (turn, replicas) in [3, 10, 0, 7, 1, 20, 2, 0].into_iter().enumerate() {
        world.scale(["a", "b", "c"][turn % 3], replicas).await;
        sleep(seconds(100)).await;
    }
    let objects: Vec<_> = world.server.local("test").all().iter().map(ToString::to_string).collect();
    let log: Vec<_> = world.server.log().iter().map(ToString::to_string).collect();
    format!("{}\n{}", log.join("\n"), objects.join("\n"))
}

#[test]
fn a_seed_gives_the_same_cluster_byte_for_byte() {
    let run = |seed| testkit::run(busy(seed));
    let (first, again, other) = (run(3), run(3), run(4));
    assert!(first.lines().count() > 500, "{}", first.lines().count());
    let differing = first.lines().zip(again.lines()).enumerate().find(|(_, (a, b))| a != b);
    assert_eq!(differing, None, "the first line that differs");
    assert_eq!(first.len(), again.len());
    assert_ne!(first, other);
}
