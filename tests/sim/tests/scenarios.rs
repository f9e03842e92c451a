//! Every scenario with seeds of its own, each run in a process of its own. `SIM_SEEDS` is how many of each, 20 or 25 without.

use std::process::{Command, Output};

use sim::scenario::Scenario;

/// Of each scenario.
const SEEDS: u64 = 20;
/// Of each of the four kinds of releases: a hundred together.
const SEEDS_OF_RELEASES: u64 = 25;

fn play(scenario: Scenario, seed: u64) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.env("SIM_SCENARIO", scenario.to_string()).env("SIM_SEED", seed.to_string());
    command.output().expect("the program was built for this test")
}

/// What it said, and its panic if there was one.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn play_all(scenario: Scenario) {
    let usual = if scenario.to_string().ends_with("-release") { SEEDS_OF_RELEASES } else { SEEDS };
    let seeds = std::env::var("SIM_SEEDS").ok().map_or(usual, |seeds| seeds.parse().expect("SIM_SEEDS is a number"));
    let mut failures = Vec::new();
    for seed in 1..=seeds {
        let output = play(scenario, seed);
        if !output.status.success() {
            let again = format!("SIM_SCENARIO={scenario} SIM_SEED={seed} cargo run -p sim -- --journal");
            failures.push(format!("{}to see it: {again}\n", said(&output)));
        }
    }
    assert!(failures.is_empty(), "{} of {seeds} seeds failed\n{}", failures.len(), failures.join("\n"));
}

macro_rules! scenarios {
    ($($name:ident: $scenario:ident,)*) => {
        $(#[test]
        fn $name() {
            play_all(Scenario::$scenario);
        })*

        #[test]
        fn every_scenario_is_played() {
            assert_eq!([$(Scenario::$scenario),*].len(), Scenario::ALL.len());
        }
    };
}

scenarios! {
    one_request_wakes_an_app: Wake,
    a_spike_from_zero_is_answered: Spike,
    load_that_comes_and_goes_with_the_window_is_followed: Sawtooth,
    a_day_is_followed: Day,
    slow_starts_are_waited_for: SlowStart,
    a_crash_loop_ends_when_its_cause_does: CrashLoop,
    an_api_server_in_trouble_is_waited_for: ApiServer,
    the_loss_of_a_leader_loses_nothing: LeaderLoss,
    the_loss_of_an_activator_loses_what_it_held_alone: ActivatorLoss,
    nothing_that_could_be_served_is_lost_in_a_partition: Partitions,
    a_wall_clock_that_jumps_changes_nothing: ClockSteps,
    a_good_version_is_released: GoodRelease,
    a_bad_version_is_withdrawn: BadRelease,
    a_version_that_nobody_uses_waits: SilentRelease,
    a_version_that_is_bad_at_times_comes_to_an_end: FlappingRelease,
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_not() {
    for scenario in [Scenario::Spike, Scenario::LeaderLoss] {
        let run = |seed| said(&play(scenario, seed));
        let (first, again, other) = (run(3), run(3), run(4));
        let digest = |said: &str| said.split("digest ").nth(1).map(str::to_owned);
        assert!(digest(&first).is_some(), "{first}");
        assert_eq!(first, again);
        assert_ne!(digest(&first), digest(&other));
    }
}
