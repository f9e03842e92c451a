//! Few file descriptors, and more clients than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::labels::SIDECAR_ADMIN_PORT;
use e2e::http::Target;
use e2e::wait_for;
use front::objects;
use front::process::{Place, Process};
use front::stack::{self, ADMIN_PORT, Sidecar};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::client::{Kept, PATIENCE, is_whole, metric, streams};

const APP_PORT: u16 = 3000;
/// Leaves an activator 107 connections to clients, of which a listener gets 94, and 53 to upstreams.
const FEW: Place<'static> = Place { core: None, group: None, descriptors: Some(256), resolver: None };
const OF_A_LISTENER: usize = 94;
const UPSTREAM: usize = 53;
const CROWD: usize = 300;
/// While a process waits for descriptors its CPU is not busy: a loop that is would take all of this time.
const WATCHED: Duration = Duration::from_secs(2);

async fn is_idle(process: &Process) -> Result<()> {
    let before = process.cpu()?;
    tokio::time::sleep(WATCHED).await;
    let used = process.cpu()?.saturating_sub(before);
    ensure!(used < WATCHED / 4, "{used:?} of CPU in {WATCHED:?}");
    Ok(())
}

#[tokio::test]
async fn clients_beyond_the_activators_descriptors_wait_for_others_to_leave() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _sidecar = Sidecar::start(APP_PORT, false, Place::default()).await?;
    let front = stack::front(&["--pod", "127.0.0.1"], false, FEW).await?;

    let mut kept = Kept::open().await?;
    ensure!(kept.get("/bytes?size=10").await?.status == 200);
    let (served, leave) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (served, leave) = (Arc::clone(&served), leave.clone());
        crowd.spawn(async move {
            let mut client = Kept::open().await?;
            let answer = client.get("/bytes?size=10").await?;
            ensure!(answer.status == 200, "{answer:?}");
            served.fetch_add(1, Ordering::Relaxed);
            leave.cancelled().await;
            anyhow::Ok(())
        });
    }
    wait_for("the crowd fills the listener", PATIENCE, || async {
        let inside = served.load(Ordering::Relaxed);
        ensure!(inside == OF_A_LISTENER - 1, "{inside} of the crowd were served");
        let shortages = metric(ADMIN_PORT, "todoapp_shortages_total", &[r#"resource="connections""#]).await?;
        ensure!(shortages > 0.0, "no shortage is told of");
        Ok(())
    })
    .await?;
    for _ in 0..100 {
        ensure!(kept.get("/bytes?size=10").await?.status == 200, "who is inside goes on being served");
    }
    let cluster = Target::named(([127, 0, 0, 1], objects::CLUSTER_PORT).into(), "any");
    cluster.get("/bytes?size=10").await?.expect(200).context("a flood on one port leaves something to the others")?;
    is_idle(&front).await?;
    ensure!(served.load(Ordering::Relaxed) < OF_A_LISTENER, "nobody left, and others were let in");

    leave.cancel();
    for client in timeout(PATIENCE, crowd.join_all()).await.context("the crowd is not served")? {
        client?;
    }
    is_whole().await
}

#[tokio::test]
async fn requests_beyond_the_activators_descriptors_are_told_so_and_no_pod_is_blamed() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _sidecar = Sidecar::start(APP_PORT, false, Place::default()).await?;
    // The hub takes each connection and ends it, so that there is always the next one.
    let hub = TcpListener::bind(("127.0.0.1", 9)).await?;
    let dialled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dialled);
    tokio::spawn(async move {
        while hub.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let _front = stack::front(&["--pod", "127.0.0.1"], false, FEW).await?;

    // Longer than a request is kept waiting for a connection.
    let asked = tokio::spawn(streams(200, "/?sleep=15000"));
    wait_for("a shortage", PATIENCE, || async {
        let shortages = metric(ADMIN_PORT, "todoapp_shortages_total", &[r#"resource="connections""#]).await?;
        ensure!(shortages > 0.0);
        Ok(())
    })
    .await?;
    let before = dialled.load(Ordering::Relaxed);
    wait_for("the hub is dialled meanwhile", Duration::from_secs(10), || async {
        ensure!(dialled.load(Ordering::Relaxed) > before + 1);
        Ok(())
    })
    .await?;
    ensure!(!asked.is_finished(), "the shortage was over before the hub was dialled");
    let answers = asked.await??;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    ensure!(good >= UPSTREAM, "{good} answers");
    let told: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    ensure!(!told.is_empty());
    for answer in told {
        let told = (answer.status, answer.reason(), answer.headers.contains_key("retry-after"));
        ensure!(told == (503, "exhausted", true), "{answer:?}");
    }
    is_whole().await
}

#[tokio::test]
async fn activators_beyond_a_queue_proxys_descriptors_have_their_turn() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let sidecar = Sidecar::start(APP_PORT, false, FEW).await?;
    let _front = stack::front(&["--pod", "127.0.0.1"], false, Place::default()).await?;
    let asked = tokio::spawn(streams(200, "/?sleep=4000"));
    wait_for("a shortage", PATIENCE, || async {
        let shortages = metric(SIDECAR_ADMIN_PORT, "todoapp_shortages_total", &[r#"resource="connections""#]).await?;
        ensure!(shortages > 0.0);
        Ok(())
    })
    .await?;
    is_idle(&sidecar.process).await?;
    for answer in timeout(PATIENCE, asked).await.context("a request waits for ever")??? {
        ensure!(answer.status == 200, "{answer:?}");
    }
    is_whole().await
}
