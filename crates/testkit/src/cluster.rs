//! The parts of Kubernetes that our programs rely on, played on virtual time: Deployments make pods, pods are scheduled,
//! pulled, run, ready and ended, Services get slices, what lost its owner goes.
//!
//! Each controller is a loop (`follow`) around one synchronous step over the API server's objects; what a step decides
//! is pure. Only a pod's life (`kubelet`) is a task of its own. A server that is away stops the controllers too.

mod deployments;
mod endpoints;
mod follow;
mod garbage;
mod kubelet;

pub mod program;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::api_server::Local;
use crate::{ApiServer, Delay, Seed};
use follow::{DEPLOYMENT, POD, SERVICE, SLICE, follow};
use kubelet::images::Images;
use kubelet::{Hands, Kubelets};
use program::Programs;

pub use kubelet::images::Image;

/// How big the cluster is and how long its parts take.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Nodes.
    pub nodes: usize,
    /// Pods that one node has room for.
    pub pods_per_node: usize,
    /// From a change until a controller acts on it.
    pub reaction: Delay,
    /// Until a new pod has a node.
    pub scheduling: Delay,
    /// From the node's order until the processes run: sandbox and containers.
    pub creating: Delay,
    /// From a change of a pod's readiness until its status says so: the kubelet's probe.
    pub probing: Delay,
}

impl Default for Settings {
    /// As measured on a small node: about half a second from a pod's creation until its processes run.
    fn default() -> Self {
        Self {
            nodes: 3,
            pods_per_node: 110,
            reaction: Delay::between_ms(5, 30),
            scheduling: Delay::between_ms(5, 20),
            creating: Delay::Tail { median: Duration::from_millis(350), p99: Duration::from_millis(900) },
            probing: Delay::between_ms(50, 1_000),
        }
    }
}

/// A cluster that runs until it is dropped.
pub struct Cluster {
    images: Arc<Mutex<Images>>,
    // Dropped: everything ends.
    _tasks: JoinSet<()>,
}

impl Cluster {
    /// Starts all parts; `programs` runs the pods. Must be called within a tokio runtime.
    pub fn start(server: &ApiServer, seed: Seed, settings: Settings, programs: Arc<dyn Programs>) -> Self {
        let seed = seed.part("cluster");
        let images: Arc<Mutex<Images>> = Arc::default();
        let hands = Hands {
            scheduler: server.local("system:kube-scheduler"),
            kubelet: server.local("system:kubelet"),
            programs,
            images: images.clone(),
            nodes: Hands::nodes(&settings),
            settings,
            seed,
        };
        let mut kubelets = Kubelets::new(hands);
        let mut tasks = JoinSet::new();
        let mut run = |name: &str, kinds: &'static [follow::KindName], step: Step| {
            let local = server.local(&format!("system:{name}"));
            tasks.spawn(follow(local, kinds, settings.reaction, seed.stream(name), step));
        };
        run("deployment-controller", &[DEPLOYMENT, POD], Box::new(deployments::step));
        run("endpointslice-controller", &[SERVICE, POD, SLICE], Box::new(endpoints::step));
        run("garbage-collector", &[], Box::new(garbage::step));
        run("kubelet", &[POD], Box::new(move |local| kubelets.step(local)));
        Self { images, _tasks: tasks }
    }

    /// From now on an image is there, or not.
    pub fn set_image(&self, name: &str, image: Image) {
        self.images.lock().set(name, image);
    }
}

type Step = Box<dyn FnMut(&Local) -> Option<Duration> + Send>;

/// UID of the owner that controls an object; empty: none does.
fn controller_uid(object: &Value) -> &str {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let controller = owners.into_iter().find(|owner| owner["controller"] == true);
    controller.and_then(|owner| owner["uid"].as_str()).unwrap_or_default()
}
