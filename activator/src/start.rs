//! Puts the parts together, in the order in which they need each other, and waits for the end.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use proxy::{
    net,
    upstream::{Pool, PoolLimits},
};
use runtime::{
    admin::{self, AdminState, Readiness},
    hub::Link,
    shutdown, telemetry,
};
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    args::Args,
    drain::drain,
    hold::{Room, queue::Numbers},
    hub,
    metrics::Metrics,
    ports,
    report::Reporter,
    revision::Shared,
    revisions::Revisions,
    serve::Activator,
    table::store::{Store, Tables},
    wakes::Wakes,
    watch,
};

/// Runs until SIGTERM, and until its requests have finished.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init(&args.log)?;
    tracing::info!(?args, version = env!("CARGO_PKG_VERSION"), "activator");
    let told = shutdown::signal();
    // The hub, reports, watches and the admin server go on until the last request is over.
    let end = CancellationToken::new();
    let listeners = CancellationToken::new();
    let tracker = TaskTracker::new();
    let ready = Readiness::default();

    let registry = telemetry::registry("activator", env!("CARGO_PKG_VERSION"));
    let hub_line: Arc<OnceLock<Link>> = Arc::default();
    let shared = shared(&args, Metrics::new(&registry), Arc::clone(&hub_line));
    let revisions = Arc::new(Revisions::new(Arc::clone(&shared)));
    let tables = Tables::new();
    let activator = Activator::new(tables.clone(), Arc::clone(&shared));

    let state = AdminState { ready: ready.clone(), registry, debug: debug(&activator, &revisions), extra: None };
    let any = net::any();
    let address = SocketAddr::new(any, args.admin_port);
    let listener = net::bind(address).with_context(|| format!("admin port {address}"))?;
    tokio::spawn(admin::serve_on(listener, state, end.clone()));

    let client = kube::Client::try_default().await.context("Kubernetes client")?;
    let (synced, is_synced) = oneshot::channel();
    let store = Store::new(Arc::clone(&revisions), tables);
    tokio::spawn(watch::run(client, store, Arc::clone(&shared), synced));

    let reporter = Reporter::new(Arc::clone(&revisions));
    let config = hub::config(args.hub(), args.pod_name, args.hub_token_file);
    let (link, events, dialling) = Link::new(config, Arc::clone(&reporter) as _, net::Tcp, end.clone());
    tokio::spawn(dialling);
    hub_line.get_or_init(|| link.clone());
    tokio::spawn(hub::listen(events, Arc::clone(&revisions), Arc::clone(&shared)));
    tokio::spawn(async move { reporter.run(link).await });

    let public = SocketAddr::new(any, args.public_port);
    ports::public(&activator, public, &tracker, &listeners).with_context(|| format!("public port {public}"))?;
    let ports = ports::run(Arc::clone(&activator), any, listeners.clone()).context("listeners of apps")?;
    tracker.spawn(ports);

    tokio::select! {
        Ok(()) = is_synced => {
            ready.set(true);
            tracing::info!("routing table complete");
            told.cancelled().await;
        }
        () = told.cancelled() => {}
    }
    let longest = || longest(&revisions, args.hold_timeout);
    let finished = drain(&ready, &listeners, &tracker, longest).await;
    end.cancel();
    tracing::info!(finished, "end");
    Ok(())
}

fn shared(args: &Args, metrics: Metrics, line: Arc<OnceLock<Link>>) -> Arc<Shared> {
    Arc::new(Shared {
        room: Room::new(args.hold_count),
        hold_timeout: args.hold_timeout,
        pool: Pool::new(PoolLimits::default()),
        metrics,
        wakes: Wakes::default(),
        numbers: Numbers::default(),
        nobody: Arc::default(),
        tell: Box::new(move |message| {
            if let Some(link) = line.get() {
                link.send(message);
            }
        }),
    })
}

/// The longest that a request may take, whatever its revision.
fn longest(revisions: &Revisions, hold_timeout: Duration) -> Duration {
    let timeouts = revisions.all().into_iter().map(|revision| revision.request_timeout);
    timeouts.fold(hold_timeout, Duration::max)
}

/// The page of `/debug/state`.
fn debug(activator: &Arc<Activator>, revisions: &Arc<Revisions>) -> Arc<dyn Fn() -> serde_json::Value + Send + Sync> {
    let (activator, revisions) = (Arc::clone(activator), Arc::clone(revisions));
    Arc::new(move || {
        let revisions: Vec<_> = revisions.all().iter().map(|revision| revision.describe()).collect();
        serde_json::json!({
            "routes": activator.tables.load().describe(),
            "revisions": revisions,
            "wakes": activator.shared.wakes.describe(),
            "held": activator.shared.room.taken(),
            "held_body_bytes": activator.budget.used(),
        })
    })
}
