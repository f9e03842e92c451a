//! Start-up order and the end: what runs beside the requests.

use std::{
    future::Future,
    net::{Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use http::StatusCode;
use proxy::{gate::Gate, listen, meter::Meter, net};
use runtime::admin::{self, AdminState, Answer, Readiness};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{
    announce::Announcer,
    config::Config,
    drain::{self, Drain},
    metrics::Metrics,
    ready, report,
    serve::Sidecar,
};

/// Where the activators send requests.
pub(crate) const TRAFFIC_PORT: u16 = 8012;
const ADMIN_PORT: u16 = 9091;
/// Connections at a time; a pod with more has other worries.
const CONNECTIONS_MAX: usize = 4096;

/// Runs until the pod is to end and the app has nothing more to do.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let traffic = bind(TRAFFIC_PORT)?;
    let admin = bind(ADMIN_PORT)?;
    run_on(config, traffic, admin, runtime::shutdown::signal()).await;
    Ok(())
}

fn bind(port: u16) -> anyhow::Result<TcpListener> {
    // A node without IPv6 has no `::`.
    net::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_| net::bind(SocketAddr::from(([0, 0, 0, 0], port))))
        .map_err(|cause| anyhow::anyhow!("port {port} cannot be listened on: {cause}"))
}

/// The same on sockets that are there already; `terminating` stands for SIGTERM.
pub(crate) async fn run_on(config: Config, traffic: TcpListener, admin: TcpListener, terminating: CancellationToken) {
    let config = Arc::new(config);
    let meter = Meter::new();
    let gate = Gate::new(config.concurrency_limit);
    let registry = runtime::telemetry::registry("queue-proxy", env!("CARGO_PKG_VERSION"));
    let metrics = Arc::new(Metrics::new(&registry, &meter, &gate));
    let ended = CancellationToken::new();
    let (ready, answers) = watch::channel(false);
    let drain = Arc::new(Drain::new(terminating, config.request_timeout));
    let readiness = Readiness::default();
    let announcer = Announcer::start(&config, readiness.clone(), ended.clone());

    tokio::spawn(ready::watch(config.probe.clone(), ready));
    tokio::spawn(Arc::clone(&announcer).follow(answers, drain.terminating.clone()));
    tokio::spawn(report::run(Arc::clone(&announcer), meter.clone()));
    let state = AdminState {
        ready: readiness,
        registry,
        debug: debug(&config, &meter, &gate, &drain),
        extra: Some(routes(&drain)),
    };
    tokio::spawn(admin::serve_on(admin, state, ended.clone()));
    tracing::info!(revision = config.revision, port = config.app_port, "serving");

    let sidecar = Arc::new(Sidecar::new(&config, meter.clone(), gate, metrics));
    let stop = CancellationToken::new();
    tokio::spawn(drain::run(Arc::clone(&drain), Arc::clone(&sidecar), stop.clone()));
    let limits = listen::Limits { connections: CONNECTIONS_MAX, ..listen::Limits::default() };
    let handler = move |request, info| Arc::clone(&sidecar).serve(request, info);
    // By the time `stop` comes everything is over or overdue, so connections get only what it takes to say goodbye.
    let cut = listen::serve(traffic, handler, limits, stop, drain::GOODBYE).await;
    drain.finish().await;
    tracing::info!(cut, "drained");
    ended.cancel();
    // The last words to the hub are written by another task.
    tokio::time::sleep(drain::LAST_WORDS).await;
}

type Route = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// `/drain`: answers when the app may be told to end.
fn routes(drain: &Arc<Drain>) -> admin::Extra {
    let drain = Arc::clone(drain);
    Arc::new(move |path, _| {
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
            "probe": format!("{:?}", config.probe),
            "inFlight": meter.now(),
            "waiting": gate.waiting(),
            "draining": drain.terminating.is_cancelled(),
        })
    })
}
