//! What must hold at every moment, looked at each tenth of a second.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::interval;

use crate::world::World;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Watches until it is dropped.
pub async fn watch(world: Arc<World>) {
    let mut ticks = interval(LOOK);
    loop {
        ticks.tick().await;
        for app in world.apps() {
            look(&world, &app);
        }
    }
}

fn look(world: &World, app: &Value) {
    let name = app["metadata"]["name"].as_str().unwrap_or_default();
    let deployments = world.deployments();
    // Bounds are of a revision: during a release there are two.
    for deployment in deployments.iter().filter(|d| d["metadata"]["labels"][api::labels::APP] == name) {
        let revision = deployment["metadata"]["name"].as_str().unwrap_or_default();
        let all = world.pods();
        let pods = all.iter().filter(|pod| pod["metadata"]["labels"][api::labels::REVISION] == revision).count();
        for broken in broken(app, revision, deployment["spec"]["replicas"].as_u64(), pods as u64) {
            world.journal().violation(format_args!("{revision} {broken}"));
        }
    }
}

/// What does not hold for a revision of an app that wants so many pods and has so many.
fn broken(app: &Value, revision: &str, wanted: Option<u64>, pods: u64) -> Vec<String> {
    let (least, most) = (bound(app, "min", 0), bound(app, "max", u64::MAX));
    let traffic = app["status"]["traffic"].as_array();
    let is_routed = traffic.is_some_and(|traffic| traffic.iter().any(|target| target["revision"] == revision));
    let wanted_or_least = wanted.unwrap_or(least);
    let rules = [
        (wanted_or_least > most, format!("is scaled to {wanted_or_least}, above its max of {most}")),
        (is_routed && wanted_or_least < least, format!("is scaled to {wanted_or_least}, below its min of {least}")),
        (pods > most, format!("has {pods} pods, more than its max of {most}")),
    ];
    rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, what)| what).collect()
}

fn bound(app: &Value, field: &str, otherwise: u64) -> u64 {
    app["spec"]["scaling"][field].as_u64().unwrap_or(otherwise)
}

/// `spec.replicas` of an app's revisions together; none: it has no Deployment.
pub fn wanted(world: &World, app: &str) -> Option<u64> {
    let deployments = world.deployments();
    let ours = deployments.iter().filter(|deployment| deployment["metadata"]["labels"][api::labels::APP] == app);
    ours.map(|deployment| deployment["spec"]["replicas"].as_u64().unwrap_or(1)).reduce(|a, b| a + b)
}

/// Its pods that are not told to end.
pub fn pods(world: &World, app: &str) -> usize {
    world.pods().iter().filter(|pod| pod["metadata"]["labels"][api::labels::APP] == app).count()
}

/// A condition of the app.
pub fn condition(app: &Value, kind: &str) -> Option<String> {
    let conditions = app["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)?["status"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_is_seen_to_be_broken() {
        let app =
            |traffic: Value| json!({ "spec": { "scaling": { "min": 2, "max": 4 } }, "status": { "traffic": traffic } });
        let routed = app(json!([{ "revision": "r" }]));
        assert_eq!(broken(&routed, "r", Some(3), 4), [""; 0]);
        assert_eq!(broken(&routed, "r", Some(5), 4), ["is scaled to 5, above its max of 4"]);
        assert_eq!(broken(&routed, "r", Some(3), 5), ["has 5 pods, more than its max of 4"]);
        assert_eq!(broken(&routed, "r", Some(1), 1), ["is scaled to 1, below its min of 2"]);
        assert_eq!(broken(&app(json!([])), "r", Some(0), 0), [""; 0], "nobody is routed there");
    }
}
