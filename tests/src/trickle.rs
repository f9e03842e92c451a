//! Steady light load in the background, of which nothing may be lost.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::http::{Reply, Target};

/// When each request was sent, counted from the start, and what came of it.
type Results = Arc<Mutex<Vec<(Duration, Result<Reply>)>>>;

/// Load that runs until it is told to finish.
pub struct Trickle {
    stop: CancellationToken,
    results: Results,
    task: tokio::task::JoinHandle<()>,
}

impl Trickle {
    /// One GET each `pause`, whether or not earlier ones are answered; each on a new connection.
    pub fn start(target: Target, path: &str, pause: Duration) -> Self {
        let stop = CancellationToken::new();
        let results = Results::default();
        let task = tokio::spawn(run(target, path.to_owned(), pause, stop.clone(), Arc::clone(&results)));
        Self { stop, results, task }
    }

    /// How many were answered so far.
    pub fn answered(&self) -> usize {
        self.results.lock().len()
    }

    /// Ends it, waits for what is open and gives the answers; an error shows each request that was not answered 200.
    pub async fn finish(self) -> Result<Vec<Reply>> {
        self.stop.cancel();
        self.task.await?;
        let results = std::mem::take(&mut *self.results.lock());
        let total = results.len();
        let (mut replies, mut lost) = (Vec::with_capacity(total), Vec::new());
        for (at, result) in results {
            match result.and_then(|reply| reply.expect(200)) {
                Ok(reply) => replies.push(reply),
                Err(error) => lost.push(format!("  sent at {:.2} s: {error:#}", at.as_secs_f64())),
            }
        }
        if !lost.is_empty() {
            bail!("{} of {total} requests lost:\n{}", lost.len(), lost.join("\n"));
        }
        Ok(replies)
    }
}

async fn run(target: Target, path: String, pause: Duration, stop: CancellationToken, results: Results) {
    let begin = Instant::now();
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = tokio::task::JoinSet::new();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let (target, path, results) = (target.clone(), path.clone(), Arc::clone(&results));
        let at = begin.elapsed();
        open.spawn(async move {
            let result = target.get(&path).await;
            results.lock().push((at, result));
        });
    }
    open.join_all().await;
}
