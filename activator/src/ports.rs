//! One listener for each app's (and tag's) in-cluster port, opened and closed as the table changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use proxy::{
    listen::{self, Limits},
    net,
};
use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    route::Door,
    serve::{Activator, serve},
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

/// Keeps the ports as the table says, until `shutdown`; each listener's task is in `tracker`.
pub(crate) async fn run(activator: Arc<Activator>, ip: IpAddr, tracker: TaskTracker, shutdown: CancellationToken) {
    let mut changed = activator.tables.follow();
    let mut listeners: BTreeMap<u16, CancellationToken> = BTreeMap::new();
    loop {
        changed.mark_unchanged();
        let wanted = activator.tables.load().ports.keys().copied().collect();
        let (missing, surplus) = plan(&listeners.keys().copied().collect(), &wanted);
        for port in surplus {
            if let Some(listener) = listeners.remove(&port) {
                listener.cancel();
            }
        }
        let mut failed = false;
        for port in missing {
            let end = shutdown.child_token();
            if open(&activator, SocketAddr::new(ip, port), Door::Port(port), &tracker, &end) {
                listeners.insert(port, end);
            } else {
                failed = true;
            }
        }
        tokio::select! {
            // The table outlives this task.
            _ = changed.changed() => {}
            () = sleep(RETRY), if failed => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Opens one listener; `false`, with a log line and a count, if the address cannot be listened on.
pub(crate) fn open(
    activator: &Arc<Activator>,
    address: SocketAddr,
    door: Door,
    tracker: &TaskTracker,
    end: &CancellationToken,
) -> bool {
    let listener = match net::bind(address) {
        Ok(listener) => listener,
        Err(cause) => {
            activator.shared.metrics.port_errors.inc();
            tracing::warn!(%address, %cause, "port cannot be listened on");
            return false;
        }
    };
    let activator = Arc::clone(activator);
    let handler = move |request, connection| serve(Arc::clone(&activator), door, request, connection);
    tracker.spawn(listen::serve(listener, handler, Limits::default(), end.clone(), GRACE));
    true
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
