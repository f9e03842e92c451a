//! What happens in a run.

mod faults;
mod loads;
mod partitions;
mod releases;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};
use testkit::Seed;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clients::Clients;
use crate::invariants;
use crate::world::{Size, World};

/// Name of the app of every scenario.
const APP: &str = "shop";
/// From silence to zero at the latest: window, grace, ticks, and pods that finish what they have.
const TO_ZERO: Duration = Duration::from_mins(1);

/// From an app's creation until it was ready once, at the latest.
const TO_READY: Duration = Duration::from_mins(2);

/// The scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// One request wakes a sleeping app.
    Wake,
    /// From nothing to a thousand requests in a second.
    Spike,
    /// Load that comes and goes at the window's length.
    Sawtooth,
    /// A day's load: little at night, much at noon.
    Day,
    /// Pods that take long to start, each another time.
    SlowStart,
    /// An app that dies again and again, until it does not.
    CrashLoop,
    /// The API server is slow, refuses, loses answers and is away.
    ApiServer,
    /// The leader dies, is cut off, or goes in order.
    LeaderLoss,
    /// Activators die or go in order.
    ActivatorLoss,
    /// Nothing gets through between some of us.
    Partitions,
    /// The wall clock jumps.
    ClockSteps,
    /// A good version is released step by step.
    GoodRelease,
    /// A bad one is.
    BadRelease,
    /// One that nobody uses is.
    SilentRelease,
    /// One that is bad at times is.
    FlappingRelease,
}

impl Scenario {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Wake, "wake"),
        (Self::Spike, "spike"),
        (Self::Sawtooth, "sawtooth"),
        (Self::Day, "day"),
        (Self::SlowStart, "slow-start"),
        (Self::CrashLoop, "crash-loop"),
        (Self::ApiServer, "api-server"),
        (Self::LeaderLoss, "leader-loss"),
        (Self::ActivatorLoss, "activator-loss"),
        (Self::Partitions, "partitions"),
        (Self::ClockSteps, "clock-steps"),
        (Self::GoodRelease, "good-release"),
        (Self::BadRelease, "bad-release"),
        (Self::SilentRelease, "silent-release"),
        (Self::FlappingRelease, "flapping-release"),
    ];
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(scenario, _)| scenario == self).map_or("", |(_, name)| name);
        write!(f, "{name}")
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(|(_, name)| name).join(", ");
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(scenario, _)| *scenario);
        found.ok_or_else(|| format!("no scenario is named {text:?}; there are {}", known()))
    }
}

/// Plays a scenario to its end.
pub async fn play(scenario: Scenario, seed: Seed) -> Arc<World> {
    let world = Arc::new(World::start(seed, Size { operators: 2, activators: 2 }).await);
    let mut watching = JoinSet::new();
    watching.spawn(invariants::watch(world.clone()));
    let mut stage =
        Stage { clients: Clients::new(world.clone()), world: world.clone(), random: seed.stream("scenario") };
    match scenario {
        Scenario::Wake => loads::wake(&mut stage).await,
        Scenario::Spike => loads::spike(&mut stage).await,
        Scenario::Sawtooth => loads::sawtooth(&mut stage).await,
        Scenario::Day => loads::day(&mut stage).await,
        Scenario::SlowStart => faults::slow_start(&mut stage).await,
        Scenario::CrashLoop => faults::crash_loop(&mut stage).await,
        Scenario::ApiServer => faults::api_server(&mut stage).await,
        Scenario::LeaderLoss => faults::leader_loss(&mut stage).await,
        Scenario::ActivatorLoss => faults::activator_loss(&mut stage).await,
        Scenario::Partitions => partitions::partitions(&mut stage).await,
        Scenario::ClockSteps => faults::clock_steps(&mut stage).await,
        Scenario::GoodRelease => releases::good(&mut stage).await,
        Scenario::BadRelease => releases::bad(&mut stage).await,
        Scenario::SilentRelease => releases::silent(&mut stage).await,
        Scenario::FlappingRelease => releases::flapping(&mut stage).await,
    }
    stage.finish().await;
    world
}

/// Who acts in a scenario.
pub struct Stage {
    world: Arc<World>,
    clients: Clients,
    random: StdRng,
}

impl Stage {
    /// Makes the app of the scenario and waits until it is ready for the first time.
    async fn open(&self, behaviour: crate::app::Behaviour, scaling: Value, spec: Value) {
        let mut all = json!({ "window": "6s", "zeroGrace": "0s" });
        for (field, value) in scaling.as_object().into_iter().flatten() {
            all[field] = value.clone();
        }
        self.world.create_app(APP, behaviour, all, spec);
        self.world.until("the new app is ready", TO_READY, || self.is("Ready")).await;
    }

    /// Whether a condition of the app is true.
    fn is(&self, condition: &str) -> bool {
        invariants::condition(&self.world.app(APP), condition).as_deref() == Some("True")
    }

    /// So many clients ask without a pause for a time; halfway and at its end there are as many pods as they need.
    async fn steady(&mut self, clients: u32, pods: u64, length: Duration) {
        for _ in 0..clients {
            self.clients.keep_asking(APP, length);
        }
        sleep(length * 9 / 10).await;
        let wanted = invariants::wanted(&self.world, APP);
        if wanted != Some(pods) {
            let journal = self.world.journal();
            journal.violation(format_args!("{clients} clients at once want {pods} pods, and there are {wanted:?}"));
        }
        sleep(length / 10).await;
    }

    /// Nothing is asked any more: every request has its end, everything sleeps, and nothing complains.
    async fn finish(&mut self) {
        self.clients.done().await;
        let world = self.world.clone();
        let asleep = || {
            invariants::wanted(&world, APP) == Some(least(&world))
                && invariants::pods(&world, APP) as u64 == least(&world)
        };
        world.until("the app is back at its least", TO_ZERO, asleep).await;
        let calm = || self.is("Ready") && !self.is("Stalled");
        world.until("the app is Ready and not Stalled", TO_ZERO, calm).await;
    }
}

fn least(world: &World) -> u64 {
    world.app(APP)["spec"]["scaling"]["min"].as_u64().unwrap_or(0)
}
