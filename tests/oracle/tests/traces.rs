//! Random traces through Knative's autoscaler and through ours: the same decision at every tick.
//!
//! `TODOAPP_ORACLE_TRACES` says how many, `TODOAPP_ORACLE_SEED` which is the first.

use std::fmt::Write;
use std::path::Path;

use oracle::knative::{Knative, build};
use oracle::trace::{Trace, first_difference};
use oracle::{generate, ours, shrink};

const TRACES: u64 = 12_000;
const THREADS: u64 = 2;

#[test]
fn every_decision_is_knatives() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse().expect("a number"));
    let first = number("TODOAPP_ORACLE_SEED").unwrap_or(0);
    let traces = number("TODOAPP_ORACLE_TRACES").unwrap_or(TRACES);
    let program = build(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("built");
    let seen: Seen = std::thread::scope(|scope| {
        let check = |thread| {
            let program = &program;
            scope.spawn(move || check(program, (first + thread..first + traces).step_by(THREADS as usize)))
        };
        let threads: Vec<_> = (0..THREADS).map(check).collect();
        threads.into_iter().map(|thread| thread.join().expect("no difference")).sum()
    });
    println!("{traces} traces: {seen:?}");
    assert!(traces < TRACES || seen.is_telling(), "the traces show too little: {seen:?}");
}

fn check(program: &Path, seeds: impl Iterator<Item = u64>) -> Seen {
    let mut knative = Knative::start(program).expect("started");
    let mut seen = Seen::default();
    for seed in seeds {
        let trace = generate::trace(seed);
        let answers = knative.decide(&trace).unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
        if first_difference(&answers, &ours::decide(&trace)).is_some() {
            let differs = |trace: &Trace| {
                let answers = knative.decide(trace).expect("an answer");
                first_difference(&answers, &ours::decide(trace)).is_some()
            };
            let shrunk = shrink::shrink(trace, differs);
            panic!("seed {seed}{}", describe(&shrunk, &mut knative));
        }
        seen.count(&answers);
    }
    seen
}

fn describe(trace: &Trace, knative: &mut Knative) -> String {
    let (answers, ours) = (knative.decide(trace).expect("an answer"), ours::decide(trace));
    let mut text = String::from("\n");
    for spec in &trace.specs {
        let _ = writeln!(text, "{spec:?}");
    }
    for event in &trace.events {
        let _ = writeln!(text, "{:>9} ms  {:?}", event.at_ms, event.what);
    }
    let tick = first_difference(&answers, &ours).expect("it differs");
    let _ = writeln!(text, "tick {tick}\n  knative {:?}\n  ours    {:?}", answers.get(tick), ours.get(tick));
    text
}

/// What the traces had in them: equal answers prove little if all of them are zero.
#[derive(Debug, Default)]
struct Seen {
    ticks: u64,
    without_data: u64,
    zero: u64,
    panics: u64,
    bounded: u64,
    changes: u64,
}

impl Seen {
    fn count(&mut self, answers: &[oracle::trace::Answer]) {
        for answer in answers {
            self.ticks += 1;
            self.without_data += u64::from(!answer.valid);
            self.zero += u64::from(answer.valid && answer.desired == 0);
            self.panics += u64::from(answer.panic);
            self.bounded += u64::from(answer.valid && answer.bounded != answer.desired);
        }
        let changes = answers.windows(2).filter(|pair| pair[0].desired != pair[1].desired);
        self.changes += changes.count() as u64;
    }

    /// Each kind of decision is at least one in fifty.
    fn is_telling(&self) -> bool {
        let kinds = [self.without_data, self.zero, self.panics, self.bounded, self.changes];
        kinds.iter().all(|kind| kind * 50 > self.ticks)
    }
}

impl std::iter::Sum for Seen {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, seen| Self {
            ticks: sum.ticks + seen.ticks,
            without_data: sum.without_data + seen.without_data,
            zero: sum.zero + seen.zero,
            panics: sum.panics + seen.panics,
            bounded: sum.bounded + seen.bounded,
            changes: sum.changes + seen.changes,
        })
    }
}
