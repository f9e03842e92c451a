//! Checks of what the chart installs.

use api::labels::SIDECAR_CONTAINER;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use kube::ResourceExt;
use policy::Settings;

use super::facts::{Facts, HUB, Known, SETTINGS, holder};
use super::findings::{Outcome, known};
use super::schema::{Difference, difference};

/// Oldest Kubernetes that the chart is for.
const OLDEST: (u32, u32) = (1, 33);
/// Flag of the operator that names the sidecar's image.
const SIDECAR_FLAG: &str = "--queue-proxy-image=";

/// How to get what is missing.
const INSTALL: &str = "install or upgrade with Helm, as the README says";

/// T001: the API server answers and is new enough.
pub fn version(facts: &Facts) -> Outcome {
    match &facts.version {
        Err(why) => Outcome::error(format!("the API server does not say its version: {why}"), "see `kubectl version`"),
        Ok((major, minor)) if (*major, *minor) < OLDEST => Outcome::error(
            format!("Kubernetes is {major}.{minor}"),
            format!("upgrade the cluster to {}.{} or newer", OLDEST.0, OLDEST.1),
        ),
        Ok((major, minor)) => Outcome::good(format!("Kubernetes is {major}.{minor}")),
    }
}

/// T002: the kinds are served.
pub fn crds_there(facts: &Facts) -> Outcome {
    for crd in &facts.crds {
        let name = crd.own.name_any();
        match known(&crd.installed, &format!("CustomResourceDefinition `{name}`")) {
            Err(outcome) => return outcome,
            Ok(None) => return Outcome::error(format!("there is no CustomResourceDefinition `{name}`"), INSTALL),
            Ok(Some(_)) => {}
        }
    }
    Outcome::good("the kinds TodoApp and Revision are there")
}

/// T003: the kinds have the fields of this version.
pub fn crds_fit(facts: &Facts) -> Outcome {
    for crd in &facts.crds {
        let Ok(Some(installed)) = &crd.installed else { continue };
        let name = crd.own.name_any();
        match difference(&crd.own, installed) {
            None => {}
            Some(Difference::Older(fields)) => {
                let what = format!("CustomResourceDefinition `{name}` is older than this command: it lacks {fields}");
                return Outcome::error(what, INSTALL);
            }
            Some(Difference::Newer(fields)) => {
                let what = format!("CustomResourceDefinition `{name}` is newer than this command: it has {fields}");
                return Outcome::hint(what, "get the command of the installed version");
            }
        }
    }
    Outcome::good("their fields are those of this version")
}

/// T004 and T008: the Deployment has ready pods, all that it wants.
pub fn deployed(deployment: &Known<Option<Deployment>>, system: &str, component: &str) -> Outcome {
    let name = format!("todoapp-{component}");
    let found = match known(deployment, &format!("Deployment `{name}`")) {
        Err(outcome) => return outcome,
        Ok(None) => {
            let what = format!("there is no Deployment `{name}` in namespace `{system}`");
            return Outcome::error(what, format!("{INSTALL}; if it is elsewhere, say --system-namespace"));
        }
        Ok(Some(found)) => found,
    };
    let (ready, wanted) = pods(found);
    let fix = format!("see `kubectl -n {system} get pods` and `kubectl -n {system} logs deployment/{name}`");
    match (ready, wanted) {
        (0, _) => Outcome::error(format!("Deployment `{name}` has no ready pod of {wanted}"), fix),
        (ready, wanted) if ready < wanted => {
            Outcome::hint(format!("Deployment `{name}` has {ready} ready pods of {wanted}"), fix)
        }
        (ready, _) => Outcome::good(format!("Deployment `{name}` has {ready} of {wanted} pods ready")),
    }
}

/// T005: an operator leads.
pub fn lease(facts: &Facts) -> Outcome {
    let lease = match known(&facts.lease, "the Lease") {
        Err(outcome) => return outcome,
        Ok(lease) => lease,
    };
    let fix = format!("see `kubectl -n {} logs deployment/todoapp-operator`", facts.system);
    let Some(holder) = holder(&facts.lease) else {
        let what = if lease.is_some() { "nobody holds the Lease: no operator leads" } else { "there is no Lease" };
        return Outcome::error(what, fix);
    };
    if !facts.renewed {
        return Outcome::error(format!("`{holder}` holds the Lease and does not renew it: no operator leads"), fix);
    }
    Outcome::good(format!("`{holder}` leads"))
}

/// T006: the hub's Service leads to the leader.
pub fn hub(facts: &Facts) -> Outcome {
    let (slices, leader) = match (known(&facts.hub, "the hub's EndpointSlice"), known(&facts.leader, "the leader")) {
        (Ok(slices), Ok(leader)) => (slices, leader),
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    let fix = "the leader writes it within 15 seconds: run this again; if it stays so, see the operator's log";
    let addresses =
        slices.iter().flat_map(|slice| slice.endpoints.iter().flatten()).flat_map(|endpoint| &endpoint.addresses);
    let addresses: Vec<&str> = addresses.map(String::as_str).collect();
    let leads = leader.as_ref().and_then(|pod| pod.status.as_ref()?.pod_ip.as_deref());
    match leads {
        None => Outcome::hint("the address of the leader is not known", fix),
        Some(address) if addresses == [address] => {
            Outcome::good(format!("Service `{HUB}` leads to the leader at {address}"))
        }
        Some(address) => {
            let found =
                if addresses.is_empty() { "nowhere".to_owned() } else { format!("to {}", addresses.join(", ")) };
            Outcome::error(format!("Service `{HUB}` leads {found}, and not to the leader at {address}"), fix)
        }
    }
}

/// T007: the settings can be read.
pub fn settings(facts: &Facts) -> Outcome {
    match known(&facts.settings, &format!("ConfigMap `{SETTINGS}`")) {
        Err(outcome) => outcome,
        Ok(None) => Outcome::good(format!("there is no ConfigMap `{SETTINGS}`: defaults hold")),
        Ok(Some(map)) => match Settings::parse(map.data.as_ref().unwrap_or(&std::collections::BTreeMap::new())) {
            Ok(_) => Outcome::good(format!("ConfigMap `{SETTINGS}` is valid")),
            Err(problem) => Outcome::error(
                format!("ConfigMap `{SETTINGS}`: {problem}; the settings before it hold"),
                format!("mend it: `kubectl -n {} edit configmap {SETTINGS}`", facts.system),
            ),
        },
    }
}

/// T009: the loss of one activator is not noticed.
pub fn redundant(facts: &Facts) -> Outcome {
    match known(&facts.activator, "activators") {
        Err(outcome) => outcome,
        Ok(found) => match found.as_ref().map_or(0, |deployment| pods(deployment).0) {
            ready @ 0..2 => Outcome::hint(
                format!("{ready} ready: nobody is answered while there is none"),
                "set `activator.replicas` of the chart to 2 or more",
            ),
            ready => Outcome::good(format!("{ready} ready: the loss of one is not noticed")),
        },
    }
}

/// Image of the sidecar that this operator weaves in.
pub fn sidecar(operator: &Deployment) -> Option<String> {
    let mut args = containers(operator).flat_map(|container| container.args.iter().flatten());
    args.find_map(|arg| arg.strip_prefix(SIDECAR_FLAG)).map(str::to_owned)
}

/// Image of the sidecar that a revision's Deployment has.
pub fn woven(deployment: &Deployment) -> Option<&str> {
    containers(deployment).find(|container| container.name == SIDECAR_CONTAINER)?.image.as_deref()
}

fn containers(deployment: &Deployment) -> impl Iterator<Item = &Container> {
    let pod = deployment.spec.template.spec.as_ref();
    pod.into_iter().flat_map(|pod| &pod.containers)
}

/// Ready and wanted.
fn pods(deployment: &Deployment) -> (i32, i32) {
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    (ready, deployment.spec.replicas.unwrap_or(1))
}
