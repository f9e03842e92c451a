//! What a kubelet tells of a pod: its status, as JSON. Pure.

use std::net::IpAddr;

use serde_json::{Value, json};

/// Why a container waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence; empty: none.
    pub message: String,
}

/// Where the containers of a pod stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// They are being made; the one of this number waits for a reason of its own.
    Waits(Option<(usize, Waiting)>),
    /// They run since this time.
    Runs(String),
    /// The first one ended by itself and waits to be run again.
    BacksOff(Waiting),
}

/// How the first container ended the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// When it had begun.
    pub began: String,
    /// When it ended.
    pub at: String,
}

/// A pod as its kubelet sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Where its containers stand.
    pub stage: Stage,
    /// Its readiness probes succeed.
    pub ready: bool,
    /// Its address, once its sandbox is made.
    pub address: Option<IpAddr>,
    /// How often its first container was run again.
    pub restarts: u32,
    /// Its last end.
    pub ended: Option<Ended>,
}

/// The status of a pod at a time, whose conditions keep their times while they say the same.
pub fn status(pod: &Value, view: &View, now: &str) -> Value {
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<_> = containers.iter().filter_map(|c| c["name"].as_str()).collect();
    let running = matches!(view.stage, Stage::Runs(_));
    let ready = running && view.ready;
    let truth = |holds: bool| if holds { "True" } else { "False" };
    let unready = |kind: &str| {
        let mut condition = condition(pod, kind, truth(ready), now);
        if !ready {
            condition["reason"] = "ContainersNotReady".into();
            condition["message"] = format!("containers with unready status: [{}]", names.join(" ")).into();
        }
        condition
    };
    let mut status = json!({
        "phase": if running || view.restarts > 0 || view.ended.is_some() { "Running" } else { "Pending" },
        "startTime": pod["status"].get("startTime").cloned().unwrap_or_else(|| now.into()),
        "hostIP": "192.168.0.1",
        "conditions": [
            condition(pod, "PodReadyToStartContainers", truth(view.address.is_some()), now),
            condition(pod, "Initialized", "True", now),
            unready("Ready"),
            unready("ContainersReady"),
            condition(pod, "PodScheduled", "True", now),
        ],
        "containerStatuses":
            containers.iter().enumerate().map(|(number, c)| container(c, number, view, ready)).collect::<Vec<_>>(),
    });
    if let Some(address) = view.address {
        status["podIP"] = address.to_string().into();
        status["podIPs"] = json!([{ "ip": address.to_string() }]);
    }
    status
}

/// The status of a pod that no node has room for.
pub fn unschedulable(pod: &Value, nodes: usize, now: &str) -> Value {
    let mut condition = condition(pod, "PodScheduled", "False", now);
    condition["reason"] = "Unschedulable".into();
    condition["message"] = format!("0/{nodes} nodes are available: {nodes} Too many pods.").into();
    json!({ "phase": "Pending", "conditions": [condition] })
}

fn container(spec: &Value, number: usize, view: &View, ready: bool) -> Value {
    let creating = Waiting { reason: "ContainerCreating", message: String::new() };
    let waiting = |waiting: &Waiting| {
        let mut state = json!({ "waiting": { "reason": waiting.reason } });
        if !waiting.message.is_empty() {
            state["waiting"]["message"] = waiting.message.clone().into();
        }
        state
    };
    let state = match &view.stage {
        Stage::Waits(Some((which, reason))) if *which == number => waiting(reason),
        Stage::Waits(_) => waiting(&creating),
        Stage::BacksOff(reason) if number == 0 => waiting(reason),
        Stage::BacksOff(_) => json!({ "running": { "startedAt": view.ended.as_ref().map(|e| e.began.clone()) } }),
        Stage::Runs(since) => json!({ "running": { "startedAt": since } }),
    };
    let ended = view.ended.as_ref().filter(|_| number == 0);
    let last = ended.map_or(json!({}), |ended| {
        let reason = if ended.code == 0 { "Completed" } else { "Error" };
        json!({ "terminated": { "exitCode": ended.code, "reason": reason, "startedAt": ended.began, "finishedAt": ended.at } })
    });
    let running = state.get("running").is_some();
    json!({
        "name": spec["name"], "image": spec["image"], "imageID": if running { spec["image"].clone() } else { "".into() },
        "ready": ready, "started": running, "restartCount": if number == 0 { view.restarts } else { 0 },
        "state": state, "lastState": last,
    })
}

fn condition(pod: &Value, kind: &str, state: &str, now: &str) -> Value {
    let old = pod["status"]["conditions"].as_array().into_iter().flatten();
    let same = old.into_iter().find(|c| c["type"] == kind && c["status"] == state);
    let since = same.map_or_else(|| now.into(), |c| c["lastTransitionTime"].clone());
    json!({ "type": kind, "status": state, "lastProbeTime": null, "lastTransitionTime": since })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;

    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn view(stage: Stage) -> View {
        View { stage, ready: true, address: None, restarts: 0, ended: None }
    }

    fn pod() -> Value {
        json!({ "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "app", "image": "i" }, { "name": "side", "image": "j" }] } })
    }

    fn ready_condition(status: &Value) -> (Value, Value) {
        let conditions = status["conditions"].as_array().expect("conditions");
        let ready = conditions.iter().find(|c| c["type"] == "Ready").expect("always there");
        (ready["status"].clone(), ready["lastTransitionTime"].clone())
    }

    #[test]
    fn every_status_can_be_read_as_a_pod() {
        let waiting = Waiting { reason: "ImagePullBackOff", message: "no".into() };
        for stage in [
            Stage::Waits(None),
            Stage::Waits(Some((0, waiting.clone()))),
            Stage::Runs(NOW.into()),
            Stage::BacksOff(waiting),
        ] {
            let mut pod = pod();
            pod["status"] = status(&pod, &view(stage), NOW);
            serde_json::from_value::<Pod>(pod).expect("a Pod");
        }
    }

    #[test]
    fn only_the_container_that_fails_says_why() {
        let why = Waiting { reason: "ErrImagePull", message: "not found".into() };
        let status = status(&pod(), &view(Stage::Waits(Some((1, why)))), NOW);
        let reasons: Vec<_> = (0..2).map(|i| &status["containerStatuses"][i]["state"]["waiting"]["reason"]).collect();
        assert_eq!(reasons, ["ContainerCreating", "ErrImagePull"]);
    }

    #[test]
    fn a_condition_keeps_its_time_while_it_says_the_same() {
        let mut pod = pod();
        pod["status"] = status(&pod, &view(Stage::Runs(NOW.into())), NOW);
        let later = "2026-01-01T00:01:00Z";
        let same = status(&pod, &view(Stage::Runs(NOW.into())), later);
        assert_eq!(ready_condition(&same), ("True".into(), NOW.into()));
        let unready = View { ready: false, ..view(Stage::Runs(NOW.into())) };
        assert_eq!(ready_condition(&status(&pod, &unready, later)), ("False".into(), later.into()));
    }
}
