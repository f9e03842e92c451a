//! One check of a candidate: do its requests of this step say that it is good, that it is bad, or nothing?

use crate::spec::Analysis;
use crate::tally::Tally;
use crate::text;

/// Natural logarithm of (1 - risk) / risk at 5 %: where a sequential test decides (Wald 1945).
const DECIDES: f64 = 2.944;

/// What requests of our own came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Probes {
    /// Sent.
    pub sent: u64,
    /// Of these, not answered as expected.
    pub failed: u64,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Too few requests; how many there are.
    NoData(u64),
    /// Every bound holds.
    Pass,
    /// A bound does not; which, with its figures.
    Fail(String),
}

/// Judges by all requests since the step began. `probes` stand in for users: they count as requests, and as failed.
pub fn judge(analysis: &Analysis, candidate: &Tally, stable: &Tally, probes: Probes) -> Verdict {
    let requests = candidate.requests + probes.sent;
    let errors = candidate.errors + probes.failed;
    let failed = error_rate(analysis, requests, errors)
        .or_else(|| more_errors(analysis, requests, errors, stable))
        .or_else(|| if requests < analysis.min_requests { None } else { slow(analysis, candidate, stable) });
    match failed {
        Some(why) => Verdict::Fail(why),
        None if requests < analysis.min_requests => Verdict::NoData(requests),
        None => Verdict::Pass,
    }
}

/// With fewer requests than a check needs, it fails as soon as no further good ones could make up for the bad.
fn error_rate(analysis: &Analysis, requests: u64, errors: u64) -> Option<String> {
    let most = analysis.max_error_rate?;
    let rate = errors as f64 / requests.max(analysis.min_requests) as f64;
    (rate > most)
        .then(|| format!("{errors} of {requests} requests failed, at most {} may (maxErrorRate)", text::percent(most)))
}

/// Sequential probability ratio test of "no worse than stable" against "worse by the allowed difference". While it has not
/// decided, nothing speaks against the candidate.
fn more_errors(analysis: &Analysis, requests: u64, errors: u64, stable: &Tally) -> Option<String> {
    let allowed = analysis.more_errors?;
    if stable.requests < analysis.min_requests {
        return None;
    }
    // Half a failure more: a rate of nothing would make the first failure proof.
    let as_stable = (stable.errors as f64 + 0.5) / (stable.requests as f64 + 1.0);
    let worse = (as_stable + allowed).min(0.999);
    let (bad, good) = (errors as f64, requests.saturating_sub(errors) as f64);
    let evidence = bad * (worse / as_stable).ln() + good * ((1.0 - worse) / (1.0 - as_stable)).ln();
    (evidence >= DECIDES).then(|| {
        format!(
            "{errors} of {requests} requests failed, of the stable revision {} of {}; at most {} more may \
             (vsStable.errorRate)",
            stable.errors,
            stable.requests,
            text::percent(allowed)
        )
    })
}

fn slow(analysis: &Analysis, candidate: &Tally, stable: &Tally) -> Option<String> {
    let p99 = candidate.times.quantile(0.99)?;
    let told = text::time(p99);
    if let Some(most) = analysis.max_p99.filter(|most| p99 > *most) {
        return Some(format!("p99 is {told}, at most {} is allowed (maxP99)", text::time(most)));
    }
    let factor = analysis.times_p99?;
    if stable.times.total() < analysis.min_requests {
        return None;
    }
    let of_stable = stable.times.quantile(0.99)?;
    (p99 > of_stable.mul_f64(factor)).then(|| {
        format!(
            "p99 is {told}, of the stable revision {}; at most x{factor} is allowed (vsStable.p99)",
            text::time(of_stable)
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::rollout as wish;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn analysis(given: serde_json::Value) -> Analysis {
        Analysis::from(&serde_json::from_value::<wish::Analysis>(given).expect("valid"))
    }

    fn tally(requests: u64, errors: u64, millis: u64) -> Tally {
        let mut tally = Tally { requests, errors, ..Tally::default() };
        (0..requests).for_each(|_| tally.times.record(Duration::from_millis(millis)));
        tally
    }

    fn fails(analysis: &Analysis, candidate: &Tally, stable: &Tally) -> Option<String> {
        match judge(analysis, candidate, stable, Probes::default()) {
            Verdict::Fail(why) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn without_enough_requests_there_is_no_data() {
        let rules = analysis(json!({ "minRequests": 10, "maxErrorRate": "50%", "maxP99": "1ms" }));
        assert_eq!(judge(&rules, &tally(9, 0, 900), &tally(0, 0, 0), Probes::default()), Verdict::NoData(9));
        let probes = Probes { sent: 1, failed: 0 };
        assert!(matches!(judge(&rules, &tally(9, 0, 0), &tally(0, 0, 0), probes), Verdict::Pass), "probes stand in");
    }

    #[test]
    fn what_can_no_longer_pass_fails_early() {
        let rules = analysis(json!({ "minRequests": 100, "maxErrorRate": "1%" }));
        assert_eq!(judge(&rules, &tally(5, 1, 1), &tally(0, 0, 0), Probes::default()), Verdict::NoData(5));
        let told = fails(&rules, &tally(5, 2, 1), &tally(0, 0, 0)).expect("2 of 100 at the best");
        assert_eq!(told, "2 of 5 requests failed, at most 1 % may (maxErrorRate)");
    }

    #[test]
    fn times_are_compared_with_a_bound_and_with_the_stable_one() {
        let rules = analysis(json!({ "minRequests": 10, "maxP99": "500ms", "vsStable": { "p99": "x2" } }));
        assert_eq!(fails(&rules, &tally(10, 0, 100), &tally(10, 0, 100)), None);
        let told = fails(&rules, &tally(10, 0, 700), &tally(10, 0, 700)).expect("too slow");
        assert!(told.starts_with("p99 is ") && told.ends_with("at most 500 ms is allowed (maxP99)"), "{told}");
        let told = fails(&rules, &tally(10, 0, 100), &tally(10, 0, 10)).expect("ten times as slow");
        assert!(told.ends_with("at most x2 is allowed (vsStable.p99)"), "{told}");
        assert_eq!(fails(&rules, &tally(10, 0, 100), &tally(9, 0, 10)), None, "of the stable one too little is known");
    }

    #[test]
    fn requests_that_met_a_cold_start_do_not_make_it_slow() {
        let rules = analysis(json!({ "minRequests": 10, "maxP99": "1ms" }));
        let cold = Tally { requests: 10, cold_starts: 10, ..Tally::default() };
        assert_eq!(judge(&rules, &cold, &Tally::default(), Probes::default()), Verdict::Pass);
    }

    /// Of `runs` releases of a candidate that fails with `rate`, how many are refused at some check of 20 requests.
    fn refused(rate: f64, runs: u32) -> u32 {
        let rules = analysis(json!({ "minRequests": 50, "vsStable": { "errorRate": "+2%" } }));
        let stable = tally(2_000, 20, 1);
        // A generator of its own (Knuth's MMIX), so that the figure is always the same.
        let mut seed = 7u64;
        let mut chance = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        let one = |chance: &mut dyn FnMut() -> f64| {
            let mut tally = Tally::default();
            (0..50).any(|_| {
                tally.requests += 20;
                tally.errors += (0..20).filter(|_| chance() < rate).count() as u64;
                fails(&rules, &tally, &stable).is_some()
            })
        };
        (0..runs).filter(|_| one(&mut chance)).count() as u32
    }

    #[test]
    fn looking_often_does_not_refuse_a_good_one_by_chance() {
        assert!(refused(0.01, 400) <= 400 / 20 + 10, "{}", refused(0.01, 400));
        assert!(refused(0.05, 400) >= 390, "{}", refused(0.05, 400));
    }

    proptest! {
        #[test]
        fn one_failure_more_never_makes_it_pass(requests in 1u64..500, errors in 0u64..500, base in 0u64..20) {
            let errors = errors.min(requests - 1);
            let rules = analysis(json!({ "maxErrorRate": "5%", "vsStable": { "errorRate": "+1%" } }));
            let of_stable = Tally { requests: 1_000, errors: base, ..Tally::default() };
            let with = |errors| fails(&rules, &Tally { requests, errors, ..Tally::default() }, &of_stable);
            prop_assert!(with(errors).is_none() || with(errors + 1).is_some());
        }
    }
}
