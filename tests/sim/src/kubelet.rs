//! What a kubelet does to a pod of ours: it asks whether it is ready.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use testkit::net::Host;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::http;

/// Between two looks of a readiness probe.
const PROBE: Duration = Duration::from_secs(1);

/// Asks `/ready` of an admin port for ever.
pub async fn probe(host: &Host, port: u16, ready: &watch::Sender<bool>) -> Infallible {
    let admin = SocketAddr::new(host.address(), port);
    loop {
        let answer = http::get(host, admin, "pod", "/ready").await;
        let is_ready = answer.is_ok_and(|answer| answer.status.is_success());
        ready.send_if_modified(|was| std::mem::replace(was, is_ready) != is_ready);
        sleep(PROBE).await;
    }
}
