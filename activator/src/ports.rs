//! A listener on each app's (and tag's) in-cluster port, opened and closed as the table changes.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use proxy::{
    listen::{self, ConnInfo, Limits, Ports as _},
    net::{Dial, Network},
};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    route::Door,
    serve::{Activator, serve},
    tls::Certificates,
};

/// Pause before a port that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The end of a listener's requests is bounded by `drain`, not here.
const GRACE: Duration = Duration::from_hours(24);

/// Which ports to open and which to close.
fn plan(open: &BTreeSet<u16>, wanted: &BTreeSet<u16>) -> (Vec<u16>, Vec<u16>) {
    let missing = wanted.difference(open).copied().collect();
    let surplus = open.difference(wanted).copied().collect();
    (missing, surplus)
}

/// Keeps the ports as the table says, until `shutdown`; ends when their requests have.
///
/// # Errors
/// Out of descriptors.
pub(crate) fn run<N: Network>(
    activator: Arc<Activator<N>>,
    network: N,
    ip: IpAddr,
    shutdown: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send + use<N>> {
    let serving = Arc::clone(&activator);
    let handler = move |request, connection: ConnInfo| {
        let door = Door::Port(connection.local.port());
        serve(Arc::clone(&serving), door, request, connection)
    };
    let mut listeners = network.many(handler, limits(&activator))?;
    Ok(async move {
        let mut changed = activator.tables.follow();
        loop {
            let wanted = activator.tables.load().ports.keys().copied().collect();
            let (missing, surplus) = plan(&listeners.ports().collect(), &wanted);
            for port in surplus {
                listeners.close(port);
            }
            let mut failed = false;
            for port in missing {
                let address = SocketAddr::new(ip, port);
                failed |= listeners.open(address).inspect_err(|cause| complain(&activator, address, cause)).is_err();
            }
            tokio::select! {
                // The table outlives this task.
                _ = changed.changed() => {}
                () = sleep(RETRY), if failed => {}
                () = shutdown.cancelled() => break,
                never = listeners.serve() => match never {},
            }
        }
        listeners.finish().await;
    })
}

/// Opens the public port, with certificates that for TLS; its task is in `tasks`.
///
/// # Errors
/// The address cannot be listened on.
pub(crate) fn public<N: Network>(
    activator: &Arc<Activator<N>>,
    network: &N,
    address: SocketAddr,
    certificates: Option<Arc<Certificates>>,
    tasks: &mut JoinSet<()>,
    end: &CancellationToken,
) -> io::Result<()> {
    let listener = network.listen(address)?;
    let (limits, end, serving) = (limits(activator), end.clone(), Arc::clone(activator));
    let handler = move |request, connection| serve(Arc::clone(&serving), Door::Public, request, connection);
    match certificates {
        None => tasks.spawn(listen::serve(listener, handler, limits, end, GRACE).map(drop)),
        Some(certificates) => {
            tasks.spawn(listen::serve_tls(listener, certificates, handler, limits, end, GRACE).map(drop))
        }
    };
    Ok(())
}

fn limits(activator: &Activator<impl Dial>) -> Limits {
    Limits { sockets: Arc::clone(activator.pool.sockets()), ..Limits::default() }
}

fn complain(activator: &Activator<impl Dial>, address: SocketAddr, cause: &io::Error) {
    activator.shared.metrics.port_errors.inc();
    tracing::warn!(%address, %cause, "port cannot be listened on");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_is_missing_and_closes_what_is_surplus() {
        let set = |ports: &[u16]| ports.iter().copied().collect();
        assert_eq!(plan(&set(&[1, 2]), &set(&[2, 3])), (vec![3], vec![1]));
        assert_eq!(plan(&set(&[]), &set(&[])), (vec![], vec![]));
    }
}
