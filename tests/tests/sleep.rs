//! Asleep and back: no request is lost on the way, whenever it comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::sleeping;
use e2e::observe::Scale;
use e2e::{App, Space, wait_for, with_namespace};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const COLD_APPS: usize = 6;
const COLD_STARTS: usize = 30;
const AWAKE_APPS: usize = 8;
const CYCLING_APPS: usize = 5;
const CYCLES: usize = 20;
const LIMIT: Duration = Duration::from_mins(4);

#[tokio::test(flavor = "multi_thread")]
async fn thirty_cold_starts_one_after_the_other_are_all_answered() {
    with_namespace(async |space: Space| {
        // They fall asleep beside each other and are woken one at a time.
        let turn = Arc::new(Mutex::new(()));
        let mut apps = JoinSet::new();
        for index in 0..COLD_APPS {
            apps.spawn(cold_starts(space.clone(), format!("cold-{index}"), Arc::clone(&turn)));
        }
        let mut times = Vec::new();
        while let Some(part) = timeout(LIMIT, apps.join_next()).await? {
            times.extend(part??);
        }
        times.sort();
        println!("{} cold starts: median {:?}, longest {:?}", times.len(), times[times.len() / 2], times.last());
        ensure!(times.len() == COLD_STARTS);
        Ok(())
    })
    .await;
}

async fn cold_starts(space: Space, name: String, turn: Arc<Mutex<()>>) -> Result<Vec<Duration>> {
    let app = App::new(&name).ready(&space).await?;
    let target = space.target(&app).await?;
    let mut times = Vec::new();
    for _ in 0..COLD_STARTS / COLD_APPS {
        sleeping(&space, &name).await?;
        let _turn = turn.lock().await;
        let reply = target.get("/").await?.expect(200)?;
        ensure!(reply.header("todoapp-cold-start") == "true", "{name} was not asleep: {:?}", reply.headers);
        ensure!(reply.header("server-timing").contains("hold;dur="), "{:?}", reply.headers);
        times.push(reply.elapsed);
    }
    Ok(times)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_wakes_once_and_sleep_comes_after_the_window_not_before() {
    with_namespace(async |space: Space| {
        let mut apps = JoinSet::new();
        for index in 0..AWAKE_APPS {
            apps.spawn(woken_once(space.clone(), format!("once-{index}")));
        }
        while let Some(app) = apps.join_next().await {
            app??;
        }
        Ok(())
    })
    .await;
}

/// The window is 6 s; a second less is allowed for the seconds in which load is counted.
async fn woken_once(space: Space, name: String) -> Result<()> {
    let app = App::new(&name).asleep(&space).await?;
    let target = space.target(&app).await?;
    let scale = Scale::watch(&space, &name).await?;
    wait_for(&format!("{name} seen at zero"), Duration::from_secs(5), || async {
        ensure!(scale.now() == Some(0), "{:?}", scale.now());
        Ok(())
    })
    .await?;
    // At any time within the two seconds of a tick.
    sleep(Duration::from_millis(rand::random_range(0..2000))).await;
    target.get("/").await?.expect(200)?;
    let answered = Instant::now();
    wait_for(&format!("{name} back at zero"), Duration::from_secs(20), || async {
        ensure!(scale.history().len() >= 3, "{:?}", scale.history());
        Ok(())
    })
    .await?;
    // Should it wake again by itself, it would at one of the next ticks.
    sleep(Duration::from_secs(5)).await;
    ensure!(scale.history() == [0, 1, 0], "{name} was scaled to {:?} for one request", scale.history());
    let awake = scale.changes()[2].0 - answered;
    ensure!(awake >= Duration::from_secs(5), "{name} was put to sleep {awake:?} after its only request");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_times_to_zero_and_back_under_a_trickle_lose_nothing() {
    with_namespace(async |space: Space| {
        let cycles = Arc::new(AtomicUsize::new(0));
        let mut apps = JoinSet::new();
        for index in 0..CYCLING_APPS {
            apps.spawn(cycle(space.clone(), format!("cycle-{index}"), index, Arc::clone(&cycles)));
        }
        let mut requests = 0;
        while let Some(part) = apps.join_next().await {
            requests += part??;
        }
        println!("{} times to zero and back under {requests} requests", cycles.load(Relaxed));
        ensure!(cycles.load(Relaxed) >= CYCLES, "only {} cycles in {LIMIT:?}", cycles.load(Relaxed));
        Ok(())
    })
    .await;
}

/// A request every three seconds, then a pause after which the next one meets the scale-down: every other time it is
/// sent so long after the Deployment was seen at zero (while the pod drains, ends or has just gone), otherwise about
/// when the decision is due.
async fn cycle(space: Space, name: String, seed: usize, total: Arc<AtomicUsize>) -> Result<usize> {
    const AFTER_ZERO_MS: [u64; 8] = [0, 20, 60, 150, 400, 800, 1200, 2000];
    let begin = Instant::now();
    let app = App::new(&name).ready(&space).await?;
    let target = space.target(&app).await?;
    let scale = Scale::watch(&space, &name).await?;
    let (mut requests, mut counted) = (0, 0);
    for round in seed.. {
        if total.load(Relaxed) >= CYCLES || begin.elapsed() > LIMIT {
            break;
        }
        for pause in [Duration::from_secs(3), Duration::ZERO] {
            target.get(&format!("/?sleep={}", 37 * (round % 7))).await?.expect(200)?;
            requests += 1;
            sleep(pause).await;
        }
        if round % 2 == 0 {
            wait_for(&format!("{name} at zero"), Duration::from_secs(30), || async {
                ensure!(scale.now() == Some(0), "{:?}", scale.now());
                Ok(())
            })
            .await?;
            sleep(Duration::from_millis(AFTER_ZERO_MS[round / 2 % AFTER_ZERO_MS.len()])).await;
        } else {
            sleep(Duration::from_millis(5500 + rand::random_range(0..4000))).await;
        }
        target.get("/").await?.expect(200)?;
        requests += 1;
        let cycles = scale.cycles();
        total.fetch_add(cycles - counted, Relaxed);
        counted = cycles;
    }
    Ok(requests)
}
