//! What the API server fills in by itself (`SetDefaults_…` and `PrepareForCreate` of each built-in kind), as far as we
//! or our tests can see it. Nobody owns these fields unless an update wrote them.

use serde_json::{Map, Value, json};

/// Fills in what is missing. `serial` numbers the object: the address of a Service is made of it.
pub fn fill(kind: &str, object: &mut Value, serial: u64) {
    match kind {
        "Deployment" => deployment(&mut object["spec"]),
        "ReplicaSet" => replica_set(&mut object["spec"]),
        "Pod" => pod_spec(&mut object["spec"]),
        "Service" => service(&mut object["spec"], serial),
        "Secret" => secret(object),
        "Namespace" => {
            let leaving = object["metadata"].get("deletionTimestamp").is_some();
            if !leaving {
                set(&mut object["spec"], "finalizers", json!(["kubernetes"]));
            }
            object["status"]["phase"] = json!(if leaving { "Terminating" } else { "Active" });
        }
        _ => {}
    }
}

fn set(object: &mut Value, field: &str, default: Value) {
    if object.is_null() {
        *object = Value::Object(Map::new());
    }
    if let Some(map) = object.as_object_mut() {
        map.entry(field).or_insert(default);
    }
}

fn each(list: &mut Value, fill: impl Fn(&mut Value)) {
    list.as_array_mut().into_iter().flatten().for_each(fill);
}

fn deployment(spec: &mut Value) {
    set(spec, "replicas", json!(1));
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "progressDeadlineSeconds", json!(600));
    set(spec, "strategy", json!({}));
    let strategy = &mut spec["strategy"];
    set(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        set(strategy, "rollingUpdate", json!({}));
        set(&mut strategy["rollingUpdate"], "maxUnavailable", json!("25%"));
        set(&mut strategy["rollingUpdate"], "maxSurge", json!("25%"));
    }
    pod_spec(&mut spec["template"]["spec"]);
}

fn replica_set(spec: &mut Value) {
    set(spec, "replicas", json!(1));
    pod_spec(&mut spec["template"]["spec"]);
}

fn pod_spec(spec: &mut Value) {
    for (field, default) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        set(spec, field, default);
    }
    for list in ["containers", "initContainers"] {
        if spec.get(list).is_some() {
            each(&mut spec[list], container);
        }
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let newest = image.ends_with(":latest") || !image.rsplit('/').next().unwrap_or_default().contains([':', '@']);
    set(container, "imagePullPolicy", json!(if newest { "Always" } else { "IfNotPresent" }));
    set(container, "terminationMessagePath", json!("/dev/termination-log"));
    set(container, "terminationMessagePolicy", json!("File"));
    set(container, "resources", json!({}));
    if container.get("ports").is_some() {
        each(&mut container["ports"], |port| set(port, "protocol", json!("TCP")));
    }
    for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            for (field, default) in
                [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
            {
                set(probe, field, json!(default));
            }
            if let Some(get) = probe.get_mut("httpGet") {
                set(get, "path", json!("/"));
                set(get, "scheme", json!("HTTP"));
            }
        }
    }
    if let Some(get) = container.pointer_mut("/lifecycle/preStop/httpGet") {
        set(get, "scheme", json!("HTTP"));
    }
}

fn service(spec: &mut Value, serial: u64) {
    set(spec, "type", json!("ClusterIP"));
    set(spec, "sessionAffinity", json!("None"));
    set(spec, "internalTrafficPolicy", json!("Cluster"));
    set(spec, "ipFamilies", json!(["IPv4"]));
    set(spec, "ipFamilyPolicy", json!("SingleStack"));
    if spec["type"] != "ExternalName" {
        set(spec, "clusterIP", json!(format!("10.96.{}.{}", serial / 250 % 250, serial % 250 + 1)));
        let address = spec["clusterIP"].clone();
        set(spec, "clusterIPs", json!([address]));
    }
    each(&mut spec["ports"], |port| {
        set(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        set(port, "targetPort", number);
    });
}

fn secret(secret: &mut Value) {
    set(secret, "type", json!("Opaque"));
    let Some(texts) = secret.as_object_mut().and_then(|map| map.remove("stringData")) else { return };
    for (key, text) in texts.as_object().into_iter().flatten() {
        let bytes = k8s_openapi::ByteString(text.as_str().unwrap_or_default().as_bytes().to_vec());
        secret["data"][key] = serde_json::to_value(bytes).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_has_one_replica_unless_told_otherwise() {
        let mut object =
            json!({ "spec": { "template": { "spec": { "containers": [{ "image": "a/b:1", "ports": [{}] }] } } } });
        fill("Deployment", &mut object, 0);
        assert_eq!(object["spec"]["replicas"], 1);
        let container = &object["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            (&container["imagePullPolicy"], &container["ports"][0]["protocol"]),
            (&json!("IfNotPresent"), &json!("TCP"))
        );
    }

    #[test]
    fn a_services_address_is_given_unless_it_is_headless() {
        let mut plain = json!({ "spec": { "ports": [{ "port": 80 }] } });
        fill("Service", &mut plain, 3);
        assert_eq!(
            (&plain["spec"]["clusterIP"], &plain["spec"]["ports"][0]["targetPort"]),
            (&json!("10.96.0.4"), &json!(80))
        );
        let mut headless = json!({ "spec": { "clusterIP": "None" } });
        fill("Service", &mut headless, 3);
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    }

    #[test]
    fn texts_of_a_secret_become_data() {
        let mut object = json!({ "stringData": { "key": "hello" } });
        fill("Secret", &mut object, 0);
        assert_eq!(object, json!({ "type": "Opaque", "data": { "key": "aGVsbG8=" } }));
    }
}
