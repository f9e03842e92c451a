//! Every label, annotation, field manager and well-known name, once.

/// Label: name of the `TodoApp` an object belongs to.
pub const APP: &str = "todoapp.dev/app";
/// Label: name of the `Revision` an object belongs to.
pub const REVISION: &str = "todoapp.dev/revision";
/// Label: UID of the `Revision` an object belongs to; what the data plane goes by, for a name can come again.
pub const REVISION_UID: &str = "todoapp.dev/revision-uid";
/// Label of a `Revision`: its number within the app, counted from 1.
pub const NUMBER: &str = "todoapp.dev/number";
/// Annotation of a Revision's Deployment: the sidecar it was made with.
pub const SIDECAR: &str = "todoapp.dev/sidecar";

/// Annotation of a Revision: `"true"` keeps it from being collected.
pub const PINNED: &str = "todoapp.dev/pinned";
/// Tag of the Revision being released, as long as no tag of the app's own has this name.
pub const CANDIDATE_TAG: &str = "candidate";

/// Field manager of everything that reconciling writes.
pub const MANAGER: &str = "todoapp-operator";
/// Field manager of `spec.replicas` alone.
pub const AUTOSCALER: &str = "todoapp-autoscaler";

/// Name of the Lease in the installation's namespace; its holder is the pod of the operator that leads.
pub const LEASE: &str = "todoapp-operator";
/// Port of the operator's metrics and of what it tells of its decisions.
pub const OPERATOR_ADMIN_PORT: u16 = 9090;

/// Name of the sidecar container; reserved in users' templates.
pub const SIDECAR_CONTAINER: &str = "queue-proxy";
/// Port on which the sidecar takes requests.
pub const SIDECAR_PORT: u16 = 8012;
/// Port of the sidecar's probes, metrics and drain.
pub const SIDECAR_ADMIN_PORT: u16 = 9091;
/// Where the app listens when its container names no port; Knative's default.
pub const APP_PORT_DEFAULT: u16 = 8080;
/// Ports of the activator that apps and tags get for their in-cluster traffic: below the ephemeral range.
pub const CLUSTER_PORTS: std::ops::RangeInclusive<u16> = 10_000..=32_767;
