//! The objects of one app as an API server gives them: what is planned here, with what it adds.

use std::hash::{DefaultHasher, Hash, Hasher};

use api::{Revision, TodoApp, labels};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{app, revision};

/// The objects of one app.
pub struct Objects {
    pub name: String,
    pub revision_name: String,
    pub revision_uid: String,
    pub app: Value,
    pub revision: Value,
    pub deployment: Value,
    pub service: Value,
    pub slice: Value,
    pub revision_service: Value,
    pub revision_slice: Value,
}

impl Objects {
    /// Those of the `n`th app while it has so many pods.
    pub fn of(n: u64, replicas: u32) -> Self {
        let seed = Seed { n, replicas };
        let app = seed.app();
        let revision = seed.revision(&app);
        let [service, slice] = app::tests::planned(&app, 10_000 + (n % 22_000) as u16).try_into().expect("two");
        let [revision_service, deployment] = revision::tests::planned(&revision).try_into().expect("two");
        Self {
            name: app.name_any(),
            revision_name: revision.name_any(),
            revision_uid: seed.uid("revision"),
            deployment: seed.deployment(deployment),
            service: seed.service("service", service),
            slice: seed.stored("slice", slice),
            revision_slice: seed.slice_of_revision(&revision),
            revision_service: seed.service("revision service", revision_service),
            app: seed.stored("app", serde_json::to_value(app).expect("JSON")),
            revision: seed.stored("revision", serde_json::to_value(revision).expect("JSON")),
        }
    }
}

struct Seed {
    n: u64,
    replicas: u32,
}

impl Seed {
    fn number(&self, what: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.n, what).hash(&mut hasher);
        hasher.finish()
    }

    fn uid(&self, what: &str) -> String {
        let (a, b) = (self.number(what), self.number(&format!("{what} too")));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            a & 0xffff,
            b & 0xfff,
            b >> 48,
            (b >> 12) & 0xffff_ffff_ffff
        )
    }

    fn time(&self, what: &str) -> String {
        let second = 1_790_000_000 + self.n * 3 + self.number(what) % 100;
        jiff::Timestamp::from_second(second.cast_signed()).expect("a time").to_string()
    }

    /// With what an API server adds to every object.
    fn stored(&self, kind: &str, mut object: Value) -> Value {
        let version = 1_000 + self.n * 40 + self.number(kind) % 40 + u64::from(self.replicas);
        let fields = json!({ "manager": labels::MANAGER, "operation": "Apply", "fieldsV1": { "f:spec": {} } });
        let metadata = &mut object["metadata"];
        metadata["uid"] = self.uid(kind).into();
        metadata["resourceVersion"] = version.to_string().into();
        metadata["creationTimestamp"] = self.time(kind).into();
        metadata["generation"] = 1.into();
        metadata["managedFields"] = json!([fields]);
        object
    }

    fn condition(&self, kind: &str, reason: &str, message: &str) -> Value {
        json!({ "type": kind, "status": "True", "reason": reason, "message": message, "observedGeneration": 1,
            "lastTransitionTime": self.time(kind) })
    }

    fn app(&self) -> TodoApp {
        let name = format!("asleep-{}", self.n);
        let first = format!("{name}-00001");
        let container = json!({ "image": "registry.example/team/user:v2", "ports": [{ "containerPort": 3002 }],
            "env": [{ "name": "DATABASE", "value": format!("postgres://db.example/{name}") }] });
        serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
            "metadata": { "name": name, "namespace": "default", "uid": self.uid("app"), "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}" } },
            "spec": { "template": { "spec": { "containers": [container] } }, "scaling": { "max": 5 } },
            "status": {
                "observedGeneration": 1,
                "conditions": [
                    self.condition("Ready", "Ready", "requests are answered; at zero they are held while a pod starts"),
                    self.condition("RevisionReady", "RevisionReady", &format!("revision '{first}' was ready")),
                    self.condition("Routed", "Routed", "the split is what `spec.traffic` asks for"),
                ],
                "url": format!("http://{name}.default.todoapp.local"),
                "address": { "url": format!("http://{name}.default.svc.cluster.local") },
                "clusterPort": 10_000 + self.n % 22_000,
                "latestCreatedRevision": first, "latestReadyRevision": first,
                "traffic": [{ "revision": first, "percent": 100 }], "trafficSummary": format!("{first} 100"),
                "activity": if self.replicas == 0 { "Idle" } else { "Serving" }, "replicas": self.replicas,
            },
        }))
        .expect("an app")
    }

    fn revision(&self, app: &TodoApp) -> Revision {
        let mut revision = app::tests::next(app);
        revision.metadata.uid = Some(self.uid("revision"));
        let ready = self.condition("Ready", "Ready", "a pod of this revision was ready");
        let status = json!({ "observedGeneration": 1, "conditions": [ready], "wasReady": true,
            "desired": self.replicas, "replicas": self.replicas });
        revision.status = serde_json::from_value(status).expect("a status");
        revision
    }

    fn deployment(&self, planned: Value) -> Value {
        let mut deployment = self.stored("deployment", planned);
        deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1".into();
        let spec = &mut deployment["spec"];
        spec["replicas"] = self.replicas.into();
        spec["progressDeadlineSeconds"] = 600.into();
        spec["template"]["metadata"]["creationTimestamp"] = Value::Null;
        let pod = &mut spec["template"]["spec"];
        let defaults = json!({ "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {},
            "schedulerName": "default-scheduler" });
        add(pod, defaults);
        for container in pod["containers"].as_array_mut().into_iter().flatten() {
            let defaults = json!({ "resources": {}, "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent" });
            add(container, defaults);
        }
        let condition = |kind: &str, reason: &str, message: String| {
            json!({ "type": kind, "status": "True", "reason": reason, "message": message,
                "lastUpdateTime": self.time(reason), "lastTransitionTime": self.time(kind) })
        };
        let set = format!(
            "ReplicaSet \"asleep-{}-00001-{:x}\" has successfully progressed.",
            self.n,
            self.number("set") as u32
        );
        deployment["status"] = json!({ "observedGeneration": 4, "conditions": [
            condition("Progressing", "NewReplicaSetAvailable", set),
            condition("Available", "MinimumReplicasAvailable", "Deployment has minimum availability.".to_owned()),
        ] });
        if self.replicas > 0 {
            let count = json!({ "replicas": self.replicas, "readyReplicas": self.replicas,
                "availableReplicas": self.replicas, "updatedReplicas": self.replicas });
            add(&mut deployment["status"], count);
        }
        deployment
    }

    fn service(&self, kind: &str, planned: Value) -> Value {
        let mut service = self.stored(kind, planned);
        let number = self.number(kind);
        let address = format!("10.43.{}.{}", number % 256, (number >> 8) % 256);
        let spec = &mut service["spec"];
        let address = spec["clusterIP"].as_str().map_or(address, str::to_owned);
        let defaults = json!({ "clusterIP": address, "clusterIPs": [address], "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None" });
        add(spec, defaults);
        service["status"] = json!({ "loadBalancer": {} });
        service
    }

    /// Made by Kubernetes for the revision's Service.
    fn slice_of_revision(&self, revision: &Revision) -> Value {
        let name = revision.name_any();
        let address = format!("10.42.{}.{}", self.n % 250, self.number("pod") % 250);
        let pod = json!({ "kind": "Pod", "namespace": "default", "name": format!("{name}-{:x}-x7k2p", self.number("set") as u32),
            "uid": self.uid("pod") });
        let endpoint = json!({ "addresses": [address], "targetRef": pod, "nodeName": "node-1",
            "conditions": { "ready": true, "serving": true, "terminating": false } });
        let ports = json!([{ "name": "http", "port": 8012, "protocol": "TCP", "appProtocol": "http" }]);
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{name}-{:05x}", self.number("suffix") & 0xf_ffff), "generateName": format!("{name}-"),
                "namespace": "default",
                "annotations": { "endpoints.kubernetes.io/last-change-trigger-time": self.time("pod") },
                "labels": {
                    labels::APP: revision.labels()[labels::APP], labels::NUMBER: "1", labels::REVISION: name,
                    labels::REVISION_UID: self.uid("revision"), "kubernetes.io/service-name": name,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "service.kubernetes.io/headless": "",
                },
                "ownerReferences": [{ "apiVersion": "v1", "kind": "Service", "name": name,
                    "uid": self.uid("revision service"), "controller": true, "blockOwnerDeletion": true }],
            },
            "addressType": "IPv4",
            "endpoints": if self.replicas == 0 { Value::Null } else { json!([endpoint]) },
            "ports": if self.replicas == 0 { Value::Null } else { ports },
        });
        self.stored("revision slice", slice)
    }
}

/// Fields that are not there yet.
fn add(object: &mut Value, fields: Value) {
    let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) else { return };
    for (key, value) in fields {
        object.entry(key).or_insert(value);
    }
}
