//! Objects that cannot be: refused with the field and what would be right, or named by a condition; nothing else moves.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::wait_condition;
use e2e::{App, Space, with_namespace};
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

/// What is put where (a JSON pointer), and the parts that the refusal must have.
type Case = (&'static str, Value, &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
async fn impossible_objects_are_refused_and_the_refusal_names_the_field_and_what_is_right() {
    with_namespace(async |space: Space| {
        App::new("good").asleep(&space).await?;
        let before = objects(&space).await?;
        let (mut wrong, cases) = (Vec::new(), cases());
        let total = cases.len();
        for (pointer, value, parts) in cases {
            let mut object = App::new("bad").to_value();
            put(&mut object, pointer, value.clone());
            let short: String = value.to_string().chars().take(60).collect();
            match create(&space, &object).await {
                Ok(()) => wrong.push(format!("{pointer} = {short}: accepted")),
                Err(message) if parts.iter().all(|part| message.contains(part)) => {}
                Err(message) => wrong.push(format!("{pointer} = {short}: expected {parts:?} in: {message}")),
            }
        }
        ensure!(wrong.is_empty(), "{} of {total}:\n{}", wrong.len(), wrong.join("\n"));
        let after = objects(&space).await?;
        ensure!(before == after, "before {before:?}, after {after:?}");
        println!("{total} objects refused");
        Ok(())
    })
    .await;
}

fn cases() -> Vec<Case> {
    [scaling(), schedules(), traffic(), ingress_and_names(), template()].concat()
}

fn scaling() -> Vec<Case> {
    const WINDOW: &[&str] = &["spec.scaling.window", "must be a duration from '6s' to '1h', such as '60s'"];
    vec![
        ("/spec/scaling", json!({ "min": 11, "max": 10 }), &["spec.scaling", "`min` must not be greater than `max`"]),
        (
            "/spec/scaling",
            json!({ "metric": "CPU", "utilizationPercent": 70 }),
            &["spec.scaling", "`utilizationPercent` must not be set with metric CPU or Memory"],
        ),
        ("/spec/scaling/min", json!(-1), &["spec.scaling.min", "should be greater than or equal to 0"]),
        ("/spec/scaling/max", json!(0), &["spec.scaling.max", "should be greater than or equal to 1"]),
        ("/spec/scaling/max", json!(1001), &["spec.scaling.max", "should be less than or equal to 1000"]),
        ("/spec/scaling/target", json!(0), &["spec.scaling.target", "0.01"]),
        ("/spec/scaling/target", json!(-0.5), &["spec.scaling.target", "0.01"]),
        ("/spec/scaling/target", json!("many"), &["spec.scaling.target", "must be of type number"]),
        (
            "/spec/scaling/utilizationPercent",
            json!(0),
            &["spec.scaling.utilizationPercent", "greater than or equal to 1"],
        ),
        (
            "/spec/scaling/utilizationPercent",
            json!(101),
            &["spec.scaling.utilizationPercent", "less than or equal to 100"],
        ),
        ("/spec/scaling/window", json!("1s"), WINDOW),
        ("/spec/scaling/window", json!("2h"), WINDOW),
        ("/spec/scaling/window", json!("soon"), WINDOW),
        ("/spec/scaling/zeroGrace", json!("48h"), &["spec.scaling.zeroGrace", "must be a duration from '0s' to '24h'"]),
        ("/spec/scaling/metric", json!("Requests"), &["spec.scaling.metric", "supported values", "RequestRate"]),
        ("/spec/scaling/aggregation", json!("linear"), &["spec.scaling.aggregation", "supported values", "Linear"]),
        ("/spec/scaling/initial", json!(0), &["spec.scaling.initial", "should be greater than or equal to 1"]),
        (
            "/spec/scaling",
            json!({ "initial": 6, "max": 5 }),
            &["spec.scaling", "`initial` must not be greater than `max`"],
        ),
        (
            "/spec/scaling",
            json!({ "activation": 6, "max": 5 }),
            &["spec.scaling", "`activation` must not be greater than `max`"],
        ),
        ("/spec/scaling/burst", json!({ "windowPercent": 0 }), &["spec.scaling.burst.windowPercent", "1"]),
        ("/spec/scaling/burst", json!({ "thresholdPercent": 100 }), &["spec.scaling.burst.thresholdPercent", "110"]),
        ("/spec/scaling/rates", json!({ "up": 1 }), &["spec.scaling.rates.up", "must be greater than 1"]),
        ("/spec/scaling/rates", json!({ "down": 0.5 }), &["spec.scaling.rates.down", "1"]),
        (
            "/spec/scaling/scaleDownDelay",
            json!("2h"),
            &["spec.scaling.scaleDownDelay", "must be a duration from '0s' to '1h'"],
        ),
        (
            "/spec/scaling/zeroRetention",
            json!("2h"),
            &["spec.scaling.zeroRetention", "must be a duration from '0s' to '1h'"],
        ),
        ("/spec/scaling/mni", json!(1), &["unknown field", "spec.scaling.mni"]),
        ("/spec/concurrencyLimit", json!(-1), &["spec.concurrencyLimit", "should be greater than or equal to 0"]),
        ("/spec/concurrencyLimit", json!(1001), &["spec.concurrencyLimit", "should be less than or equal to 1000"]),
        (
            "/spec/timeouts",
            json!({ "request": "0s" }),
            &["spec.timeouts.request", "must be a duration from '1s' to '24h'"],
        ),
        (
            "/spec/timeouts",
            json!({ "request": "1d" }),
            &["spec.timeouts.request", "must be a duration from '1s' to '24h'"],
        ),
    ]
}

fn schedules() -> Vec<Case> {
    const AT: &str = "/spec/scaling/schedules";
    const DIFFER: &[&str] = &["spec.scaling.schedules[0]", "`start` and `end` must differ"];
    let of = |start: &str, end: &str| json!({ "start": start, "end": end, "min": 1 });
    let with = |field: &str, value: Value| {
        let mut schedule = of("08:00", "18:00");
        schedule[field] = value;
        json!([schedule])
    };
    vec![
        (AT, with("start", json!("24:00")), &["schedules[0].start", "from '00:00' to '23:59:59', such as '08:00'"]),
        (AT, with("start", json!("8:00")), &["schedules[0].start", "from '00:00' to '23:59:59', such as '08:00'"]),
        (AT, with("end", json!("24:01")), &["schedules[0].end", "from '00:00' to '24:00', such as '18:30'"]),
        (AT, json!([of("08:00", "08:00")]), DIFFER),
        (AT, json!([of("08:00:00", "08:00")]), DIFFER),
        (AT, with("days", json!(["Someday"])), &["schedules[0].days[0]", "supported values", "Mon"]),
        (AT, with("days", json!([])), &["schedules[0].days", "should have at least 1 items"]),
        (AT, with("min", json!(0)), &["schedules[0].min", "should be greater than or equal to 1"]),
        (AT, with("timeZone", json!("")), &["schedules[0].timeZone", "at least 1 chars long"]),
        (AT, with("timezone", json!("UTC")), &["unknown field", "schedules[0].timezone"]),
        (AT, json!([{ "start": "08:00", "end": "18:00" }]), &["schedules[0].min", "Required value"]),
        (AT, json!(vec![of("08:00", "18:00"); 33]), &["spec.scaling.schedules", "must have at most 32 items"]),
        (
            "/spec/scaling",
            json!({ "max": 5, "schedules": with("min", json!(6)) }),
            &["spec.scaling", "`min` of a schedule must not be greater than `max`"],
        ),
    ]
}

fn traffic() -> Vec<Case> {
    let latest = |percent: i32, tag: &str| json!({ "latest": true, "percent": percent, "tag": tag });
    let unnamed = |percent: i32| json!({ "latest": true, "percent": percent });
    vec![
        ("/spec/traffic", json!([unnamed(90)]), &["spec.traffic", "the `percent` of all targets together must be 100"]),
        (
            "/spec/traffic",
            json!([unnamed(60), unnamed(60)]),
            &["spec.traffic", "the `percent` of all targets together must be 100"],
        ),
        ("/spec/traffic", json!([unnamed(101)]), &["spec.traffic[0].percent", "should be less than or equal to 100"]),
        ("/spec/traffic", json!([unnamed(-1)]), &["spec.traffic[0].percent", "should be greater than or equal to 0"]),
        (
            "/spec/traffic",
            json!([{ "percent": 100 }]),
            &["spec.traffic[0]", "must name either `revision` or `latest: true`"],
        ),
        (
            "/spec/traffic",
            json!([{ "percent": 100, "latest": true, "revision": "bad-00001" }]),
            &["spec.traffic[0]", "must name either `revision` or `latest: true`"],
        ),
        (
            "/spec/traffic",
            json!([latest(50, "a"), latest(50, "a")]),
            &["spec.traffic", "each `tag` must be given once"],
        ),
        (
            "/spec/traffic",
            json!([latest(100, "Green")]),
            &["spec.traffic[0].tag", "must start with a letter and consist of"],
        ),
        ("/spec/traffic", json!([latest(100, &"t".repeat(21))]), &["spec.traffic[0].tag", "may not be more than 20"]),
        ("/spec/traffic", json!(vec![unnamed(0); 17]), &["spec.traffic", "must have at most 16 items"]),
    ]
}

fn ingress_and_names() -> Vec<Case> {
    const HOSTS: &[&str] =
        &["spec.ingress.hosts", "must be DNS names in lower case without port, such as 'shop.example.com'"];
    let many: Vec<String> = (0..17).map(|n| format!("shop{n}.example.com")).collect();
    vec![
        ("/spec/ingress", json!({ "hosts": ["my shop.example.com"] }), HOSTS),
        ("/spec/ingress", json!({ "hosts": ["Shop.example.com"] }), HOSTS),
        ("/spec/ingress", json!({ "hosts": ["shop.example.com:80"] }), HOSTS),
        ("/spec/ingress", json!({ "hosts": ["http://shop.example.com"] }), HOSTS),
        (
            "/spec/ingress",
            json!({ "hosts": ["a".repeat(300)] }),
            &["spec.ingress.hosts[0]", "may not be more than 253"],
        ),
        ("/spec/ingress", json!({ "hosts": many }), &["spec.ingress.hosts", "must have at most 16 items"]),
        ("/spec/ingress", json!({ "visibility": "Everyone" }), &["spec.ingress.visibility", "\"Public\", \"Cluster\""]),
        ("/metadata/name", json!("n".repeat(51)), &["`metadata.name` must be at most 50 characters"]),
        ("/metadata/name", json!("n".repeat(300)), &["metadata.name", "must be no more than 253"]),
        ("/metadata/name", json!("1bad"), &["`metadata.name`", "start with a letter"]),
        ("/metadata/name", json!("bad.name"), &["`metadata.name`", "consist of 'a' to 'z', '0' to '9' and '-'"]),
        ("/metadata/name", json!("Bad"), &["metadata.name", "lower case"]),
        (
            "/spec/template/metadata",
            json!({ "name": "other-v2" }),
            &["`spec.template.metadata.name` must begin with the app's name"],
        ),
        (
            "/spec/template/metadata",
            json!({ "name": "bad-V2" }),
            &["spec.template.metadata.name", "must start with a letter"],
        ),
    ]
}

fn template() -> Vec<Case> {
    const LIST: &str = "/spec/template/spec/containers";
    let ports = |ports: &[i32]| ports.iter().map(|p| json!({ "containerPort": p })).collect::<Vec<_>>();
    let with = |numbers: &[i32]| json!({ "name": "a", "image": "i:1", "ports": ports(numbers) });
    let named = |name: &str| json!({ "name": name, "image": "i:1" });
    vec![
        ("/spec/template", json!(null), &["spec.template", "Required value"]),
        ("/spec/template", json!({}), &["spec.template.spec", "Required value"]),
        (LIST, json!([]), &["spec.template.spec.containers", "should have at least 1 items"]),
        (LIST, json!([{ "ports": [] }]), &["spec.template.spec.containers[0].image", "Required value"]),
        (
            LIST,
            json!([{ "image": "" }]),
            &["spec.template.spec.containers[0].image", "should be at least 1 chars long"],
        ),
        (
            LIST,
            json!([with(&[80]), with(&[81])]),
            &["spec.template.spec.containers", "exactly one container must declare a port"],
        ),
        (LIST, json!([with(&[80, 81])]), &["spec.template.spec.containers", "must declare one port"]),
        (LIST, json!([with(&[8012])]), &["containers[0].ports[0].containerPort", "ports 8012 and 9091 are taken"]),
        (LIST, json!([with(&[70_000])]), &["containers[0].ports[0].containerPort", "less than or equal to 65535"]),
        (
            LIST,
            json!([named("queue-proxy")]),
            &["spec.template.spec.containers", "'queue-proxy' is taken by the sidecar"],
        ),
        (
            LIST,
            json!([with(&[80]), { "image": "i:1" }]),
            &["spec.template.spec.containers", "each container must have a `name`"],
        ),
    ]
}

/// Sets what the pointer leads to; a null removes it.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut).expect("the pointer's parent");
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
}

/// Creates it as kubectl does, which has unknown fields refused; the refusal as text.
async fn create(space: &Space, object: &Value) -> Result<(), String> {
    let path = format!("/apis/todoapp.dev/v1alpha1/namespaces/{}/todoapps?fieldValidation=Strict", space.name);
    let request = Request::post(path).header("content-type", "application/json").body(object.to_string().into_bytes());
    let request = request.map_err(|e| e.to_string())?;
    space.client().request::<Value>(request).await.map(drop).map_err(|e| e.to_string())
}

/// Names and resource versions of everything that the system owns here.
async fn objects(space: &Space) -> Result<Vec<String>> {
    let all = ListParams::default();
    let mut found = Vec::new();
    for revision in space.api::<api::Revision>().list(&all).await? {
        found.push(format!("Revision {} {:?}", revision.name_any(), revision.resource_version()));
    }
    for deployment in space.api::<Deployment>().list(&all).await? {
        found.push(format!("Deployment {} {:?}", deployment.name_any(), deployment.resource_version()));
    }
    for service in space.api::<Service>().list(&all).await? {
        found.push(format!("Service {} {:?}", service.name_any(), service.resource_version()));
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_can_know_is_named_by_a_condition() {
    const LIMIT: Duration = Duration::from_secs(15);
    with_namespace(async |space: Space| {
        App::new("good").asleep(&space).await?;
        let all_to = |revision: &str| json!([{ "revision": revision, "percent": 100 }]);
        let volume = json!([{ "name": "nothing", "mountPath": "/data" }]);
        let quantity = json!({ "requests": { "memory": "plenty" } });
        let nowhere = json!([{ "start": "08:00", "end": "18:00", "timeZone": "Europe/Berln", "min": 1 }]);
        let cases = [
            (
                App::new("nowhere").scaling(&json!({ "schedules": nowhere })),
                ["schedules[0].timeZone is 'Europe/Berln'", "the name of a time zone"],
            ),
            (App::new("unknown").field("traffic", all_to("unknown-v9")), ["unknown-v9", "traffic"]),
            (App::new("foreign").field("traffic", all_to("good-00001")), ["good-00001", "traffic"]),
            (App::new("mounts").container("volumeMounts", volume), ["volumeMounts[0].name", "nothing"]),
            (App::new("hungry").container("resources", quantity), ["hungry-00001", "quantities must match"]),
        ];
        let before = objects_of(&space, "good").await?;
        for (app, parts) in cases {
            let name = app.apply(&space).await?.name_any();
            let (reason, message) = wait_condition(&space, &name, "Ready", "False", LIMIT).await?;
            println!("{name}: {reason}: {message}");
            ensure!(
                parts.iter().all(|part| message.contains(part)),
                "{name}: expected {parts:?} in {reason}: {message}"
            );
        }
        let after = objects_of(&space, "good").await?;
        ensure!(before == after, "before {before:?}, after {after:?}");
        Ok(())
    })
    .await;
}

async fn objects_of(space: &Space, app: &str) -> Result<Vec<String>> {
    Ok(objects(space).await?.into_iter().filter(|o| o.contains(app)).collect())
}
