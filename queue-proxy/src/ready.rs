//! Is the app ready? Asked every few milliseconds until it is, then as often as its probe says.

mod grpc;
mod judge;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use proxy::net::Dial;
use tokio::{sync::watch, time::Instant};

use self::judge::{Judge, pause};
use crate::config::{Check, Probe};

/// Asks for ever and tells every change.
pub(crate) async fn watch(probe: Probe, dial: impl Dial, ready: watch::Sender<bool>) {
    let mut judge = Judge::new(probe.successes, probe.failures);
    let mut since = Instant::now();
    loop {
        let asked = Instant::now();
        let answered = attempt(&probe.check, &dial, probe.timeout).await;
        if judge.hear(answered) {
            tracing::info!(
                ready = judge.ready,
                after_ms = since.elapsed().as_millis() as u64,
                "the app's readiness changed"
            );
            since = Instant::now();
            if ready.send(judge.ready).is_err() {
                return;
            }
        }
        let pause = if judge.ready {
            probe.period.saturating_sub(asked.elapsed())
        } else {
            pause(since.elapsed(), probe.period)
        };
        tokio::time::sleep(pause).await;
    }
}

async fn attempt(check: &Check, dial: &impl Dial, timeout: Duration) -> bool {
    let asked = async {
        match check {
            Check::Tcp { port } => dial.dial(local(*port)).await.is_ok(),
            // 200 to 399, as for the kubelet.
            Check::Http { port, path, headers } => {
                let status = proxy::ask(dial, local(*port), path, headers).await;
                status.is_some_and(|status| (200..400).contains(&status.as_u16()))
            }
            Check::Grpc { port, service } => grpc::ask(dial, *port, service).await.is_some_and(|ok| ok),
        }
    };
    tokio::time::timeout(timeout, asked).await.unwrap_or(false)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
