//! Names that nobody looks up: the hub is not found, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::wait_for;
use front::process::{Place, Process};
use front::stack::{self, Sidecar};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::client::{Kept, PATIENCE, is_whole};
use crate::resolver::{Manner, Resolver};

const APP_PORT: u16 = 3000;
/// Longer than an attempt to reach the hub may take, lookup included.
const SLOW: Duration = Duration::from_millis(3500);
/// Threads that may wait for answers, and no more with each attempt.
const WAITING: usize = 3;
/// More attempts than that.
const AWAY: Duration = Duration::from_secs(12);

/// Somebody at the hub's port, who counts and hangs up when he is told.
struct Hub {
    called: Arc<AtomicUsize>,
    hang_up: watch::Sender<()>,
}

impl Hub {
    async fn listen(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let called = Arc::new(AtomicUsize::new(0));
        let (hang_up, told) = watch::channel(());
        let count = Arc::clone(&called);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut told = told.clone();
                tokio::spawn(async move {
                    let _ = told.changed().await;
                    drop(stream);
                });
            }
        });
        Ok(Self { called, hang_up })
    }

    async fn is_called(&self, what: &str) -> Result<()> {
        let before = self.called.load(Ordering::Relaxed);
        self.hang_up.send_replace(());
        let called = || async {
            ensure!(self.called.load(Ordering::Relaxed) > before);
            Ok(())
        };
        wait_for(what, PATIENCE, called).await
    }
}

/// Requests are answered for a time, as quickly as ever.
async fn served(kept: &mut Kept, length: Duration) -> Result<()> {
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < length {
        let answer = kept.get("/bytes?size=10").await?;
        ensure!(answer.status == 200, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_resolver_that_is_away_or_slow_is_waited_for_beside_the_requests() -> Result<()> {
    let resolver = Resolver::start(Manner::Denies).await?;
    let place = Place { resolver: Some(&resolver.file), ..Place::default() };
    let (hub, theirs) = (Hub::listen(9000).await?, Hub::listen(9001).await?);
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let sidecar = Sidecar::start_with(APP_PORT, false, place, "hub.example.:9000").await?;
    let front = stack::front(&["--pod", "127.0.0.1", "--hub", "hub.example.:9001"], false, place).await?;
    let mut kept = Kept::open().await?;

    served(&mut kept, Duration::from_secs(2)).await?;
    let denied = resolver.asked();
    ensure!(denied > 4, "{denied} questions: both ask again and again");
    let threads = |process: &Process| process.threads();
    let before = (threads(&sidecar.process)?, threads(&front)?);

    resolver.turns(Manner::Silent);
    served(&mut kept, AWAY).await?;
    let after = (threads(&sidecar.process)?, threads(&front)?);
    ensure!(
        after.0 <= before.0 + WAITING && after.1 <= before.1 + WAITING,
        "threads wait for the resolver: {before:?}, {after:?}"
    );

    resolver.turns(Manner::Knows(SLOW));
    hub.is_called("the queue-proxy finds the hub by a late answer").await?;
    theirs.is_called("the activator does").await?;
    resolver.turns(Manner::Knows(Duration::ZERO));
    hub.is_called("the queue-proxy finds it again").await?;
    theirs.is_called("the activator does").await?;
    served(&mut kept, Duration::from_millis(100)).await?;
    is_whole().await
}
