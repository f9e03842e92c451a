//! The life of one pod: a place, its images and secrets, its containers, their crashes, its end.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::images::{self, Image};
use super::report::{self, Ended, Stage, View, Waiting};
use super::{Hands, secrets};
use crate::Delay;
use crate::cluster::follow::{AWAY, POD, until};
use crate::cluster::program::Running;

/// Between two looks at a pod that cannot start (the pod worker's back-off with its jitter).
const LOOK: Delay = Delay::between_ms(10_000, 15_000);
/// Between two tries to find a place.
const NO_ROOM: Duration = Duration::from_secs(1);
/// A container that ran this long has its back-off forgiven.
const FORGIVEN: Duration = Duration::from_mins(10);

/// What the rest of the kubelet knows of a pod.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// It is to end: `deletionTimestamp` is set.
    pub leaving: CancellationToken,
    /// Its object is no more.
    pub gone: CancellationToken,
}

/// One pod's life.
pub struct Life {
    hands: Arc<Hands>,
    pod: Arc<Value>,
    orders: Orders,
    random: StdRng,
    view: View,
}

impl Life {
    /// Of this pod.
    pub fn new(hands: Arc<Hands>, pod: Arc<Value>, orders: Orders, random: StdRng) -> Self {
        let view = View { stage: Stage::Waits(None), ready: false, address: None, restarts: 0, ended: None };
        Self { hands, pod, orders, random, view }
    }

    /// Lives it, and takes what is left of the pod away.
    pub async fn live(mut self) {
        let (gone, leaving) = (self.orders.gone.clone(), self.orders.leaving.clone());
        let place = tokio::select! {
            biased;
            () = gone.cancelled() => return,
            place = self.find_place() => place,
        };
        tokio::select! {
            biased;
            () = gone.cancelled() => {}
            () = self.begin_run_end(&leaving) => {}
        }
        self.hands.nodes.lock().free(&place);
    }

    async fn find_place(&mut self) -> String {
        if let Some(node) = self.pod["spec"]["nodeName"].as_str() {
            self.hands.nodes.lock().add(node);
            return node.to_owned();
        }
        self.wait(self.hands.settings.scheduling).await;
        loop {
            self.hands.reach().await;
            let (place, count) = {
                let mut nodes = self.hands.nodes.lock();
                (nodes.take(), nodes.count())
            };
            match place {
                Some(node)
                    if self.hands.scheduler.patch(&self.pod, json!({ "spec": { "nodeName": node } })).is_ok() =>
                {
                    return node;
                }
                Some(node) => self.hands.nodes.lock().free(&node),
                None => {
                    let now = self.hands.scheduler.clock().time();
                    // One that went meanwhile needs no word.
                    let _ = self.hands.scheduler.patch_status(&self.pod, report::unschedulable(&self.pod, count, &now));
                }
            }
            sleep(NO_ROOM).await;
        }
    }

    async fn begin_run_end(&mut self, leaving: &CancellationToken) {
        self.begin_and_run(leaving).await;
        self.end().await;
    }

    /// Returns when the pod is to be taken away.
    async fn begin_and_run(&mut self, leaving: &CancellationToken) {
        let prepared = tokio::select! {
            biased;
            () = leaving.cancelled() => false,
            () = self.prepare() => true,
        };
        let mut crashes = 0;
        while prepared && !leaving.is_cancelled() {
            let began = Instant::now();
            if !self.run(leaving).await {
                return;
            }
            if began.elapsed() >= FORGIVEN {
                crashes = 0;
            }
            tokio::select! {
                biased;
                () = leaving.cancelled() => return,
                () = self.back_off(crashes) => crashes += 1,
            }
        }
    }

    /// Everything before the first process: images, secrets, sandbox.
    async fn prepare(&mut self) {
        self.tell(Stage::Waits(None)).await;
        let containers = self.pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
        self.view.address = Some(self.hands.nodes.lock().address());
        for (number, container) in containers.iter().enumerate() {
            self.pull(number, container["image"].as_str().unwrap_or_default()).await;
            while let Some(message) = secrets::missing(&self.hands.kubelet, &self.pod, container) {
                self.tell(Stage::Waits(Some((number, Waiting { reason: "CreateContainerConfigError", message }))))
                    .await;
                self.wait(LOOK).await;
            }
        }
        self.wait(self.hands.settings.creating).await;
    }

    async fn pull(&mut self, number: usize, image: &str) {
        for failures in 0.. {
            let place = self.hands.images.lock().get(image);
            match place {
                Image::Present => return,
                Image::Pulls(takes) => {
                    self.wait(takes).await;
                    return;
                }
                Image::Missing => {
                    let [fails, backs_off] = images::not_found(image);
                    self.tell(Stage::Waits(Some((number, fails)))).await;
                    self.wait(LOOK).await;
                    self.tell(Stage::Waits(Some((number, backs_off)))).await;
                    sleep(images::backoff(failures)).await;
                }
            }
        }
    }

    /// Runs all containers once. Says whether they ended by themselves.
    async fn run(&mut self, leaving: &CancellationToken) -> bool {
        let began = self.hands.kubelet.clock().time();
        let (ready, mut is_ready) = watch::channel(false);
        let terminating = CancellationToken::new();
        let mut program = self.hands.programs.run(Running {
            pod: self.pod.clone(),
            address: self.view.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            ready,
            terminating: terminating.clone(),
            random: self.hands.seed.part("programs").stream(&format!("{}/{}", self.uid(), self.view.restarts)),
        });
        let mut tell = Some(Instant::now());
        let mut speaks = true;
        let grace = self.grace(leaving);
        tokio::pin!(grace);
        loop {
            tokio::select! {
                biased;
                code = &mut program => {
                    self.view.ended = Some(Ended { code, began, at: self.hands.kubelet.clock().time() });
                    self.view.ready = false;
                    return !leaving.is_cancelled();
                }
                () = &mut grace => return false,
                () = leaving.cancelled(), if !terminating.is_cancelled() => terminating.cancel(),
                changed = is_ready.changed(), if speaks => {
                    speaks = changed.is_ok();
                    tell = tell.or_else(|| Some(Instant::now() + self.hands.settings.probing.draw(&mut self.random)));
                }
                () = until(tell) => {
                    tell = self.hands.kubelet.is_away().then(|| Instant::now() + AWAY);
                    if tell.is_none() {
                        self.view.ready = *is_ready.borrow();
                        self.write(Stage::Runs(began.clone()));
                    }
                }
            }
        }
    }

    /// Returns when the grace of a pod that is to end has passed.
    fn grace(&self, leaving: &CancellationToken) -> impl Future<Output = ()> + use<> {
        let (leaving, hands, pod) = (leaving.clone(), self.hands.clone(), self.pod.clone());
        async move {
            leaving.cancelled().await;
            let name = |field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
            let live = hands.kubelet.get(POD, &name("namespace"), &name("name"));
            let grace = live.and_then(|pod| pod["metadata"]["deletionGracePeriodSeconds"].as_u64()).unwrap_or(30);
            sleep(Duration::from_secs(grace)).await;
        }
    }

    /// The wait after a crash: none the first time, then longer each time.
    async fn back_off(&mut self, crashes: u32) {
        if let Some(before) = crashes.checked_sub(1) {
            let wait = images::backoff(before);
            let name = |field: &str| self.pod["metadata"][field].as_str().unwrap_or_default();
            let container = self.pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
            let message = format!(
                "back-off {} restarting failed container={container} pod={}_{}({})",
                go_duration(wait),
                name("name"),
                name("namespace"),
                name("uid")
            );
            self.tell(Stage::BacksOff(Waiting { reason: "CrashLoopBackOff", message })).await;
            sleep(wait).await;
        }
        self.view.restarts += 1;
    }

    /// The pod is ended; its object goes.
    async fn end(&self) {
        self.hands.reach().await;
        // Somebody else may have taken it away.
        let _ = self.hands.kubelet.delete(&self.pod, json!({ "gracePeriodSeconds": 0 }));
    }

    async fn tell(&mut self, stage: Stage) {
        self.hands.reach().await;
        self.write(stage);
    }

    fn write(&mut self, stage: Stage) {
        self.view.stage = stage;
        let name = |field: &str| self.pod["metadata"][field].as_str().unwrap_or_default().to_owned();
        // One that is gone, or came anew under its name, is not this pod any more.
        let live = self.hands.kubelet.get(POD, &name("namespace"), &name("name"));
        let Some(live) = live.filter(|live| live["metadata"]["uid"] == self.pod["metadata"]["uid"]) else { return };
        let status = report::status(&live, &self.view, &self.hands.kubelet.clock().time());
        let _ = self.hands.kubelet.patch_status(&live, status);
    }

    async fn wait(&mut self, delay: Delay) {
        sleep(delay.draw(&mut self.random)).await;
    }

    fn uid(&self) -> &str {
        self.pod["metadata"]["uid"].as_str().unwrap_or_default()
    }
}

/// As Go writes a duration: `10s`, `2m40s`.
fn go_duration(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}
