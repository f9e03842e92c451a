//! What the autoscaler's decisions take: time of a tick, reports a second, bytes of a revision asleep. Needs no
//! cluster: it drives the leader's core on a time of its own.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use allocation_counter::measure;
use anyhow::{Context, Result, ensure};
use bench::Sample;
use clap::Parser;
use jiff::Timestamp;
use operator::autoscaler::RevisionEntry;
use operator::autoscaler::core::{Core, Effect, PeerId};
use tokio::time::Instant;
use wire::{Bucket, Load, Up};

/// Ticks that are taken, one each two seconds of the core's time.
const TICKS: u64 = 50;
/// From the end of the load to sleep without a memory of it.
const TO_SLEEP_S: u64 = 300;

#[derive(Parser)]
#[command(about = "Measures the autoscaler's decision loop, without a cluster")]
struct Args {
    /// Busy revisions of the smallest measurement, each with one pod; every further one has twice as many.
    #[arg(long, default_value_t = 250)]
    busy: u16,
    /// Sleeping revisions for each busy one.
    #[arg(long, default_value_t = 10)]
    asleep: u16,
    /// Measurements.
    #[arg(long, default_value_t = 4)]
    sizes: u32,
}

fn main() -> ExitCode {
    bench::exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    println!("## Decisions\n\nThe leader's core alone, on one thread.\n");
    println!("| busy | asleep | tick p50 µs | tick longest µs | p50 ns a revision | reports a second | bytes asleep |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for size in 0..args.sizes {
        let busy = u32::from(args.busy) << size;
        measured(busy, busy * u32::from(args.asleep))?;
    }
    Ok(())
}

/// One line of the table.
fn measured(busy: u32, asleep: u32) -> Result<()> {
    let mut world = World::new();
    let mut slept = Ok(());
    let taken = measure(|| slept = world.add_asleep(asleep));
    slept?;
    let pods = world.add("busy", busy)?;

    let (mut ticks, mut reporting) = (Sample::default(), Duration::ZERO);
    for _ in 0..2 * TICKS {
        reporting += world.report(&pods, 5)?;
        if world.now.as_secs().is_multiple_of(2) {
            ticks.push(world.tick());
        }
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let (p50, longest) = (micros(ticks.quantile(0.5)), micros(ticks.quantile(1.0)));
    let each = p50 * 1e3 / f64::from(busy + asleep);
    let reports = 2.0 * TICKS as f64 * f64::from(busy) / reporting.as_secs_f64();
    let bytes = taken.bytes_current / i64::from(asleep);
    println!("| {busy} | {asleep} | {p50:.0} | {longest:.0} | {each:.0} | {reports:.0} | {bytes} |");
    Ok(())
}

/// The core, its time, and the activator that asks for pods.
struct World {
    core: Core,
    now: Duration,
    activator: PeerId,
    /// Scales to zero that were written.
    to_zero: u32,
}

/// A pod's stream and its revision.
type Pod = (String, PeerId);

impl World {
    fn new() -> Self {
        let now = Duration::from_secs(100_000);
        let mut core = Core::new(now);
        let activator = core.join_activator(1, "activator".to_owned());
        Self { core, now, activator, to_zero: 0 }
    }

    /// Revisions that were woken, each with a pod that called home.
    fn add(&mut self, kind: &str, count: u32) -> Result<Vec<Pod>> {
        let mut pods = Vec::new();
        for n in 0..count {
            // As long as the UIDs of a cluster.
            let uid = format!("{kind:0>8}-0000-4000-8000-{n:012}");
            let entry = RevisionEntry {
                uid: uid.clone(),
                namespace: "default".to_owned(),
                name: format!("{kind}-{n}-00001"),
                spec: scaling::Spec::default(),
                schedules: policy::Schedules::default(),
                routed: true,
                initial: false,
            };
            self.core.upsert(self.now, entry);
            self.core.set_replicas(self.now, &uid, 0, 0);
            self.say(self.activator, Up::Demand { revision_uid: uid.clone(), held: 1 })?;
            self.say(self.activator, Up::Demand { revision_uid: uid.clone(), held: 0 })?;
            let [_, a, b, c] = n.to_be_bytes();
            let pod = self.core.join_pod(&uid, format!("{kind}-{n}-pod"), ([10, a, b, c], 8012).into(), 1, true);
            self.say(pod, Up::Ready)?;
            self.core.set_replicas(self.now, &uid, 1, 1);
            pods.push((uid, pod));
        }
        Ok(pods)
    }

    /// Revisions that served, and have been asleep for a while.
    fn add_asleep(&mut self, count: u32) -> Result<()> {
        let pods = self.add("asleep", count)?;
        for second in 0..TO_SLEEP_S {
            self.report(&pods, u16::from(second == 0))?;
            if self.now.as_secs().is_multiple_of(2) {
                self.tick();
            }
        }
        for (uid, pod) in pods {
            self.core.leave(self.now, pod);
            self.core.set_replicas(self.now, &uid, 0, 0);
        }
        for _ in 0..TO_SLEEP_S / 2 {
            self.now += Duration::from_secs(2);
            self.say(self.activator, Up::Report { second: self.now.as_secs(), loads: Vec::new() })?;
            self.tick();
        }
        ensure!(self.to_zero == count, "{} of {count} revisions went to sleep", self.to_zero);
        Ok(())
    }

    /// A second passes and each pod reports it; the time that this takes.
    fn report(&mut self, pods: &[Pod], in_flight: u16) -> Result<Duration> {
        self.now += Duration::from_secs(1);
        let second = self.now.as_secs();
        self.say(self.activator, Up::Report { second, loads: Vec::new() })?;
        let bucket = Bucket { second: second - 1, concurrency: in_flight.into(), requests: in_flight.into() };
        let message = |(uid, pod): &Pod| {
            let load = Load { revision_uid: uid.clone(), now: in_flight.into(), buckets: vec![bucket] };
            (*pod, Up::Report { second, loads: vec![load] })
        };
        let messages: Vec<_> = pods.iter().map(message).collect();
        let begun = Instant::now();
        for (pod, message) in messages {
            self.core.message(self.now, pod, message).context("a report")?;
        }
        Ok(begun.elapsed())
    }

    /// The time of one tick.
    fn tick(&mut self) -> Duration {
        let begun = Instant::now();
        self.core.tick(self.now, Timestamp::UNIX_EPOCH, &|_, _| true);
        let took = begun.elapsed();
        self.carry_out();
        took
    }

    fn say(&mut self, peer: PeerId, message: Up) -> Result<()> {
        self.core.message(self.now, peer, message).context("allowed")?;
        self.carry_out();
        Ok(())
    }

    /// Every write is acknowledged at once.
    fn carry_out(&mut self) {
        for effect in self.core.take_effects() {
            if let Effect::Write { uid } = effect {
                while let Some(write) = self.core.next_write(self.now, &uid) {
                    self.to_zero += u32::from(write.replicas == 0);
                    self.core.written(self.now, &uid, write.replicas);
                    self.core.set_replicas(self.now, &uid, write.replicas, 0);
                }
            }
        }
        black_box(self.core.take_decided());
    }
}
