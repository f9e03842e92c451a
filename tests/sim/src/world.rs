//! The cluster of a run: an API server, a network, nodes, and our own installation in its namespace.

mod install;
mod programs;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::api_server::faults::{Effect, Fault};
use testkit::api_server::{Local, Selector};
use testkit::cluster::Settings;
use testkit::net::Host;
use testkit::{ApiServer, Cluster, Delay, Network, Seed};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::Behaviour;
use crate::clock::WallClock;
use crate::executions::Executions;
use crate::journal::Journal;

pub use install::{ACTIVATOR, NAMESPACE, OPERATOR};

/// A kind, by `apiVersion` and `kind`.
type KindName = (&'static str, &'static str);

const POD: KindName = ("v1", "Pod");
const DEPLOYMENT: KindName = ("apps/v1", "Deployment");
const SLICE: KindName = ("discovery.k8s.io/v1", "EndpointSlice");
const LEASE: KindName = ("coordination.k8s.io/v1", "Lease");
const TODOAPP: KindName = ("todoapp.dev/v1alpha1", "TodoApp");
/// How long the API server takes when all is well.
pub const ANSWER: Delay = Delay::between_ms(1, 8);
/// Where apps live.
pub const APPS: &str = "default";

/// How many of each.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Replicas of the operator.
    pub operators: u32,
    /// Replicas of the activator.
    pub activators: u32,
}

/// What every process of the world reaches.
pub struct Common {
    /// The API server.
    pub server: ApiServer,
    /// The network.
    pub network: Network,
    /// Wall clock of the operators.
    pub clock: WallClock,
    /// What happened.
    pub journal: Journal,
    /// What was done that must not be done twice.
    pub executions: Arc<Executions>,
    /// Behaviour of applications by image.
    behaviours: Mutex<BTreeMap<String, Behaviour>>,
    /// Ends a process as SIGKILL does, by pod.
    kills: Mutex<BTreeMap<String, CancellationToken>>,
    /// Addresses at which a process was killed.
    killed: Mutex<BTreeSet<IpAddr>>,
}

/// The world of one run; all of it ends when it is dropped.
pub struct World {
    common: Arc<Common>,
    view: Local,
    /// Where all chance of the scenario comes from.
    pub seed: Seed,
    _cluster: Cluster,
    _tasks: JoinSet<()>,
}

impl World {
    /// An installation of that size, ready.
    pub async fn start(seed: Seed, size: Size) -> Self {
        let clock = testkit::Clock::start();
        let server = ApiServer::new(clock, seed);
        server.add_fault(Fault::new(Effect::Slow(ANSWER)));
        let network = Network::new(seed);
        network.set_latency(Delay::between_ms(0, 2));
        install::install(&server, size);
        let journal = Journal::start();
        let common = Arc::new(Common {
            server: server.clone(),
            network,
            clock: WallClock::new(clock),
            executions: Arc::new(Executions::new(journal.clone())),
            journal,
            behaviours: Mutex::default(),
            kills: Mutex::default(),
            killed: Mutex::default(),
        });
        let cluster = Cluster::start(&server, seed, Settings::default(), Arc::new(programs::Runner(common.clone())));
        let mut tasks = JoinSet::new();
        tasks.spawn(install::resolve(server.local("system:coredns"), common.network.clone()));
        let world = Self { view: server.local("system:scenario"), common, seed, _cluster: cluster, _tasks: tasks };
        world
            .until("the installation is ready", Duration::from_secs(30), || {
                world.doors().len() == size.activators as usize && world.leader().is_some()
            })
            .await;
        world
    }

    /// What every process reaches.
    pub fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// What happened.
    pub fn journal(&self) -> &Journal {
        &self.common.journal
    }

    /// Waits for something; that it does not come is a violation.
    pub async fn until(&self, what: &str, patience: Duration, holds: impl Fn() -> bool) -> bool {
        let begun = tokio::time::Instant::now();
        while !holds() {
            if begun.elapsed() > patience {
                self.journal().violation(format_args!("not within {patience:?}: {what}"));
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// Makes an app whose pods behave so. `scaling` is the field of its spec.
    pub fn create_app(&self, name: &str, behaviour: Behaviour, scaling: Value, spec: Value) {
        let image = format!("{name}:1");
        self.set_behaviour(&image, behaviour);
        let mut app = json!({ "apiVersion": TODOAPP.0, "kind": TODOAPP.1,
            "metadata": { "name": name, "namespace": APPS },
            "spec": { "template": template(&image), "scaling": scaling } });
        for (field, value) in spec.as_object().into_iter().flatten() {
            app["spec"][field] = value.clone();
        }
        if let Err(refusal) = self.view.create(app) {
            panic!("the app {name}: {refusal:?}");
        }
    }

    /// Changes fields of the app's spec, as a merge patch.
    pub fn change_app(&self, name: &str, spec: Value) {
        self.journal().note(format_args!("change of {name}: {spec}"));
        if let Err(refusal) = self.view.patch(&self.app(name), json!({ "spec": spec })) {
            panic!("the app {name}: {refusal:?}");
        }
    }

    /// From now on containers of this image behave so.
    pub fn set_behaviour(&self, image: &str, behaviour: Behaviour) {
        self.common.behaviours.lock().insert(image.to_owned(), behaviour);
    }

    /// The app's object.
    pub fn app(&self, name: &str) -> Arc<Value> {
        self.view.get(TODOAPP, APPS, name).unwrap_or_default()
    }

    /// Deployments of revisions.
    pub fn deployments(&self) -> Vec<Arc<Value>> {
        self.view.list(DEPLOYMENT, APPS, &Selector::default())
    }

    /// All apps.
    pub fn apps(&self) -> Vec<Arc<Value>> {
        self.view.list(TODOAPP, APPS, &Selector::default())
    }

    /// Pods of apps that are not told to end.
    pub fn pods(&self) -> Vec<Arc<Value>> {
        let mut pods = self.view.list(POD, APPS, &Selector::default());
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        pods
    }

    /// Where they are.
    pub fn pod_addresses(&self) -> Vec<IpAddr> {
        self.pods().iter().filter_map(|pod| pod["status"]["podIP"].as_str()?.parse().ok()).collect()
    }

    /// Whether there is a pod of an app, be it one that ends.
    pub fn has_pods(&self) -> bool {
        !self.view.list(POD, APPS, &Selector::default()).is_empty()
    }

    /// Name of the operator's pod that holds the Lease.
    pub fn leader(&self) -> Option<String> {
        let lease = self.view.get(LEASE, NAMESPACE, api::labels::LEASE)?;
        lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty()).map(str::to_owned)
    }

    /// Pods of our own installation with their addresses.
    pub fn processes(&self, component: &str) -> Vec<(String, IpAddr)> {
        let pods = self.view.list(POD, NAMESPACE, &Selector::default());
        let ours = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == component);
        let alive = ours.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let place = |pod: &Arc<Value>| {
            let address = pod["status"]["podIP"].as_str()?.parse().ok()?;
            Some((pod["metadata"]["name"].as_str()?.to_owned(), address))
        };
        alive.filter_map(place).collect()
    }

    /// Public ports of the activators that are ready.
    pub fn doors(&self) -> Vec<SocketAddr> {
        self.endpoints(NAMESPACE, ACTIVATOR)
    }

    /// Where a Service leads now, as kube-proxy would.
    pub fn endpoints(&self, namespace: &str, service: &str) -> Vec<SocketAddr> {
        install::endpoints(&self.view, namespace, service)
    }

    /// Kills a process where it is; its kubelet starts it again.
    pub fn crash(&self, pod: &str) {
        self.journal().note(format_args!("crash of {pod}"));
        if let Some(kill) = self.common.kills.lock().get(pod) {
            kill.cancel();
        }
    }

    /// Takes a pod of ours away: with `grace` seconds to end by itself, 0 is at once.
    pub fn delete_pod(&self, namespace: &str, name: &str, grace: u32) {
        self.journal().note(format_args!("deletion of {name} with {grace} s"));
        if let Some(pod) = self.view.get(POD, namespace, name) {
            // One that went meanwhile is gone as well.
            let _ = self.view.delete(&pod, json!({ "gracePeriodSeconds": grace }));
        }
    }

    /// From now on nothing goes wrong with the API server.
    pub fn mend_api_server(&self) {
        self.common.server.clear_faults();
        self.common.server.add_fault(Fault::new(Effect::Slow(ANSWER)));
    }

    /// Whether a process at this address was ever killed.
    pub fn was_killed(&self, address: IpAddr) -> bool {
        self.common.killed.lock().contains(&address)
    }

    /// A host of the world outside.
    pub fn client(&self, number: u8) -> Host {
        self.common.network.host(IpAddr::from([192, 168, 0, number]))
    }
}

/// The template of a version of an app.
pub fn template(image: &str) -> Value {
    json!({ "spec": { "containers": [{ "image": image, "ports": [{ "containerPort": crate::app::PORT }] }] } })
}
