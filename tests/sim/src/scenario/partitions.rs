//! Nothing gets through between some of us, and nobody is told. Requests go on as if nothing was, and so do the pods.

use std::net::IpAddr;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use testkit::api_server::faults::{Effect, Fault};
use tokio::time::{Instant, sleep};

use super::{APP, Stage, TO_ZERO};
use crate::app::Behaviour;
use crate::clients::Outcome;
use crate::invariants;
use crate::world::{ACTIVATOR, OPERATOR, World};

/// Who asks without a pause, and the pods that it takes.
const CLIENTS: u32 = 4;
const PODS: u64 = 3;
/// Some seconds without a report are a small part of it.
const WINDOW: &str = "20s";
/// Before a cut: long enough for windows to be full.
const BEFORE: Duration = Duration::from_secs(24);
/// After it: long enough for a new leader.
const AFTER: Duration = Duration::from_secs(40);
/// Between two looks at what is wanted.
const LOOK: Duration = Duration::from_millis(500);
/// Less than a request is held.
const ASLEEP: Duration = Duration::from_secs(20);

/// Between whom nothing gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Activators and hub.
    Hub,
    /// Whoever measures and the hub: it hears of nothing.
    Measurements,
    /// Activators and API server.
    Watches,
    /// Activators and some pods of the app.
    Pods,
    /// Operators and API server: nobody leads any more.
    Lease,
}

/// Each of the cuts once, in any order, under steady load; then a wake without a hub.
pub async fn partitions(stage: &mut Stage) {
    stage.clients.with_posts();
    stage.open(Behaviour::default(), json!({ "max": 6, "target": 2, "window": WINDOW }), Value::Null).await;
    let mut cuts = [Cut::Hub, Cut::Measurements, Cut::Watches, Cut::Pods, Cut::Lease];
    cuts.shuffle(&mut stage.random);
    for cut in cuts {
        stage.cut_under_load(cut).await;
    }
    stage.wake_without_hub().await;
    stage.steady(CLIENTS, PODS, AFTER).await;
}

impl Stage {
    async fn cut_under_load(&mut self, cut: Cut) {
        let length = Duration::from_secs(self.random.random_range(3..45));
        for _ in 0..CLIENTS {
            self.clients.keep_asking(APP, BEFORE + length + AFTER);
        }
        let others = self.others(cut);
        sleep(BEFORE).await;
        self.world.journal().note(format_args!("{cut:?} are cut for {length:?}"));
        self.apply(cut, length);
        // Requests that wait for a pod which cannot be reached are in no pod, so fewer are needed.
        let pods = if cut == Cut::Pods { 1 } else { PODS };
        self.keeps_its_pods(cut, pods, length).await;
        self.world.common().network.heal();
        self.world.mend_api_server();
        self.world.journal().note(format_args!("{cut:?} are healed"));
        self.keeps_its_pods(cut, pods, AFTER * 9 / 10).await;
        self.clients.done().await;
        self.all_served(cut, others);
    }

    fn apply(&self, cut: Cut, length: Duration) {
        let world = &self.world;
        let (activators, operators) = (addresses(world, ACTIVATOR), addresses(world, OPERATOR));
        let network = &world.common().network;
        match cut {
            Cut::Hub => network.cut(&activators, &operators),
            Cut::Measurements => network.cut(&[activators, world.pod_addresses()].concat(), &operators),
            Cut::Watches => lose_api_server(world, ACTIVATOR, length),
            Cut::Pods => network.cut(&activators, &world.pod_addresses()[..1]),
            Cut::Lease => lose_api_server(world, OPERATOR, length),
        }
    }

    /// As many asked as before, so as many pods are wanted, whoever knows of it.
    async fn keeps_its_pods(&self, cut: Cut, pods: u64, length: Duration) {
        let until = Instant::now() + length;
        while Instant::now() < until {
            sleep(LOOK).await;
            let wanted = invariants::wanted(&self.world, APP);
            if wanted < Some(pods) {
                let journal = self.world.journal();
                journal.violation(format_args!("{cut:?} are cut: {CLIENTS} clients want {pods} pods, not {wanted:?}"));
            }
        }
    }

    /// There were pods that could be reached all the time. What was on its way to one that could not may have been done, so
    /// it is told if it must not be done twice.
    fn all_served(&self, cut: Cut, before: u64) {
        let others = self.others(cut) - before;
        if others > 0 {
            self.world.journal().violation(format_args!("{cut:?} were cut: {others} requests were not answered"));
        }
    }

    /// How many requests so far had another end.
    fn others(&self, cut: Cut) -> u64 {
        let broken = |end: &Outcome| cut == Cut::Pods && matches!(end, Outcome::Refused(502, _));
        self.clients.count(|end| *end != Outcome::Answered && !broken(end))
    }

    /// An app that sleeps cannot be woken without a hub: who asks waits until it is there again.
    async fn wake_without_hub(&mut self) {
        let world = self.world.clone();
        world.until("the app sleeps", TO_ZERO, || !world.has_pods()).await;
        let others = self.others(Cut::Hub);
        self.apply(Cut::Hub, ASLEEP);
        for _ in 0..5 {
            self.clients.ask(APP);
        }
        sleep(ASLEEP).await;
        world.common().network.heal();
        self.clients.done().await;
        self.all_served(Cut::Hub, others);
    }
}

fn addresses(world: &World, component: &str) -> Vec<IpAddr> {
    world.processes(component).into_iter().map(|(_, address)| address).collect()
}

fn lose_api_server(world: &World, component: &str, length: Duration) {
    let server = &world.common().server;
    let now = server.clock().elapsed();
    for (name, _) in world.processes(component) {
        server.add_fault(Fault::new(Effect::Away).user(&name).during(now, now + length));
    }
}
