//! The kinds that are served: those of Kubernetes that we touch, and those of CRDs that are installed.

use serde_json::Value;

use super::apply::schema::Schema;

/// Something that a kind may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Its objects live in a namespace.
    Namespaced,
    /// Status is a subresource.
    Status,
    /// Scale is a subresource.
    Scale,
    /// `metadata.generation` counts changes of what is wanted.
    Generation,
    /// An update may go without a `resourceVersion`.
    Unconditional,
}

/// Letters of features in the table below.
const LETTERS: [(char, Feature); 5] = [
    ('n', Feature::Namespaced),
    ('s', Feature::Status),
    ('c', Feature::Scale),
    ('g', Feature::Generation),
    ('u', Feature::Unconditional),
];

/// One kind of object.
#[derive(Debug, Clone)]
pub struct Kind {
    /// API group; empty for the core one.
    pub group: String,
    /// Version.
    pub version: String,
    /// Name in paths.
    pub plural: String,
    /// Name in objects.
    pub kind: String,
    /// What it has.
    pub features: Vec<Feature>,
    /// How it is merged.
    pub schema: Schema,
    /// The CRD's `openAPIV3Schema`, for defaults and pruning.
    pub open_api: Option<Value>,
}

impl Kind {
    /// Whether it has a feature.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// A kind in short: group/version, plural, kind, and what it has: `n`amespace, `s`tatus, s`c`ale, `g`eneration,
/// `u`nconditional updates.
const BUILT_IN: [(&str, &str, &str, &str, &str); 15] = [
    ("", "v1", "namespaces", "Namespace", "su"),
    ("", "v1", "nodes", "Node", "su"),
    ("", "v1", "pods", "Pod", "nsu"),
    ("", "v1", "services", "Service", "nsu"),
    ("", "v1", "secrets", "Secret", "nu"),
    ("", "v1", "configmaps", "ConfigMap", "nu"),
    ("", "v1", "serviceaccounts", "ServiceAccount", "nu"),
    ("", "v1", "events", "Event", "nu"),
    ("apps", "v1", "deployments", "Deployment", "nscgu"),
    ("apps", "v1", "replicasets", "ReplicaSet", "nscgu"),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "ngu"),
    ("coordination.k8s.io", "v1", "leases", "Lease", "n"),
    ("events.k8s.io", "v1", "events", "Event", "nu"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "nsg"),
    ("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", ""),
];

/// Lists with keys in a pod's spec (k8s.io/api/core/v1).
const POD_LISTS: [(&str, &str); 14] = [
    ("containers", "name"),
    ("containers/env", "name"),
    ("containers/ports", "containerPort,protocol=TCP"),
    ("containers/volumeMounts", "mountPath"),
    ("containers/volumeDevices", "devicePath"),
    ("initContainers", "name"),
    ("initContainers/env", "name"),
    ("initContainers/ports", "containerPort,protocol=TCP"),
    ("initContainers/volumeMounts", "mountPath"),
    ("imagePullSecrets", "name"),
    ("volumes", "name"),
    ("hostAliases", "ip"),
    ("schedulingGates", "name"),
    ("topologySpreadConstraints", "topologyKey,whenUnsatisfiable"),
];

/// Maps of a pod's spec that are taken whole.
const POD_WHOLE: [&str; 5] = [
    "nodeSelector",
    "containers/env/valueFrom/secretKeyRef",
    "containers/env/valueFrom/configMapKeyRef",
    "containers/env/valueFrom/fieldRef",
    "containers/env/valueFrom/resourceFieldRef",
];

/// The kinds that are there from the start.
pub fn built_in() -> Vec<Kind> {
    let kind = |(group, version, plural, kind, has): (&str, &str, &str, &str, &str)| Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural.to_owned(),
        kind: kind.to_owned(),
        features: LETTERS.into_iter().filter(|(letter, _)| has.contains(*letter)).map(|(_, f)| f).collect(),
        schema: schema(kind),
        open_api: None,
    };
    BUILT_IN.into_iter().map(kind).collect()
}

/// What every kind has.
pub fn metadata_schema() -> Schema {
    let mut schema = Schema::default();
    schema.keyed("metadata/ownerReferences", "uid");
    schema.whole("metadata/ownerReferences");
    schema.set("metadata/finalizers");
    schema
}

fn schema(kind: &str) -> Schema {
    let mut schema = metadata_schema();
    match kind {
        "Pod" => pod_spec(&mut schema, "spec"),
        "Deployment" | "ReplicaSet" => {
            pod_spec(&mut schema, "spec/template/spec");
            schema.whole("spec/selector");
        }
        "Service" => {
            schema.keyed("spec/ports", "port,protocol=TCP");
            schema.whole("spec/selector");
        }
        "EndpointSlice" => {}
        "ServiceAccount" => schema.keyed("secrets", "name"),
        _ => return schema,
    }
    schema.keyed("status/conditions", "type");
    schema
}

fn pod_spec(schema: &mut Schema, at: &str) {
    for (list, keys) in POD_LISTS {
        schema.keyed(&format!("{at}/{list}"), keys);
    }
    for map in POD_WHOLE {
        schema.whole(&format!("{at}/{map}"));
    }
}
