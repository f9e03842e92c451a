//! The order of things: admin server, Lease, and then, on the leader alone, stores, reconcilers, autoscaler and hub.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use kube::ResourceExt;
use kube::api::Api;
use parking_lot::Mutex;
use policy::Settings;
use prometheus::Registry;
use proxy::net::{Network, Tcp};
use runtime::admin::{self, AdminState, Extra, Readiness};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::args::Args;
use crate::autoscaler::Autoscaler;
use crate::clock::Clock;
use crate::cluster::{Queues, Stores};
use crate::context::Context;
use crate::decisions::{self, Leading};
use crate::digest::Resolver;
use crate::events::Reporter;
use crate::lease::Candidate;
use crate::metrics::Metrics;
use crate::outcomes::Outcomes;
use crate::ports::PortBook;
use crate::prober::prober;
use crate::roster::Roster;
use crate::scale::ClusterScale;
use crate::tallies::Tallies;
use crate::usage::{Meter, MetricsApi};
use crate::verify::ClusterVerifier;
use crate::{app, autoscaler, cluster, controllers, hub, keys, leader, settings, wake};

/// What a process is given by what it runs on.
pub struct Machine<N> {
    /// The API server.
    pub client: kube::Client,
    /// The time of day.
    pub clock: Clock,
    /// Where others dial in.
    pub network: N,
}

/// What is made once in a process.
struct Process<N> {
    args: Args,
    client: kube::Client,
    clock: Clock,
    network: N,
    metrics: Metrics,
    autoscaler_metrics: autoscaler::Metrics,
    /// What a leader shows on the admin port.
    leading: Arc<ArcSwapOption<Leading>>,
    ready: Readiness,
}

/// Runs until SIGTERM, or until leading is over.
///
/// # Errors
/// What [`run_on`] gives, or there is no API server to be found.
pub async fn run(args: Args) -> anyhow::Result<()> {
    info!(descriptors = runtime::sockets::raise_descriptors(), "file descriptors");
    let client = kube::Client::try_default().await.context("connect to the API server")?;
    run_on(Machine { client, clock: Clock::system(), network: Tcp }, args, runtime::shutdown::signal()).await
}

/// The same on a machine that is handed in; `shutdown` stands for SIGTERM. Dropped, nothing of it is left.
///
/// # Errors
/// A port is taken, or the Lease is lost: the process is to end, and may be started again.
pub async fn run_on<N: Network>(machine: Machine<N>, args: Args, shutdown: CancellationToken) -> anyhow::Result<()> {
    let registry = runtime::telemetry::registry("operator", env!("CARGO_PKG_VERSION"));
    let process = Process {
        client: machine.client,
        clock: machine.clock,
        network: machine.network,
        metrics: Metrics::register(&registry)?,
        autoscaler_metrics: autoscaler::Metrics::register(&registry)?,
        leading: Arc::default(),
        ready: Readiness::default(),
        args,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_admin(&process, registry, shutdown.clone()));
    // A process that waits for the Lease does all that is asked of it.
    process.ready.set(true);

    let mut candidate =
        Candidate::new(process.client.clone(), &process.args.namespace, &process.args.pod_name, process.clock.clone());
    tokio::select! {
        () = candidate.acquire() => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    process.metrics.leading.set(1);
    let result = tokio::select! {
        result = lead(&process, &shutdown) => result,
        () = candidate.hold() => Err(anyhow::anyhow!("the Lease is lost: another may lead now")),
        () = shutdown.cancelled() => Ok(()),
    };
    candidate.release().await;
    result
}

fn serve_admin<N: Network>(
    process: &Process<N>,
    registry: Registry,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + use<N> {
    let network = process.network.clone();
    let address = SocketAddr::from(([0, 0, 0, 0], process.args.admin_port));
    let leading = process.leading.clone();
    let debug = move || match leading.load().as_ref() {
        Some(leading) => json!({ "leading": true, "autoscaler": leading.autoscaler.debug() }),
        None => json!({ "leading": false }),
    };
    let routes = [decisions::route(process.leading.clone()), wake::route(process.leading.clone())];
    let extra: Extra = Arc::new(move |method, path, query| routes.iter().find_map(|route| route(method, path, query)));
    let state = AdminState { ready: process.ready.clone(), registry, debug: Arc::new(debug), extra: Some(extra) };
    async move {
        match network.listen(address) {
            Ok(listener) => admin::serve_on(listener, state, shutdown).await,
            Err(error) => error!(%error, %address, "the admin server cannot listen"),
        }
    }
}

/// Everything a leader does; returns only with an error or at the end.
async fn lead<N: Network>(process: &Process<N>, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let (args, client) = (&process.args, &process.client);
    let mut tasks = JoinSet::new();
    let master_key = keys::master(client.clone(), &args.namespace).await?;
    let (stores, queues) = cluster::watch(client, &args.namespace, &args.activator_service, &mut tasks);
    stores.listed().await;
    info!(apps = stores.apps.slots(), revisions = stores.revisions.slots(), "the cluster is known");

    let verifier = ClusterVerifier {
        stores: stores.clone(),
        client: client.clone(),
        master_key,
        activator_user: format!("system:serviceaccount:{}:{}", args.namespace, args.activator_service_account),
    };
    let writer = Arc::new(ClusterScale { client: client.clone(), pods: stores.pods.clone() });
    let autoscaler =
        Autoscaler::new(writer, Arc::new(verifier), process.autoscaler_metrics.clone(), process.clock.clone());
    let leading = Leading { autoscaler: autoscaler.clone(), stores: stores.clone() };
    process.leading.store(Some(Arc::new(leading)));
    // What activators repeat about a revision that is not in the roster would be lost: fill it before the hub opens.
    let settings = settings(process, &mut tasks).await?;
    let outcomes = Outcomes::default();
    let roster = Roster::new(stores.clone(), autoscaler.clone(), outcomes.clone(), settings.clone());
    roster.fill();
    let listener = process.network.listen(SocketAddr::from(([0, 0, 0, 0], args.hub_port))).context("open the hub")?;
    tasks.spawn(hub::serve(listener, autoscaler.clone(), outcomes.clone(), shutdown.clone()));
    measure(process, &stores, &autoscaler, &mut tasks);
    let (hub_client, hub_args) = (client.clone(), args.clone());
    tasks.spawn(async move { leader::publish_hub(hub_client, &hub_args).await });
    let until = shutdown.clone();
    tasks.spawn(async move { autoscaler.run(until).await });

    let context = Arc::new(context(process, stores, settings, outcomes, &queues, master_key));
    reconcile(&mut tasks, context, queues, roster);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task of the leader broke")?;
        if !shutdown.is_cancelled() {
            anyhow::bail!("a task of the leader ended");
        }
    }
    Ok(())
}

/// Reads what pods use, where that says how many there are to be.
fn measure<N>(process: &Process<N>, stores: &Stores, autoscaler: &Autoscaler, tasks: &mut JoinSet<()>) {
    let (client, clock) = (&process.client, &process.clock);
    let meter = Meter::new(MetricsApi(client.clone()), stores.clone(), autoscaler.clone(), clock.clone());
    tasks.spawn(meter.run(Reporter::new(client.clone(), process.args.pod_name.clone(), clock.clone())));
}

/// Follows the settings, once the first are known.
async fn settings<N>(process: &Process<N>, tasks: &mut JoinSet<()>) -> anyhow::Result<watch::Receiver<Arc<Settings>>> {
    let (sender, mut receiver) = watch::channel(Arc::default());
    let (client, args) = (process.client.clone(), process.args.clone());
    let reporter = Reporter::new(client.clone(), args.pod_name, process.clock.clone());
    let valid = process.metrics.settings_valid.clone();
    tasks.spawn(async move {
        settings::follow(Api::namespaced(client, &args.namespace), &args.settings, sender, reporter, valid).await;
    });
    receiver.changed().await.context("first look at the settings")?;
    Ok(receiver)
}

fn reconcile(tasks: &mut JoinSet<()>, context: Arc<Context>, queues: Queues, roster: Roster) {
    tasks.spawn(controllers::apps(context.clone(), queues.apps));
    tasks.spawn(controllers::renamed(context.clone()));
    let resolving = context.clone();
    tasks.spawn(async move { resolving.resolver.follow().await });
    tasks.spawn(controllers::revisions(context, queues.revisions));
    tasks.spawn(roster.follow(queues.roster));
}

fn context<N: Network>(
    process: &Process<N>,
    stores: Stores,
    settings: watch::Receiver<Arc<Settings>>,
    outcomes: Outcomes,
    queues: &Queues,
    master_key: [u8; 32],
) -> Context {
    let hosts = app::known_hosts(&stores, &settings.borrow().hosts);
    Context {
        client: process.client.clone(),
        clock: process.clock.clone(),
        args: process.args.clone(),
        outcomes,
        ports: Mutex::new(known_ports(&stores)),
        hosts: Mutex::new(hosts),
        again: queues.again.clone(),
        revisions_again: queues.revisions_again.clone(),
        resolver: Resolver::new(process.client.clone(), settings.clone(), queues.revisions_again.clone()),
        stores,
        settings,
        master_key,
        tallies: Tallies::default(),
        prober: prober(process.network.clone()),
        respelled: crate::apply::Respelled::default(),
        reporter: Reporter::new(process.client.clone(), process.args.pod_name.clone(), process.clock.clone()),
        metrics: process.metrics.clone(),
        progress: Mutex::default(),
    }
}

/// Every port that an app's status names, the older app first, before any new one is given out.
fn known_ports(stores: &Stores) -> PortBook {
    let mut stated: Vec<_> = stores.apps.all().map(|app| (app.creation_timestamp(), app::stated_ports(&app))).collect();
    stated.sort_by(|one, other| one.0.cmp(&other.0));
    let mut book = PortBook::default();
    for (owner, port) in stated.into_iter().flat_map(|(_, ports)| ports) {
        book.enter(&owner, port);
    }
    book
}
