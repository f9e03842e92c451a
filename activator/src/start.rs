//! Puts the parts together, in the order in which they need each other, and waits for the end.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use prometheus::Registry;
use proxy::{
    Sockets,
    headers::Entry,
    net::{self, Dial, Network, Tcp},
    upstream::{Pool, PoolLimits},
};
use runtime::{
    admin::{self, AdminState, Readiness},
    hub::Link,
    shutdown, sockets, telemetry,
};
use tokio::{sync::oneshot, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Access, Sampling},
    args::Args,
    drain::drain,
    hold::{
        queue::Numbers,
        room::{Bounds, Room},
    },
    hub::{self, Token},
    metrics::Metrics,
    ports,
    reception::Reception,
    report::Reporter,
    revision::{ColdStartHook, Shared},
    revisions::Revisions,
    serve::Activator,
    table::store::{Store, Tables},
    tls::{self, Certificates, Redirect, Shelf},
    wakes::{Now, Wakes},
    watch,
};

/// How long a new process waits for the first list of certificates.
const CERTIFICATES_PATIENCE: Duration = Duration::from_secs(10);

/// Lines of the access log that wait to be written.
const ACCESS_LOG_QUEUE: usize = 4096;

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
    /// The connections that there may be.
    pub sockets: Arc<Sockets>,
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
    let machine = Machine {
        client,
        network: Tcp,
        now: Arc::new(SystemTime::now),
        token,
        sockets: sockets::of_process(Sockets::of_holding),
    };
    run_on(machine, args, terminating).await
}

/// The same on a machine that is handed in; `told` stands for SIGTERM. Dropped, nothing of it goes on.
///
/// # Errors
/// A port of the process itself cannot be listened on.
pub async fn run_on<N: Network>(machine: Machine<N>, args: Args, told: CancellationToken) -> anyhow::Result<()> {
    let Machine { client, network, now, token, sockets } = machine;
    tracing::info!(?args, version = env!("CARGO_PKG_VERSION"), "activator");
    // The hub, reports, watches and the admin server go on until the last request is over.
    let end = CancellationToken::new();
    let listeners = CancellationToken::new();
    // What runs beside the requests, and the listeners; all of it ends with this future.
    let (mut tasks, mut serving) = (JoinSet::new(), JoinSet::new());
    let ready = Readiness::default();

    let registry = telemetry::registry("activator", env!("CARGO_PKG_VERSION"));
    let hub_line: Arc<OnceLock<Link>> = Arc::default();
    sockets::show(&registry, &sockets);
    tasks.spawn(sockets::tell(Arc::clone(&sockets)));
    let pool = Pool::with_dial(PoolLimits { sockets, ..PoolLimits::default() }, network.clone());
    let certificates = args.tls.then(|| Certificates::new(&registry, Arc::clone(&now)));
    #[cfg(feature = "otlp")]
    let spans = spans(&args, &now)?;
    #[cfg(feature = "otlp")]
    let cold_start = spans.clone().map(|spans| Box::new(move |cold: &_| spans.tell(cold)) as _);
    #[cfg(not(feature = "otlp"))]
    let cold_start = None;
    let wakes = Wakes::new(Arc::clone(&now));
    let shared = shared(&args, Metrics::new(&registry), wakes, cold_start, &pool, Arc::clone(&hub_line));
    let revisions = Arc::new(Revisions::new(Arc::clone(&shared)));
    let tables = Tables::new();
    let entry = Entry { trusted: args.trusted_proxies.clone(), traces: args.begin_traces };
    let redirect = redirect(&args, certificates.as_ref());
    let reception = Reception { entry, redirect, access: access_log(&args, now, &registry)? };
    let activator = Activator::new(tables.clone(), Arc::clone(&shared), pool, reception);

    Metrics::show(&registry, Arc::clone(&activator.kept), args.hold_count);
    let state = AdminState { ready: ready.clone(), registry, debug: debug(&activator, &revisions), extra: None };
    let any = net::any();
    let address = SocketAddr::new(any, args.admin_port);
    let listener = network.listen(address).with_context(|| format!("admin port {address}"))?;
    tasks.spawn(admin::serve_on(listener, state, end.clone()));

    let (synced, is_synced) = oneshot::channel();
    let store = Store::new(Arc::clone(&revisions), tables);
    tasks.spawn(watch::run(client.clone(), store, Arc::clone(&shared), synced));

    let reporter = Reporter::new(Arc::clone(&revisions));
    let config = hub::config(args.hub(), args.pod_name.clone(), token);
    let (link, events, dialling) = Link::new(config, Arc::clone(&reporter) as _, network.clone(), end.clone());
    tasks.spawn(dialling);
    hub_line.get_or_init(|| link.clone());
    tasks.spawn(hub::listen(events, Arc::clone(&revisions), Arc::clone(&shared)));
    tasks.spawn(async move { reporter.run(link).await });

    let public = SocketAddr::new(any, args.public_port);
    ports::public(&activator, &network, public, None, &mut serving, &listeners)
        .with_context(|| format!("public port {public}"))?;
    let certified = match certificates {
        Some(certificates) => {
            let address = SocketAddr::new(any, args.public_tls_port);
            let shelf = Shelf::new(Arc::clone(&certificates), args.default_certificate());
            ports::public(&activator, &network, address, Some(certificates), &mut serving, &listeners)
                .with_context(|| format!("public TLS port {address}"))?;
            let (read, is_read) = oneshot::channel();
            let namespaces = args.certificate_namespaces();
            tasks.spawn(tls::watch::run(client, namespaces, shelf, Arc::clone(&shared), read));
            Some(is_read)
        }
        None => None,
    };
    let ports = ports::run(Arc::clone(&activator), network, any, listeners.clone()).context("listeners of apps")?;
    serving.spawn(ports);

    tokio::select! {
        Ok(()) = complete(is_synced, certified) => {
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
    if let Some(access) = &activator.reception.access {
        access.flush().await;
    }
    #[cfg(feature = "otlp")]
    if let Some(spans) = spans {
        // It blocks; what goes wrong in it is lost with the process.
        let _ = tokio::task::spawn_blocking(move || spans.end()).await;
    }
    tracing::info!(finished, "end");
    Ok(())
}

/// Waits for the routing table, and a while for the first list of certificates: rights that are missing in one
/// namespace must not keep everybody out.
async fn complete(
    table: oneshot::Receiver<()>,
    certificates: Option<oneshot::Receiver<()>>,
) -> Result<(), oneshot::error::RecvError> {
    table.await?;
    if let Some(certificates) = certificates
        && timeout(CERTIFICATES_PATIENCE, certificates).await.is_err()
    {
        tracing::warn!("ready without the certificates of every namespace");
    }
    Ok(())
}

#[cfg(feature = "otlp")]
fn spans(args: &Args, now: &Now) -> anyhow::Result<Option<Arc<crate::spans::Spans>>> {
    let endpoint = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
    let begin = |endpoint| crate::spans::Spans::new(endpoint, &args.pod_name, Arc::clone(now));
    Ok(endpoint.map(begin).transpose()?.map(Arc::new))
}

/// The access log, if one is wanted.
fn access_log(args: &Args, now: Now, registry: &Registry) -> anyhow::Result<Option<Arc<Access>>> {
    if args.access_log == 0.0 {
        return Ok(None);
    }
    let sampling = Sampling { ratio: args.access_log, query: args.access_log_query, queue: ACCESS_LOG_QUEUE };
    Access::begin(sampling, now, registry, std::io::stdout()).context("thread of the access log").map(Some)
}

/// Where requests without TLS are sent, if anywhere.
fn redirect(args: &Args, certificates: Option<&Arc<Certificates>>) -> Option<Redirect> {
    Some(Redirect { certificates: Arc::clone(certificates?), port: args.tls_redirect_port? })
}

fn shared<N: Network>(
    args: &Args,
    metrics: Metrics,
    wakes: Wakes,
    cold_start: Option<ColdStartHook>,
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
        cold_start,
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
