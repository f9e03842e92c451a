//! What runs in a pod: the container's own doing, as far as others see it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Delay;

/// A pod whose containers have been started.
pub struct Running {
    /// The pod, as it was then.
    pub pod: Arc<Value>,
    /// Its address.
    pub address: IpAddr,
    /// Whether its readiness probe would succeed; false at first.
    pub ready: watch::Sender<bool>,
    /// Cancelled when it is told to end: preStop and SIGTERM.
    pub terminating: CancellationToken,
    /// Its own chance.
    pub random: StdRng,
}

/// Runs pods. The future is the life of all containers together; it gives the exit code when they end by themselves,
/// and is dropped when the pod is killed.
pub trait Programs: Send + Sync + 'static {
    /// Runs one pod.
    fn run(&self, pod: Running) -> BoxFuture<'static, i32>;
}

/// How the containers of an image behave.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// From the start of the process until it is ready.
    pub ready: Delay,
    /// From the start of the process until it ends by itself, and with which code.
    pub crash: Option<(Delay, i32)>,
    /// From SIGTERM to its end.
    pub stop: Delay,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { ready: Delay::between_ms(5, 50), crash: None, stop: Delay::between_ms(1, 100) }
    }
}

/// Programs that only wait: by image of the first container.
#[derive(Debug, Default)]
pub struct Behaviours(RwLock<BTreeMap<String, Behaviour>>);

impl Behaviours {
    /// From now on containers of this image behave so.
    pub fn set(&self, image: &str, behaviour: Behaviour) {
        self.0.write().insert(image.to_owned(), behaviour);
    }
}

impl Programs for Behaviours {
    fn run(&self, pod: Running) -> BoxFuture<'static, i32> {
        let image = pod.pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
        let behaviour = self.0.read().get(image).cloned().unwrap_or_default();
        Box::pin(behave(behaviour, pod))
    }
}

async fn behave(behaviour: Behaviour, mut pod: Running) -> i32 {
    let ready = behaviour.ready.draw(&mut pod.random);
    let crash = behaviour.crash.map(|(after, code)| (after.draw(&mut pod.random), code));
    let live = async {
        tokio::time::sleep(ready).await;
        pod.ready.send_replace(true);
        std::future::pending::<()>().await;
    };
    let end = async {
        match crash {
            Some((after, code)) => {
                tokio::time::sleep(after).await;
                code
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        code = end => code,
        () = pod.terminating.cancelled() => {
            tokio::time::sleep(behaviour.stop.draw(&mut pod.random)).await;
            0
        }
        () = live => 0,
    }
}
