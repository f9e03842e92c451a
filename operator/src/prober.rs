//! Requests of our own to the pods of a candidate, which stand in for users where these are few.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::rollout::Probe;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use proxy::net::Dial;
use rollout::Probes;
use tokio::time::timeout;

/// Status that is expected where none is given.
const STATUS: u16 = 200;
/// Probes at one check where no number is given.
const COUNT: u32 = 10;
/// What has no answer by then has failed; all are sent at once, so a check takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends the probes of one check to these queue-proxies in turn, with this Host.
pub type Prober = Arc<dyn Fn(Probe, Vec<SocketAddr>, String) -> BoxFuture<'static, Probes> + Send + Sync>;

/// Probes over this network.
pub fn prober<D: Dial>(dial: D) -> Prober {
    Arc::new(move |probe, pods, host| check(dial.clone(), probe, pods, host).boxed())
}

async fn check<D: Dial>(dial: D, probe: Probe, pods: Vec<SocketAddr>, host: String) -> Probes {
    let count = if pods.is_empty() { 0 } else { probe.count.unwrap_or(COUNT) };
    let expected = probe.status.unwrap_or(STATUS);
    let headers = [("host".to_owned(), host)];
    let ask = |to| timeout(PATIENCE, proxy::ask(&dial, to, &probe.path, &headers));
    let answers = join_all(pods.iter().cycle().take(count as usize).map(|pod| ask(*pod))).await;
    let good = answers.iter().filter(|a| matches!(a, Ok(Some(status)) if status.as_u16() == expected)).count();
    let sent = u64::from(count);
    Probes { sent, failed: sent - good as u64 }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proxy::net::Tcp;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers every other request with 200, the rest with 500; counts them by what they asked for.
    async fn pod(seen: Arc<AtomicU32>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 1024];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).to_ascii_lowercase();
                assert!(head.starts_with("get /health?deep=1 ") && head.contains("host: user.market"), "{head}");
                let status = if seen.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { "200 OK" } else { "500 Error" };
                let _ = stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
            }
        });
        address
    }

    fn probe(status: Option<u16>, count: Option<u32>) -> Probe {
        Probe { path: "/health?deep=1".to_owned(), status, count }
    }

    #[tokio::test]
    async fn what_is_not_answered_as_expected_has_failed() {
        let seen = Arc::new(AtomicU32::new(0));
        let (up, down) = (pod(seen.clone()).await, SocketAddr::from(([127, 0, 0, 1], 1)));
        let prober = prober(Tcp);
        let sent = prober(probe(None, None), vec![up], "user.market".to_owned()).await;
        assert_eq!((sent, seen.load(Ordering::SeqCst)), (Probes { sent: 10, failed: 5 }, 10));
        let sent = prober(probe(Some(500), Some(4)), vec![up], "user.market".to_owned()).await;
        assert_eq!(sent, Probes { sent: 4, failed: 2 });
        let sent = prober(probe(None, Some(6)), vec![up, down], "user.market".to_owned()).await;
        assert_eq!(sent.sent, 6);
        assert!(sent.failed >= 3 && sent.failed <= 5, "{sent:?}");
        let sent = prober(probe(None, None), vec![], "user.market".to_owned()).await;
        assert_eq!(sent, Probes::default(), "nobody to ask");
    }
}
