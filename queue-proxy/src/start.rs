//! Start-up order and the end: what runs beside the requests.

use std::{
    future::Future,
    net::{Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use anyhow::Context as _;
use http::StatusCode;
use proxy::{
    Sockets,
    gate::Gate,
    listen,
    meter::Meter,
    net::{Accept, Network, Tcp},
};
use runtime::{
    admin::{self, AdminState, Answer, Readiness},
    sockets,
};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    announce::Announcer,
    config::Config,
    drain::{self, Drain},
    initialize,
    metrics::Metrics,
    ready, report,
    serve::Sidecar,
    wear::Wear,
};

/// Where the activators send requests.
pub(crate) const TRAFFIC_PORT: u16 = 8012;
const ADMIN_PORT: u16 = 9091;
/// Connections at a time; a pod with more has other worries.
const CONNECTIONS_MAX: usize = 4096;

/// Runs until the pod is to end and the app has nothing more to do.
///
/// # Errors
/// A port cannot be listened on.
pub async fn run(config: Config) -> anyhow::Result<()> {
    run_on(config, Tcp, sockets::of_process(Sockets::of), runtime::shutdown::signal()).await
}

/// The same on a network that is handed in; `terminating` stands for SIGTERM. Dropped, nothing of it goes on.
///
/// # Errors
/// A port cannot be listened on.
pub async fn run_on<N: Network>(
    config: Config,
    network: N,
    sockets: Arc<Sockets>,
    terminating: CancellationToken,
) -> anyhow::Result<()> {
    let traffic = listen_on(&network, TRAFFIC_PORT)?;
    let admin = listen_on(&network, ADMIN_PORT)?;
    serve_on(config, network, sockets, traffic, admin, terminating).await
}

fn listen_on<N: Network>(network: &N, port: u16) -> anyhow::Result<N::Listener> {
    // A node without IPv6 has no `::`.
    network
        .listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_| network.listen(SocketAddr::from(([0, 0, 0, 0], port))))
        .with_context(|| format!("port {port} cannot be listened on"))
}

/// The same on listeners that are there already.
pub(crate) async fn serve_on(
    config: Config,
    network: impl Network,
    sockets: Arc<Sockets>,
    traffic: impl Accept,
    admin: impl Accept,
    terminating: CancellationToken,
) -> anyhow::Result<()> {
    // All that runs beside the requests; it ends with this future.
    let mut tasks = JoinSet::new();
    let config = Arc::new(config);
    let meter = Meter::new();
    let gate = Gate::new(config.concurrency_limit);
    let registry = runtime::telemetry::registry("queue-proxy", env!("CARGO_PKG_VERSION"));
    let metrics = Arc::new(Metrics::new(&registry, &meter, &gate));
    sockets::show(&registry, &sockets);
    tasks.spawn(sockets::tell(Arc::clone(&sockets)));
    let ended = CancellationToken::new();
    let (answering, answers) = watch::channel(false);
    let (initialized, ready) = watch::channel(false);
    let wear = Arc::new(Wear::new(config.recycle_requests, config.recycle_linger.unwrap_or_default()));
    let leaving = CancellationToken::new();
    let drain = Arc::new(Drain::new(terminating, config.request_timeout));
    let readiness = Readiness::default();
    let announcer = Announcer::start(&config, readiness.clone(), network.clone(), ended.clone(), &mut tasks);

    tasks.spawn(ready::watch(config.probe.clone(), network.clone(), answering));
    let initializing = initialize::run(Arc::clone(&config), network.clone(), answers, initialized);
    if let Some(age) = config.recycle_age {
        tasks.spawn(Arc::clone(&wear).grow_old(age, rand::random(), ready.clone()));
    }
    tasks.spawn(leave(Arc::clone(&wear), drain.terminating.clone(), leaving.clone()));
    tasks.spawn(Arc::clone(&announcer).follow(ready, leaving.clone()));
    tasks.spawn(Arc::clone(&announcer).tell_of_wear(wear.worn.clone()));
    tasks.spawn(report::run(Arc::clone(&announcer), meter.clone()));
    let state = AdminState {
        ready: readiness,
        registry,
        debug: debug(&config, &meter, &gate, &drain),
        extra: Some(routes(&drain)),
    };
    tasks.spawn(admin::serve_on(admin, state, ended.clone()));
    tracing::info!(revision = config.revision, port = config.app_port, "serving");

    let pool = Sidecar::pool(network, Arc::clone(&sockets));
    let sidecar = Arc::new(Sidecar::new(&config, pool, meter.clone(), gate, metrics, wear));
    let stop = CancellationToken::new();
    tasks.spawn(drain::run(Arc::clone(&drain), leaving, Arc::clone(&sidecar), stop.clone()));
    let limits = listen::Limits { connections: CONNECTIONS_MAX, sockets, ..listen::Limits::behind_ours() };
    let handler = move |request, info| Arc::clone(&sidecar).serve(request, info);
    // By the time `stop` comes everything is over or overdue, so connections get only what it takes to say goodbye.
    let cut = tokio::select! {
        cut = listen::serve(traffic, handler, limits, stop, drain::GOODBYE) => cut,
        // The last words of a container that ends are what the revision's condition says.
        Err(cause) = initializing => return Err(cause.into()),
    };
    drain.finish().await;
    tracing::info!(cut, "drained");
    ended.cancel();
    // The last words to the hub are written by another task.
    tokio::time::sleep(drain::LAST_WORDS).await;
    Ok(())
}

async fn leave(wear: Arc<Wear>, sigterm: CancellationToken, leaving: CancellationToken) {
    wear.leaving(&sigterm).await;
    leaving.cancel();
}

type Route = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// `/drain`: answers when the app may be told to end.
fn routes(drain: &Arc<Drain>) -> admin::Extra {
    let drain = Arc::clone(drain);
    Arc::new(move |_, path, _| {
        let drain = Arc::clone(&drain);
        (path == "/drain").then(|| -> Route {
            Box::pin(async move {
                drain.wait().await;
                admin::text(StatusCode::OK, "drained\n")
            })
        })
    })
}

fn debug(
    config: &Arc<Config>,
    meter: &Meter,
    gate: &Gate,
    drain: &Arc<Drain>,
) -> Arc<dyn Fn() -> serde_json::Value + Send + Sync> {
    let (config, meter, gate) = (Arc::clone(config), meter.clone(), gate.clone());
    let drain = Arc::clone(drain);
    Arc::new(move || {
        json!({
            "revision": config.revision,
            "revisionUid": config.revision_uid,
            "pod": config.pod,
            "appPort": config.app_port,
            "protocol": format!("{:?}", config.protocol),
            "concurrencyLimit": config.concurrency_limit,
            "requestTimeoutSeconds": config.request_timeout.as_secs_f64(),
            "responseStartTimeoutSeconds": config.response_start_timeout.map(|span| span.as_secs_f64()),
            "idleTimeoutSeconds": config.idle_timeout.map(|span| span.as_secs_f64()),
            "probe": format!("{:?}", config.probe),
            "inFlight": meter.now(),
            "waiting": gate.waiting(),
            "draining": drain.terminating.is_cancelled(),
        })
    })
}
