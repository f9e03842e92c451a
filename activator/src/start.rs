//! Puts the parts together, in the order in which they need each other, and waits for the end.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use proxy::{
    headers::Entry,
    net::{self, Dial, Network, Tcp},
    upstream::{Pool, PoolLimits},
};
use runtime::{
    admin::{self, AdminState, Readiness},
    hub::Link,
    shutdown, telemetry,
};
use tokio::{sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    args::Args,
    drain::drain,
    hold::{
        queue::Numbers,
        room::{Bounds, Room},
    },
    hub::{self, Token},
    metrics::Metrics,
    ports,
    report::Reporter,
    revision::Shared,
    revisions::Revisions,
    serve::Activator,
    table::store::{Store, Tables},
    wakes::{Now, Wakes},
    watch,
};

/// What a process is given by what it runs on.
pub struct Machine<N> {
    /// The API server.
    pub client: kube::Client,
    /// Where clients and pods are.
    pub network: N,
    /// The time of day.
    pub now: Now,
    /// Proves to the hub who we are.
    pub token: Token,
}

/// Runs until SIGTERM, and until its requests have finished.
///
/// # Errors
/// What [`run_on`] gives, or there is no API server to be found.
pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init(&args.log)?;
    let terminating = shutdown::signal();
    let client = kube::Client::try_default().await.context("Kubernetes client")?;
    let file = args.hub_token_file.clone();
    let token =
        Box::new(move || std::fs::read_to_string(&file).with_context(|| format!("token file {}", file.display())));
    let machine = Machine { client, network: Tcp, now: Arc::new(SystemTime::now), token };
    run_on(machine, args, terminating).await
}

/// The same on a machine that is handed in; `told` stands for SIGTERM. Dropped, nothing of it goes on.
///
/// # Errors
/// A port of the process itself cannot be listened on.
pub async fn run_on<N: Network>(machine: Machine<N>, args: Args, told: CancellationToken) -> anyhow::Result<()> {
    let Machine { client, network, now, token } = machine;
    tracing::info!(?args, version = env!("CARGO_PKG_VERSION"), "activator");
    // The hub, reports, watches and the admin server go on until the last request is over.
    let end = CancellationToken::new();
    let listeners = CancellationToken::new();
    // What runs beside the requests, and the listeners; all of it ends with this future.
    let (mut tasks, mut serving) = (JoinSet::new(), JoinSet::new());
    let ready = Readiness::default();

    let registry = telemetry::registry("activator", env!("CARGO_PKG_VERSION"));
    let hub_line: Arc<OnceLock<Link>> = Arc::default();
    let pool = Pool::with_dial(PoolLimits::default(), network.clone());
    let shared = shared(&args, Metrics::new(&registry), Wakes::new(now), &pool, Arc::clone(&hub_line));
    let revisions = Arc::new(Revisions::new(Arc::clone(&shared)));
    let tables = Tables::new();
    let entry = Entry { trusted: args.trusted_proxies.clone(), traces: args.begin_traces };
    let activator = Activator::new(tables.clone(), Arc::clone(&shared), pool, entry);

    let state = AdminState { ready: ready.clone(), registry, debug: debug(&activator, &revisions), extra: None };
    let any = net::any();
    let address = SocketAddr::new(any, args.admin_port);
    let listener = network.listen(address).with_context(|| format!("admin port {address}"))?;
    tasks.spawn(admin::serve_on(listener, state, end.clone()));

    let (synced, is_synced) = oneshot::channel();
    let store = Store::new(Arc::clone(&revisions), tables);
    tasks.spawn(watch::run(client, store, Arc::clone(&shared), synced));

    let reporter = Reporter::new(Arc::clone(&revisions));
    let config = hub::config(args.hub(), args.pod_name, token);
    let (link, events, dialling) = Link::new(config, Arc::clone(&reporter) as _, network.clone(), end.clone());
    tasks.spawn(dialling);
    hub_line.get_or_init(|| link.clone());
    tasks.spawn(hub::listen(events, Arc::clone(&revisions), Arc::clone(&shared)));
    tasks.spawn(async move { reporter.run(link).await });

    let public = SocketAddr::new(any, args.public_port);
    ports::public(&activator, &network, public, &mut serving, &listeners)
        .with_context(|| format!("public port {public}"))?;
    let ports = ports::run(Arc::clone(&activator), network, any, listeners.clone()).context("listeners of apps")?;
    serving.spawn(ports);

    tokio::select! {
        Ok(()) = is_synced => {
            ready.set(true);
            tracing::info!("routing table complete");
            told.cancelled().await;
        }
        () = told.cancelled() => {}
    }
    activator.leave();
    let longest = || longest(&revisions, args.hold_timeout);
    let finished = drain(&ready, &listeners, &mut serving, longest).await;
    end.cancel();
    tracing::info!(finished, "end");
    Ok(())
}

fn shared<N: Network>(
    args: &Args,
    metrics: Metrics,
    wakes: Wakes,
    pool: &Pool<N>,
    line: Arc<OnceLock<Link>>,
) -> Arc<Shared> {
    let pool = pool.clone();
    Arc::new(Shared {
        room: Room::new(Bounds {
            count: args.hold_count,
            bytes: args.hold_bytes,
            namespace_percent: args.hold_namespace_percent,
            app_percent: args.hold_app_percent,
        }),
        hold_timeout: args.hold_timeout,
        metrics,
        wakes,
        numbers: Numbers::default(),
        nobody: Arc::default(),
        counts: AtomicU64::new(0),
        tell: Box::new(move |message| {
            if let Some(link) = line.get() {
                link.send(message);
            }
        }),
        retire: Box::new(move |address| pool.retire(address)),
    })
}

/// The longest that a request may take, whatever its revision.
fn longest(revisions: &Revisions, hold_timeout: Duration) -> Duration {
    let timeouts = revisions.all().into_iter().map(|revision| revision.request_timeout);
    timeouts.fold(hold_timeout, Duration::max)
}

/// The page of `/debug/state`.
fn debug(
    activator: &Arc<Activator<impl Dial>>,
    revisions: &Arc<Revisions>,
) -> Arc<dyn Fn() -> serde_json::Value + Send + Sync> {
    let (activator, revisions) = (Arc::clone(activator), Arc::clone(revisions));
    Arc::new(move || {
        let revisions: Vec<_> = revisions.all().iter().map(|revision| revision.describe()).collect();
        serde_json::json!({
            "routes": activator.tables.load().describe(),
            "revisions": revisions,
            "wakes": activator.shared.wakes.describe(),
            "held": activator.shared.room.taken(),
            "held_body_bytes": activator.shared.room.bytes(),
            "kept_body_bytes": activator.kept.used(),
        })
    })
}
