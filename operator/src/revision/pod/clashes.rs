//! Where containers of the user's get into the sidecar's way.

use api::labels::{SIDECAR_ADMIN_PORT, SIDECAR_CONTAINER, SIDECAR_PORT};
use serde_json::{Map, Value};

use super::{APP_CONTAINER, container_name, wrong};
use crate::error::Error;

/// What the CRD's rules do not see: they know the `containers` only.
pub(super) fn none(spec: &Map<String, Value>) -> Result<(), Error> {
    names_differ(spec)?;
    ports_differ(spec)
}

/// The API server says so too, but not who gave the other name.
fn names_differ(spec: &Map<String, Value>) -> Result<(), Error> {
    let names = |list| items(spec.get(list)).map(container_name);
    match names("initContainers").find(|name| names("containers").any(|other| other == *name)) {
        Some(SIDECAR_CONTAINER) => Err(Error::Invalid(format!(
            "`initContainers` of the template: '{SIDECAR_CONTAINER}' is the sidecar's name"
        ))),
        Some(name) => Err(Error::Invalid(format!(
            "`initContainers` of the template: there is a container '{name}' already; one without a name is called '{APP_CONTAINER}'"
        ))),
        None => Ok(()),
    }
}

/// An init container that stays (a sidecar to Kubernetes) listens beside ours. Others are over when that begins.
fn ports_differ(spec: &Map<String, Value>) -> Result<(), Error> {
    let stay = items(spec.get("initContainers")).enumerate().filter(|(_, init)| init["restartPolicy"] == "Always");
    let ports =
        stay.flat_map(|(place, init)| items(init.get("ports")).enumerate().map(move |(port, it)| (place, port, it)));
    let is_ours = |port: &Value| {
        let tcp = port.get("protocol").is_none_or(|protocol| protocol == "TCP");
        tcp && [SIDECAR_PORT, SIDECAR_ADMIN_PORT].iter().any(|ours| port["containerPort"] == *ours)
    };
    match ports.into_iter().find(|(.., port)| is_ours(port)) {
        Some((place, number, port)) => {
            let right = format!("another one, for {SIDECAR_PORT} and {SIDECAR_ADMIN_PORT} are taken by the sidecar");
            let field = format!("spec.initContainers[{place}].ports[{number}].containerPort");
            Err(wrong(&field, &port["containerPort"], &right))
        }
        None => Ok(()),
    }
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(init: Value) -> Option<String> {
        let first = json!({ "name": "first", "ports": [{ "containerPort": 8012 }] });
        let spec = json!({ "containers": [{ "name": "web" }], "initContainers": [first, init] });
        none(spec.as_object().expect("a map")).err().map(|error| error.to_string())
    }

    #[test]
    fn an_init_container_that_stays_has_other_ports_than_the_sidecar() {
        let with = |port: Value| {
            let ports = json!([{ "containerPort": 80 }, port]);
            refused(json!({ "name": "mesh", "restartPolicy": "Always", "ports": ports }))
        };
        for port in [8012, 9091] {
            let expected = format!(
                "`spec.initContainers[1].ports[1].containerPort` of the template is {port}: must be another one, for 8012 \
                 and 9091 are taken by the sidecar"
            );
            assert_eq!(with(json!({ "containerPort": port })), Some(expected));
        }
        assert_eq!(with(json!({ "containerPort": 8013 })), None);
        assert_eq!(with(json!({ "containerPort": 8012, "protocol": "UDP" })), None);
        // Not a matter of ours: the API server says what is wrong with it.
        assert_eq!(refused(json!("x")), None);
    }
}
